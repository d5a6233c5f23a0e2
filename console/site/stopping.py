"""How a process with an event loop learns that it should stop."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress


def stop_on(numbers: Sequence[signal.Signals], stop: asyncio.Event) -> None:
    """Let each of these signals set `stop`, from now until the process ends.

    The event loop's own handlers end with the loop: another Ctrl-C just then would interrupt the
    clean-up after it.
    """
    loop = asyncio.get_running_loop()

    def told(*_signal: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: it is ending
            loop.call_soon_threadsafe(stop.set)

    for number in numbers:
        signal.signal(number, told)
