"""How the streams to SIEMs stand, for Operations, /readyz, metrics and the command."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Max
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from console.audit.models import AuditEntry, AuditStream
from console.database.clock import near_now
from console.text.sentences import Sentence, read_stored
from console.text.wording import worded

LATE_SECONDS = 900.0


@dataclass(frozen=True)
class Standing:
    """How far the stream to a receiver is. `waiting` are the entries that it has not passed, and
    `waiting_seconds` how long the oldest of them has waited."""

    name: str
    stream: AuditStream
    waiting: int
    waiting_seconds: float

    @property
    def trouble(self) -> str:
        return worded(read_stored(self.stream.trouble))

    @property
    def unconfirmed(self) -> int:
        """How many messages are sent again if the connection breaks or the worker dies."""
        return len(self.stream.sent) - 1


def standings() -> list[Standing]:
    """Return how each stream that is set stands. One that no worker has begun is not among them."""
    if not settings.SIEM_TO:
        return []
    names = [each.name for each in settings.SIEM_TO]
    newest = AuditEntry.objects.aggregate(seq=Max("seq"))["seq"] or 0
    rows = AuditStream.objects.in_bulk(names)
    return [_standing(rows[name], newest) for name in names if name in rows]


def _standing(row: AuditStream, newest: int) -> Standing:
    waiting = max(0, newest - row.told_to)
    oldest: datetime | None = None
    if waiting:
        entries = AuditEntry.objects.filter(seq__gt=row.told_to).order_by("seq")
        oldest = entries.values_list("at", flat=True).first()
    seconds = (near_now() - oldest).total_seconds() if oldest else 0.0
    return Standing(row.place, row, waiting, max(0.0, seconds))


def stream_troubles() -> Iterator[Sentence]:
    """Yield which receivers have taken nothing for too long."""
    for standing in standings():
        if standing.waiting_seconds > LATE_SECONDS:
            yield Sentence(
                "siem_late",
                "Entries of the ledger have waited for the SIEM at {receiver} for {seconds:.0f} s. "
                "{why:spaced}",
                receiver=standing.name,
                seconds=standing.waiting_seconds,
                why=[read_stored(standing.stream.trouble)] if standing.stream.trouble else [],
            )


def stream_metrics() -> Iterator[Metric]:
    """Yield the metrics of the streams; nothing where none is set."""
    found = standings()
    if not found:
        return
    waiting = GaugeMetricFamily(
        "console_siem_waiting_entries",
        "Entries of the ledger that the stream has not passed.",
        labels=["receiver"],
    )
    seconds = GaugeMetricFamily(
        "console_siem_waiting_seconds",
        "Seconds since the oldest of these; 0 where none is.",
        labels=["receiver"],
    )
    counters = {
        "streamed": CounterMetricFamily(
            "console_siem_messages",
            "Messages that the receiver took, repeated ones included.",
            labels=["receiver"],
        ),
        "skipped": CounterMetricFamily(
            "console_siem_skipped_entries",
            "Entries that left the ledger before they were streamed.",
            labels=["receiver"],
        ),
        "failures": CounterMetricFamily(
            "console_siem_failures",
            "Runs in which the receiver did not take what it was sent.",
            labels=["receiver"],
        ),
    }
    for standing in found:
        waiting.add_metric([standing.name], standing.waiting)
        seconds.add_metric([standing.name], standing.waiting_seconds)
        for field, family in counters.items():
            family.add_metric([standing.name], getattr(standing.stream, field))
    yield from (waiting, seconds, *counters.values())
