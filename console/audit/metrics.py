"""Metrics of the ledger, exposed with those of sending. docs/operations.md describes them."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from console.audit.models import AuditCheckpoint, AuditEntry, AuditRefusal
from console.database.clock import near_now


class LedgerMetrics(Collector):
    """How long entries have waited for a checkpoint. Each query reads one row by its key."""

    def collect(self) -> Iterator[Metric]:
        yield _seconds(
            "console_ledger_unsigned_seconds",
            "Seconds since the oldest entry that no checkpoint vouches for; 0 where none is.",
            ledger_unsigned_seconds(),
        )
        refused = GaugeMetricFamily(
            "console_ledger_refused",
            "1 while no checkpoint is made, since what stands in the ledger does not hold.",
        )
        refused.add_metric([], AuditRefusal.objects.exists())
        yield refused
        if not settings.CHECKPOINTS_TO:
            return
        outside = AuditCheckpoint.objects.exclude(outside_at=None).first()
        yield _seconds(
            "console_ledger_not_kept_outside_seconds",
            "Seconds since the oldest entry that no checkpoint kept outside vouches for; 0 where "
            "none is.",
            _waits_since(_first_after(outside.seq if outside else 0)),
        )


def _first_after(seq: int) -> datetime | None:
    entries = AuditEntry.objects.filter(seq__gt=seq).order_by("seq")
    return entries.values_list("at", flat=True).first()


def ledger_unsigned_seconds() -> float:
    """Return how long the oldest entry without a checkpoint has waited for one; 0 if none does."""
    newest = AuditCheckpoint.objects.first()
    return _waits_since(_first_after(newest.seq if newest else 0))


def _waits_since(since: datetime | None) -> float:
    return max(0.0, (near_now() - since).total_seconds()) if since else 0.0


def _seconds(name: str, words: str, seconds: float) -> Metric:
    family = GaugeMetricFamily(name, words)
    family.add_metric([], seconds)
    return family
