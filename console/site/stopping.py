"""How a process with an event loop learns that it should stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import structlog

logger = structlog.get_logger("console.site")


def stop_on(
    numbers: Sequence[signal.Signals], stop: asyncio.Event, *, second_ends: bool = False
) -> None:
    """Let each of these signals set `stop`, from now until the process ends. With `second_ends` a
    second one ends the process at once, whatever it waits for.

    The event loop's own handlers end with the loop: another Ctrl-C just then would interrupt the
    clean-up after it.
    """
    loop = asyncio.get_running_loop()
    has_come = False

    def told(number: int, _frame: object) -> None:
        nonlocal has_come
        if has_come and second_ends:
            _end_on_second(number)
        has_come = True
        with suppress(RuntimeError):  # the loop is closed: it is ending
            loop.call_soon_threadsafe(stop.set)

    if second_ends:
        _ending_at_once.append(told)
    for number in numbers:
        signal.signal(number, told)


_ending_at_once: list[object] = []


def ends_at_once(number: signal.Signals) -> bool:
    """Return whether another such signal ends the process at once."""
    return signal.getsignal(number) in _ending_at_once


def _end_on_second(number: int) -> None:
    try:
        logger.warning("ended at once by a second signal", signal=signal.Signals(number).name)
    finally:
        end_at_once(128 + number)


def end_at_once(status: int) -> NoReturn:
    """End the process without waiting for anything. No thread is joined, and nothing is cleaned
    up."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
