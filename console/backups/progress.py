"""Tells how far something long is, every few seconds."""

import time
from collections.abc import Callable

EVERY_SECONDS = 5.0
Tell = Callable[[str], object]


def nobody(_line: str) -> None:
    """Tell nobody."""


class Progress:
    """Passes a line on if the last one is some seconds old: short work tells nothing."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._told_at = tell, time.monotonic()

    def say(self, line: Callable[[], str]) -> None:
        if time.monotonic() - self._told_at >= EVERY_SECONDS:
            self._told_at = time.monotonic()
            self._tell(line())
