"""The throttle of sign-ins: it limits attempts for each name and each address.

It counts for all web processes together, and before the password is hashed, so that refused
attempts cost next to nothing.
"""

import unicodedata

from django.http import HttpRequest

from console.accounts.services import counters
from console.accounts.signing_in.addresses import household, sender_address

WINDOW_SECONDS = 5 * 60
NAME_LIMIT = 10
ADDRESS_LIMIT = 30


def plain_name(name: str) -> str:
    """Return a name as counters use it: normalized like the sign-in form's, and in lower case,
    since names are unique in any case."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


class Attempt:
    """One attempt to sign in.

    It counts as failed until `succeeded` is called, so that concurrent attempts can't exceed the
    limits.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._name = _named(request.POST.get("login", ""))
        self._address = f"sign-in of address {household(sender_address(request))}"

    def seconds_to_wait(self) -> int:
        """Count the attempt. Return 0 if it may proceed, else the seconds until the next may."""
        return _counted(self._address, ADDRESS_LIMIT) or _counted(self._name, NAME_LIMIT)

    def succeeded(self) -> None:
        """Reset the name's count, and subtract this attempt from the address's."""
        counters.forget(self._name)
        counters.take_back(self._address)


def directory_refusal_counts(address: str) -> bool:
    """Count a failed answer of the directory, which anybody can forge. Return whether to record it.

    Beyond the address's limit it is not recorded, so that strangers can't flood the ledger.
    """
    return not _counted(f"directory at address {household(address)}", ADDRESS_LIMIT)


def forget(name: str) -> None:
    """Reset the count of this name."""
    counters.forget(_named(name))


def _named(name: str) -> str:
    return f"sign-in of name {plain_name(name)}"


def _counted(what: str, limit: int) -> int:
    return counters.seconds_to_wait(what, limit=limit, seconds=WINDOW_SECONDS)
