"""Reads the next entries of the ledger as messages, with bounds on their number and size."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Max, Min

from console.audit.models import ACTION_LABELS, AuditEntry, AuditSeal, AuditStream
from console.audit.siem.events import ENTITY, OTHER, Meaning, Outcome, Severity
from console.audit.siem.message import FIELD_BYTES, KEPT_BACK, Message, bounded
from console.audit.siem.settings import Chosen
from console.database.clock import near_now

# Of one batch: entries that are looked at, messages, and bytes of their data as they are read.
ENTRIES_LOOKED_AT, MESSAGES_AT_ONCE = 2_000, 50

GAP, TEST = "stream.gap", "stream.test"
SYSTEM = ("system:audit", "Notice Console (audit)")
OF_THE_STREAM = Meaning(ENTITY, OTHER)
LOST = Meaning(ENTITY, OTHER, Severity.HIGH, Outcome.FAILURE)

# A list of ten thousand deliveries does not come out of the database to be left out here.
NEXT = """
SELECT e.seq, e.at, e.actor_ref, e.actor_name, e.action, e.target_kind, e.target_ref,
    e.target_name, e.prev_hash, e.hash, of_data.small, of_data.large
FROM audit_auditentry e
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(key, value) FILTER (WHERE stays), '{}'),
        coalesce(jsonb_object_agg(key, elements) FILTER (WHERE NOT stays), '{}')
    FROM (
        SELECT key, value,
            octet_length(value::text) <= %(field)s AND key <> ALL (%(back)s::text[]) AS stays,
            CASE jsonb_typeof(value) WHEN 'array' THEN jsonb_array_length(value) END AS elements
        FROM jsonb_each(e.data)
    ) AS field
) AS of_data(small, large)
WHERE e.seq > %(after)s AND e.seq <= %(upto)s
    AND (e.action = ANY (%(actions)s::text[])
        OR EXISTS (SELECT FROM unnest(%(prefixes)s::text[]) AS prefix
            WHERE starts_with(e.action, prefix)))
ORDER BY e.seq LIMIT %(most)s
"""


@dataclass(frozen=True)
class Batch:
    """The next messages, and the entry up to which they tell all that is chosen. `skipped` is how
    many entries are not in the ledger any more."""

    messages: Sequence[Message]
    upto: int
    skipped: int = 0


def next_batch(stream: AuditStream) -> Batch:
    """Return what is to be sent next. Its `upto` is the stream's own if nothing is new."""
    bounds = AuditEntry.objects.aggregate(oldest=Min("seq"), newest=Max("seq"))
    oldest, newest = bounds["oldest"], bounds["newest"]
    if newest is None or newest <= stream.told_to:
        return Batch((), stream.told_to)
    if oldest > stream.told_to + 1:
        return _gap(stream, oldest - 1)
    upto = min(newest, stream.told_to + ENTRIES_LOOKED_AT)
    rows = _rows(stream.told_to, upto, settings.SIEM_ACTIONS or Chosen())
    messages, follows = [], stream.sent[-1]
    for row in rows:
        messages.append(_message(row, follows))
        follows = row.seq
    return Batch(messages, follows if len(rows) == MESSAGES_AT_ONCE else upto)


class _Row(NamedTuple):
    seq: int
    at: datetime
    actor_ref: str
    actor_name: str
    action: str
    target_kind: str
    target_ref: str
    target_name: str
    prev_hash: str
    hash: str
    data: str
    left_out: str


def _rows(after: int, upto: int, chosen: Chosen) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            NEXT,
            {
                "field": FIELD_BYTES,
                "back": list(KEPT_BACK),
                "after": after,
                "upto": upto,
                "actions": list(chosen.actions),
                "prefixes": list(chosen.prefixes),
                "most": MESSAGES_AT_ONCE,
            },
        )
        return [_Row(*row) for row in cursor.fetchall()]


def _message(row: _Row, follows: int) -> Message:
    said = {
        **row._asdict(),
        "label": str(ACTION_LABELS.get(row.action, row.action)),
        "follows": follows,
        "data": json.loads(row.data),
        "left_out": json.loads(row.left_out),
    }
    return bounded(Message(**said))


def _gap(stream: AuditStream, last: int) -> Batch:
    """Return a message that says which entries have left the ledger before they were streamed."""
    first = stream.told_to + 1
    seals = AuditSeal.objects.filter(last__gte=first).order_by("last")
    archives = list(seals.values_list("file", flat=True)[:20])
    sealed = seals.values_list("last", flat=True).last() or 0
    why = "were archived" if sealed >= last else "were taken out of the database"
    message = own_message(
        GAP,
        f"Entries {first} to {last} {why} before they were streamed",
        seq=last,
        follows=stream.sent[-1],
        data={"first": first, "last": last, "archives": archives},
        told_as=LOST,
    )
    return Batch([message], last, skipped=last - first + 1)


def own_message(
    action: str, label: str, *, seq: int, follows: int, data: dict[str, Any], told_as: Meaning
) -> Message:
    """Return a message that is of no entry: it has no hash."""
    ref, name = SYSTEM
    return bounded(
        Message(
            seq=seq,
            at=near_now(),
            actor_ref=ref,
            actor_name=name,
            action=action,
            label=label,
            target_kind="ledger",
            target_ref=str(seq),
            target_name="",
            follows=follows,
            data=data,
            told_as=told_as,
        )
    )
