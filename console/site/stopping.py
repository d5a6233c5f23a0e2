"""How a process that runs an event loop hears that it is to stop."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress


def stop_on(numbers: Sequence[signal.Signals], stop: asyncio.Event) -> None:
    """Have each of these signals set `stop`, from now until the process ends.

    The event loop's own handlers go with the loop: whoever presses Ctrl-C once more just then would
    interrupt what tidies up behind it.
    """
    loop = asyncio.get_running_loop()

    def told(*_signal: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: it is ending
            loop.call_soon_threadsafe(stop.set)

    for number in numbers:
        signal.signal(number, told)
