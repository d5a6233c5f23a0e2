"""Runs days of a simulation in processes, each day with a seed of its own."""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tools.simulate.setup import prepare

if TYPE_CHECKING:
    from tools.simulate.day import DayResult

DAY_HOURS = 24.0


def days(hours: float, seed: str, day_hours: float) -> Iterator[tuple[str, float]]:
    """Return the seed and the hours of each day, of which none is longer than `day_hours`."""
    if "/" in seed:
        yield seed, min(hours, day_hours)
        return
    for number in range(math.ceil(hours / day_hours)):
        yield f"{seed}/{number}", min(day_hours, hours - number * day_hours)


def one_day(seed: str, hours: float) -> "DayResult":
    from tools.simulate.day import simulate_day

    return simulate_day(seed, hours)


def simulate(
    hours: float, seed: str, processes: int, day_hours: float = DAY_HOURS
) -> "Iterator[DayResult]":
    """Simulate all days, and return what came out of each, in their order."""
    left = days(hours, seed, day_hours)
    with ProcessPoolExecutor(processes, get_context("spawn"), prepare) as pool:
        running: list[Future[DayResult]] = []
        try:
            while True:
                most = 4 * processes - len(running)
                running += [pool.submit(one_day, *day) for day in islice(left, most)]
                if not running:
                    return
                yield running.pop(0).result()
        finally:
            for each in running:
                with suppress(Exception):
                    each.cancel()
