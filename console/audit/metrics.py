"""Metrics of the ledger, exposed with those of sending. docs/operations.md describes them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from console.audit.checkpoints import newest_checkpoint, those_signed
from console.audit.models import AuditCheckpoint, AuditEntry, AuditRefusal, StateCheck
from console.audit.outside import kept_to
from console.audit.siem.standing import stream_metrics
from console.audit.tlog.notes import BadNote
from console.audit.tlog.outside import folder
from console.audit.tlog.publishing import published_to
from console.audit.tlog.standing import TreeRefused, tree_require_going_on
from console.audit.tlog.tree import head_said, newest_head
from console.audit.witnessing.quorum import quorum_seconds, seconds_since, witnessing
from console.database.clock import near_now
from console.text.sentences import Sentence


class LedgerMetrics(Collector):
    """How long entries have waited for a checkpoint and for the tree. Each query reads one row by
    its key."""

    def collect(self) -> Iterator[Metric]:
        yield _gauge(
            "console_ledger_unsigned_seconds",
            "Seconds since the oldest entry that no checkpoint vouches for; 0 where none is.",
            ledger_unsigned_seconds(),
        )
        yield _gauge(
            "console_ledger_refused",
            "1 while no checkpoint is made, since what stands in the ledger does not hold.",
            AuditRefusal.objects.exists(),
        )
        if settings.STATE_CHECK:
            yield from _state_compared()
        if settings.CHECKPOINTS_TO:
            yield _gauge(
                "console_ledger_not_kept_outside_seconds",
                "Seconds since the oldest entry that no checkpoint kept outside vouches for; 0 "
                "where none is.",
                ledger_not_outside_seconds(),
            )
        yield _gauge(
            "console_ledger_tree_unsigned_seconds",
            "Seconds since the oldest entry that no signed head of the tree covers; 0 where none "
            "is.",
            tree_unsigned_seconds(),
        )
        if folder() is not None:
            yield _gauge(
                "console_ledger_tree_not_published_seconds",
                "Seconds since the oldest entry that no published head of the tree covers; 0 "
                "where none is.",
                tree_not_published_seconds(),
            )
        yield _gauge(
            "console_ledger_tree_refused",
            "1 while the tree does not grow because it would contradict what was signed; else 0.",
            tree_refusal() is not None,
        )
        yield from _of_witnesses()
        yield from stream_metrics()


def _of_witnesses() -> Iterator[Metric]:
    """What witnesses have cosigned; nothing where no policy is set."""
    found = witnessing()
    if found is None:
        return
    seconds = quorum_seconds()
    if seconds is not None:
        yield _gauge(
            "console_ledger_quorum_seconds",
            "Seconds since a quorum of witnesses cosigned a head of the tree; since the tree began "
            "where none has.",
            seconds,
        )
    ages = GaugeMetricFamily(
        "console_witness_cosigned_seconds",
        "Seconds since a witness cosigned a head of the tree.",
        labels=["witness"],
    )
    contradictions = GaugeMetricFamily(
        "console_witness_contradicts",
        "1 while a witness says that the ledger is not what it saw before; else 0.",
        labels=["witness"],
    )
    for standing in found.standings:
        if standing.cosigned is not None:
            ages.add_metric([standing.witness.shown], seconds_since(standing.cosigned.at))
        contradictions.add_metric([standing.witness.shown], standing.contradicts)
    yield from (ages, contradictions)


def _state_compared() -> Iterator[Metric]:
    differences, seconds = state_compared()
    yield _gauge(
        "console_state_differences",
        "What the last whole comparison of the state with the ledger found to differ.",
        differences,
    )
    yield _gauge(
        "console_state_compared_seconds",
        "Seconds since the state was last compared as a whole with the ledger.",
        seconds,
    )


def state_compared() -> tuple[int, float]:
    """Return how many differences the last whole nightly comparison found, and how many seconds ago
    it was. If there was none, that is since the oldest entry."""
    found = StateCheck.objects.values_list("differences", "whole_at").first()
    differences, whole_at = found or (0, None)
    return differences, _waits_since(whole_at or _first_after(0))


def _first_after(seq: int) -> datetime | None:
    entries = AuditEntry.objects.filter(seq__gt=seq).order_by("seq")
    return entries.values_list("at", flat=True).first()


def ledger_unsigned_seconds() -> float:
    """Return how long the oldest entry without a checkpoint has waited for one; 0 if none does."""
    newest = newest_checkpoint()
    return _waits_since(_first_after(newest.seq if newest else 0))


# The newest checkpoint, when the first entry after it was made, and the first refusal of one: each
# page of those who look after the trail needs them.
TRUST = """
    SELECT newest.*, refusal.seq AS refused_seq, refusal.at AS refused_at,
        (SELECT at FROM audit_auditentry WHERE seq > coalesce(newest.seq, 0)
         ORDER BY seq LIMIT 1) AS unsigned_since
    FROM (SELECT) AS one
    LEFT JOIN (SELECT * FROM audit_auditcheckpoint ORDER BY seq DESC LIMIT 1) AS newest ON true
    LEFT JOIN (SELECT * FROM audit_auditrefusal ORDER BY seq LIMIT 1) AS refusal ON true
"""


def unsigned_and_refusal() -> tuple[float, AuditRefusal | None]:
    """Return `ledger_unsigned_seconds`, and why no checkpoint is made, if none is. Mostly one
    query."""
    newest: Any = AuditCheckpoint.objects.raw(TRUST)[0]
    refusal = None
    if newest.refused_seq is not None:
        refusal = AuditRefusal(newest.refused_seq, newest.refused_at)
    if newest.seq is not None and not any(those_signed([newest])):
        return ledger_unsigned_seconds(), refusal
    return _waits_since(newest.unsigned_since), refusal


def ledger_not_outside_seconds() -> float:
    """Return how long the oldest entry has waited for a checkpoint that stands outside."""
    return _waits_since(_first_after(kept_to()))


def _waits_since(since: datetime | None) -> float:
    return max(0.0, (near_now() - since).total_seconds()) if since else 0.0


def tree_unsigned_seconds() -> float:
    """Return how long the oldest entry has waited for a signed head of the tree."""
    head = newest_head()
    try:
        size = head_said(head).size if head else 0
    except BadNote:
        size = 0
    return _waits_since(_first_after(size))


def tree_not_published_seconds() -> float:
    """Return how long the oldest entry has waited for a head of the tree that is published."""
    return _waits_since(_first_after(published_to()))


def tree_refusal() -> Sentence | None:
    """Return why the tree does not grow any more; None if it does."""
    try:
        tree_require_going_on()
    except TreeRefused as refusal:
        return refusal.said
    except OSError:
        return None  # it is not published, which is told
    return None


def _gauge(name: str, words: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, words)
    family.add_metric([], value)
    return family
