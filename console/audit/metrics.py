"""Metrics of the ledger, exposed with those of sending. docs/operations.md describes them."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from console.audit.models import AuditCheckpoint, AuditEntry
from console.database.clock import near_now


class LedgerMetrics(Collector):
    """How long entries have waited for a checkpoint. Each query reads one row by its key."""

    def collect(self) -> Iterator[Metric]:
        now = near_now()
        newest = AuditCheckpoint.objects.first()
        signed_to = newest.seq if newest else 0
        yield _waits(
            "console_ledger_unsigned_seconds",
            "Seconds since the oldest entry that no checkpoint vouches for; 0 where none is.",
            now,
            _first_after(signed_to),
        )
        if not settings.CHECKPOINTS_TO:
            return
        outside = AuditCheckpoint.objects.exclude(outside_at=None).first()
        yield _waits(
            "console_ledger_not_kept_outside_seconds",
            "Seconds since the oldest entry that no checkpoint kept outside vouches for; 0 where "
            "none is.",
            now,
            _first_after(outside.seq if outside else 0),
        )


def _first_after(seq: int) -> datetime | None:
    entries = AuditEntry.objects.filter(seq__gt=seq).order_by("seq")
    return entries.values_list("at", flat=True).first()


def _waits(name: str, words: str, now: datetime, since: datetime | None) -> Metric:
    seconds = max(0.0, (now - since).total_seconds()) if since else 0.0
    family = GaugeMetricFamily(name, words)
    family.add_metric([], seconds)
    return family
