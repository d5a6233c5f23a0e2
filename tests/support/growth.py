"""How the time for something grows with its length, by the CPU that it takes and no clock."""

import gc
import time
from collections.abc import Callable
from statistics import median

# Twice the length may take twice the time; what goes over that is noise. A square takes 4 times.
MOST = 2.5
LEAST_SECONDS = 0.002
ROUNDS = 3
TRIES = 4
MOST_TIMES = 300


def seconds(action: Callable[[], object], times: int = 1) -> float:
    """Of this thread's CPU, for so many times."""
    began = time.thread_time()
    for _ in range(times):
        action()
    return time.thread_time() - began


def ratio(once: Callable[[], object], twice: Callable[[], object]) -> float:
    """How many times as long `twice`, which is given twice as much, takes."""
    times = 1
    while times < MOST_TIMES and seconds(once, times) < LEAST_SECONDS:
        times *= 2
    pairs = [(seconds(once, times), seconds(twice, times)) for _ in range(ROUNDS)]
    return median(more for _base, more in pairs) / median(base for base, _more in pairs)


def require_linear(made: Callable[[int], Callable[[], object]], length: int) -> None:
    """`made(n)` is to be done with a length of n. Other work of the machine may spoil a
    measurement, but not all of them."""
    once, twice = made(length), made(2 * length)
    found = []
    gc.disable()
    try:
        for _ in range(TRIES):
            found.append(ratio(once, twice))
            if found[-1] <= MOST:
                return
    finally:
        gc.enable()
    raise AssertionError(f"twice as much takes {min(found):.1f} times as long")
