"""What this process's drains did: counted in bulk by the drains, read at a scrape.

Only the event loop counts, without a lock, so that a delivery costs a fraction of a microsecond.
The thread of a scrape may see a step half counted, and sees the rest the next time.
"""

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from console.sends.engine.outcomes import ClaimedDelivery, Ending
from console.sends.models import DeliveryStatus
from console.sends.observe.logs import compact

logger = structlog.get_logger("console.sends")
_standard_logger = logging.getLogger("console.sends")

# Upper bounds of the round-trip histogram, in seconds. One more bucket has all longer ones.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# The statuses in which a delivery ends, the most frequent first.
ENDED = tuple(
    (status, status.value)
    for status in (
        DeliveryStatus.DELIVERED,
        DeliveryStatus.FAILED,
        DeliveryStatus.UNKNOWN,
        DeliveryStatus.SKIPPED,
        DeliveryStatus.CANCELLED,
    )
)


@dataclass(slots=True)
class DrainCounts:
    """The counts of one Chat Server. `round_trips` are answers by bucket, `round_trip_seconds`
    their sum. `open` are claimed deliveries without a recorded outcome. `outcomes` are recorded
    ones by status, with "postponed" for those of which nothing was written."""

    round_trips: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    round_trip_seconds: float = 0.0
    drains: int = 0
    running: int = 0
    failures: int = 0
    steps: int = 0
    claimed: int = 0
    open: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


# Keyed by Chat Server, for the life of the process.
drain_counts: dict[str, DrainCounts] = {}


def _outcomes(endings: Sequence[Ending]) -> dict[str, int]:
    """Count endings by status. Hashes no Enum, whose own hash is slow."""
    statuses = [ending.status for ending in endings]
    counts = {}
    left = len(statuses)
    for status, name in ENDED:
        if not left:
            break
        if count := statuses.count(status):
            counts[name] = count
            left -= count
    return counts


def drain_failed(chat_server: str) -> None:
    """Count a drain that an error ended, the console's or the database's. The sweep restarts it."""
    drain_counts.setdefault(chat_server, DrainCounts()).failures += 1


class DrainRecord:
    """What one drain did, for the counts of its Chat Server and for the log."""

    def __init__(self, chat_server: str) -> None:
        self.chat_server = chat_server
        self.counts = drain_counts.setdefault(chat_server, DrainCounts())
        # The times of answers since the last step, in seconds; None if no answer came.
        self.round_trips: list[float | None] = []
        self.claimed = 0
        self.open = 0
        self.outcomes: Counter[str] = Counter()
        self.send_ids: set[int] = set()

    def start(self) -> None:
        self.counts.drains += 1
        self.counts.running += 1

    def step(
        self,
        claimed: Sequence[ClaimedDelivery],
        endings: Sequence[Ending],
        unsent: Sequence[Any],
    ) -> None:
        """Count a committed step: what it claimed, and what it recorded or put back."""
        self._count_round_trips()
        if claimed and not self.claimed:
            logger.info("drain started", chat_server=self.chat_server)
        outcomes = _outcomes(endings)
        if unsent:
            outcomes["postponed"] = len(unsent)
        change = len(claimed) - len(endings) - len(unsent)
        self.claimed += len(claimed)
        self.open += change
        self.send_ids |= {delivery.send_id for delivery in claimed}
        counts = self.counts
        counts.steps += 1
        counts.claimed += len(claimed)
        counts.open += change
        for name, number in outcomes.items():
            self.outcomes[name] += number
            counts.outcomes[name] += number
        if _standard_logger.isEnabledFor(logging.DEBUG):
            self._tell(claimed, endings, unsent)

    def stop(self) -> None:
        """Count the drain's end. Another drain has what is still open, or it was not written."""
        self._count_round_trips()
        self.counts.running -= 1
        self.counts.open -= self.open
        if self.claimed:
            logger.info(
                "drain stopped",
                chat_server=self.chat_server,
                sends=compact(self.send_ids),
                claimed=self.claimed,
                **self.outcomes,
            )

    def _count_round_trips(self) -> None:
        came, self.round_trips = self.round_trips, []
        buckets = self.counts.round_trips
        seconds = 0.0
        for round_trip in came:
            if round_trip is not None:
                buckets[bisect_left(BOUNDS, round_trip)] += 1
                seconds += round_trip
        self.counts.round_trip_seconds += seconds

    def _tell(
        self,
        claimed: Sequence[ClaimedDelivery],
        endings: Sequence[Ending],
        unsent: Sequence[Any],
    ) -> None:
        if claimed:
            self._tell_batch("deliveries claimed", claimed)
        if endings:
            self._tell_batch("deliveries ended", [ending.delivery for ending in endings])
        if unsent:
            self._tell_batch("deliveries postponed", [delivery for delivery, _why in unsent])

    def _tell_batch(self, event: str, deliveries: Sequence[ClaimedDelivery]) -> None:
        logger.debug(
            event,
            chat_server=self.chat_server,
            sends=compact(delivery.send_id for delivery in deliveries),
            deliveries=compact(delivery.id for delivery in deliveries),
            count=len(deliveries),
        )
