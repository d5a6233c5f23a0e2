"""Rates as settings write them: a number of calls in a unit of time."""

PERIODS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}


def limit_of(rate: str) -> tuple[int, int]:
    """Return `6000/min` as 6000 and 60 seconds."""
    most, _slash, unit = rate.partition("/")
    return int(most), PERIODS[unit[0]]
