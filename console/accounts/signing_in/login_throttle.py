"""The throttle of sign-ins: a bounded number of attempts for each name and each address.

Counted before the password is hashed, so that refused attempts cost next to nothing, and for all
web processes at once.
"""

import unicodedata

from django.http import HttpRequest

from console.accounts.services import counters
from console.accounts.signing_in.addresses import household, sender_address

WINDOW_SECONDS = 5 * 60
NAME_LIMIT = 10
ADDRESS_LIMIT = 30


def plain_name(name: str) -> str:
    """A name as all counting takes it: as the sign-in form reads it, and in any case, since names
    are unique in any case."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


class Attempt:
    """One attempt to sign in. It counts as failed until `succeeded` says otherwise, so that no
    number of attempts at the same time gets past the limits."""

    def __init__(self, request: HttpRequest) -> None:
        self._name = _named(request.POST.get("login", ""))
        self._address = f"sign-in of address {household(sender_address(request))}"

    def seconds_to_wait(self) -> int:
        """Count the attempt; 0 lets it go on. Seconds until the next may."""
        return _counted(self._address, ADDRESS_LIMIT) or _counted(self._name, NAME_LIMIT)

    def succeeded(self) -> None:
        """Forget the name's failures, and of the address's counts only this attempt."""
        counters.forget(self._name)
        counters.take_back(self._address)


def directory_refusal_counts(address: str) -> bool:
    """Count one more answer of the directory's that signed nobody in, which anybody can make up;
    False from the address's limit on, so that strangers don't fill the trail."""
    return not _counted(f"directory at address {household(address)}", ADDRESS_LIMIT)


def forget(name: str) -> None:
    """Let this name be tried again."""
    counters.forget(_named(name))


def _named(name: str) -> str:
    return f"sign-in of name {plain_name(name)}"


def _counted(what: str, limit: int) -> int:
    return counters.seconds_to_wait(what, limit=limit, seconds=WINDOW_SECONDS)
