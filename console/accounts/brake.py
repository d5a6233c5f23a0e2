"""The brake on guessing passwords: a bounded number of attempts for each name and each address.

Counted before the password is hashed, so that refused attempts cost next to nothing. The counts
are in the process's cache (LocMemCache): each web process counts for itself, a restart forgets.
"""

import hashlib
import time
import unicodedata

from django.core.cache import cache
from django.http import HttpRequest

from console.accounts.addresses import household, sender_address

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
        self._name = _key("name", plain_name(request.POST.get("login", "")))
        self._address = _key("address", household(sender_address(request)))

    def seconds_to_wait(self) -> int:
        """Count the attempt; 0 lets it go on. Seconds until the next may."""
        return _counted(self._address, ADDRESS_LIMIT) or _counted(self._name, NAME_LIMIT)

    def succeeded(self) -> None:
        """Forget the name's failures, and of the address's counts only this attempt."""
        cache.delete(self._name)
        if cache.get(self._address):
            cache.decr(self._address)


def directory_refusal_counts(address: str) -> bool:
    """Count one more answer of the directory's that signed nobody in, which anybody can make up;
    False from the address's limit on, so that strangers don't fill the trail."""
    return not _counted(_key("directory", household(address)), ADDRESS_LIMIT)


def forget(name: str) -> None:
    """Let this name be tried again."""
    cache.delete(_key("name", plain_name(name)))


def _key(kind: str, value: str) -> str:
    # Hashed: it is of any length and may hold anything.
    digest = hashlib.sha256(value.encode(errors="replace")).hexdigest()
    return f"sign-in-{kind}-{digest}"


def _counted(key: str, limit: int) -> int:
    """One more at `key`. 0, or over the limit the seconds until its window ends."""
    ends = time.time() + WINDOW_SECONDS
    if cache.add(key, 0, WINDOW_SECONDS):
        cache.set(f"{key}-ends", ends, WINDOW_SECONDS)
    try:
        count = cache.incr(key)
    except ValueError:  # its window ended just now
        return 0
    if count <= limit:
        return 0
    ends = float(cache.get(f"{key}-ends", ends))
    return max(1, round(ends - time.time()))
