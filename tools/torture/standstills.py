"""When nobody could go on with the work, and what is left of a time without that. Pure."""

from collections.abc import Iterable, Iterator
from functools import reduce

from tools.torture.evidence import DATABASE, Evidence

# A worker that was killed is back after about so long.
RESTART_SECONDS = 6.0
Interval = tuple[float, float]


def standstills(evidence: Evidence) -> list[Interval]:
    """Without the database, and while all workers were disturbed."""
    without = [(fault.begin, fault.end) for fault in evidence.faults if fault.subject == DATABASE]
    return [*without, *all_away(evidence)]


def all_away(evidence: Evidence) -> Iterator[Interval]:
    """While all workers were disturbed."""
    away = [
        [
            (other.begin, max(other.end, other.begin + RESTART_SECONDS))
            for other in evidence.faults
            if other.subject == worker
        ]
        for worker in evidence.workers
    ]
    if away:
        yield from reduce(_both, away)


def _both(some: list[Interval], others: list[Interval]) -> list[Interval]:
    """Where an interval of each overlaps."""
    common = ((max(one[0], other[0]), min(one[1], other[1])) for one in some for other in others)
    return [(begin, end) for begin, end in common if begin < end]


def less_outages(begin: float, end: float, outages: Iterable[Interval]) -> float:
    """Seconds since the last outage in between, as what was begun before it begins anew."""
    return end - max([begin, *(up for down, up in outages if down < end and begin < up < end)])
