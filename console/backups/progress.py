"""Tells how far something long is, every few seconds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


@contextmanager
def telling(tell: Tell, line: Callable[[], str]) -> Iterator[None]:
    """Pass a line on every few seconds, from a thread, while the caller waits for others."""
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.wait(EVERY_SECONDS):
            tell(line())

    teller = threading.Thread(target=go_on, name="progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()
