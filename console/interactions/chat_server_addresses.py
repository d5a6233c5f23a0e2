"""The check of a Chat Server's address. Only transports know what is valid, and only `sends` may
import them. So `sends` registers their check here when the site starts."""

from collections.abc import Callable


def _nobody_knows(url: str) -> None:
    raise ValueError(f"The address {url!r} can't be judged: no transport has been named.")


_check: Callable[[str], None] = _nobody_knows


def judged_by(check: Callable[[str], None]) -> None:
    """Register the check. It raises ValueError with a sentence that says what to change."""
    global _check
    _check = check


def check(url: str) -> None:
    """Raise ValueError for an invalid address, saying what to change."""
    _check(url)
