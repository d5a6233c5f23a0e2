"""What an address of a Chat Server is, the transports know, and only `sends` may ask them: when the
site starts it hands their check over to here."""

from collections.abc import Callable


def _nobody_knows(url: str) -> None:
    raise ValueError(f"The address {url!r} can't be judged: no transport has been named.")


_check: Callable[[str], None] = _nobody_knows


def judged_by(check: Callable[[str], None]) -> None:
    """From now on by this, which raises ValueError with a sentence that says what to change."""
    global _check
    _check = check


def check(url: str) -> None:
    """Raises ValueError, saying what to change."""
    _check(url)
