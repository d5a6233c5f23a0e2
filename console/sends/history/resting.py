"""Writes the deliveries of sends that are over to a table of their own, where rows lie packed.

PostgreSQL reads both tables as one (Delivery). Never at rest are open deliveries, those of a live
chat, and unknown ones, of which something may still become known. A chat that comes to life again
takes its deliveries back: triggers of its table do that (sends, migration 0036).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction

from console.database.clock import near_now
from console.sends.models import Send

AFTER = timedelta(days=1)
SENDS_A_STEP, DELIVERIES_A_STEP = 500, 5000
# The triggers name it too: it separates this lock from others in the same database.
LOCK = 20039

CHATS = "SELECT DISTINCT interaction_id FROM ONLY sends_delivery WHERE send_id = ANY(%s)"
KNOWN = "SELECT id FROM interactions_interaction WHERE id = ANY(%s)"
# Both wait for nobody, so nobody waits for this in a circle.
NOBODY_COMES = "SELECT pg_try_advisory_xact_lock(%s, 0)"
HELD = """
SELECT id, ended_at IS NULL FROM interactions_interaction
WHERE id = ANY(%s) ORDER BY id FOR SHARE SKIP LOCKED
"""
OF_CHATS = """
SELECT DISTINCT send_id FROM ONLY sends_delivery
WHERE interaction_id = ANY(%s) AND send_id = ANY(%s)
"""
COPY = """
INSERT INTO sends_delivery_at_rest
SELECT d.* FROM ONLY sends_delivery d
WHERE d.send_id = ANY(%s) AND d.interaction_id <> ALL(%s)
    AND d.status IN ('delivered', 'failed', 'skipped', 'cancelled')
    AND NOT EXISTS (SELECT FROM sends_lateanswer WHERE delivery_id = d.id)
ORDER BY d.id
RETURNING id
"""
# PostgreSQL refuses it for a row that does not lie in the other table as it is here.
DELETE = "DELETE FROM ONLY sends_delivery WHERE id = ANY(%s)"


@dataclass
class _Chats:
    """Chats of deliveries that are to be moved: those that are live, and those that somebody is
    changing just now."""

    live: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)


def deliveries_rest(*, now: datetime | None = None) -> int:
    """Move the deliveries of the next sends that have been over for AFTER. Return how many sends
    that were; 0 means that there are none, or that others hold them."""
    with transaction.atomic():
        sends = _next_sends((now or near_now()) - AFTER)
        if not sends:
            return 0
        chats = _held_chats(sends)
        busy = _column(OF_CHATS, chats.busy, list(sends)) if chats.busy else []
        done = sends - set(busy)
        moved = _column(COPY, list(done), chats.live)
        with connection.cursor() as cursor:
            cursor.execute(DELETE, [moved])
        Send.objects.filter(pk__in=done).update(is_at_rest=True)
    return len(done)


def _next_sends(limit: datetime) -> set[int]:
    """Lock sends that are over, the oldest first: at least one, and no more than a step has.
    Whoever erases texts locks the send first too, so no erasure misses a row that moves."""
    over = Send.objects.filter(is_at_rest=False, is_searchable=True, finished_at__lt=limit)
    found = over.order_by("pk").select_for_update(skip_locked=True, no_key=True)
    chosen: set[int] = set()
    deliveries = 0
    for pk, number in found.values_list("pk", "target_count")[:SENDS_A_STEP]:
        deliveries += number
        if chosen and deliveries > DELIVERIES_A_STEP:
            break
        chosen.add(pk)
    return chosen


def _held_chats(sends: Collection[int]) -> _Chats:
    """Keep the sends' chats as they are until the transaction ends: no ended chat becomes live, and
    none that is not known comes."""
    ids = _column(CHATS, list(sends))
    known = set(_column(KNOWN, ids))
    busy = _that_may_come([chat for chat in ids if chat not in known])
    with connection.cursor() as cursor:
        cursor.execute(HELD, [list(known)])
        held = dict(cursor.fetchall())
    busy += [chat for chat in known if chat not in held]
    return _Chats(live=[chat for chat, is_live in held.items() if is_live], busy=busy)


def _that_may_come(unknown: list[str]) -> list[str]:
    """Return which of these chats have come, or may come, before the transaction ends."""
    if not unknown:
        return []
    with connection.cursor() as cursor:
        cursor.execute(NOBODY_COMES, [LOCK])
        (is_held,) = cursor.fetchone()
    return _column(KNOWN, unknown) if is_held else unknown


def _column(statement: str, *values: list[int] | list[str]) -> list:  # type: ignore[type-arg]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [value for (value,) in cursor.fetchall()]
