"""Writes from when and until when pending deliveries may leave, for many at once.

Each function first locks its deliveries in the order of their ids, as all bulk writes do.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from console.sends.models import Send

MOVE_SEND = """
WITH waiting AS (
    SELECT id FROM sends_delivery WHERE send_id = %(send)s AND status = 'pending'
    ORDER BY id FOR NO KEY UPDATE)
UPDATE sends_outbox o SET due_at = %(due)s, expires_at = %(expires)s
FROM waiting WHERE o.delivery_id = waiting.id
"""

RENEW_RUNNING = """
WITH waiting AS (
    SELECT d.id
    FROM sends_outbox o
    JOIN sends_send s ON s.id = o.send_id
    JOIN sends_delivery d ON d.id = o.delivery_id
    WHERE s.status = 'running' AND d.status = 'pending'
    ORDER BY d.id FOR NO KEY UPDATE OF d)
UPDATE sends_outbox o SET expires_at = greatest(o.expires_at, %(expires)s)
FROM waiting WHERE o.delivery_id = waiting.id
"""


def time_to_live() -> timedelta:
    return timedelta(seconds=settings.DELIVERY_TTL_SECONDS)


def expires_at(due_at: datetime) -> datetime:
    """Return when the time to live of a delivery due at `due_at` ends."""
    return due_at + time_to_live()


def outbox_move(send: Send, due_at: datetime) -> None:
    """Let the pending deliveries of a send leave from `due_at` on, with a whole time to live."""
    with connection.cursor() as cursor:
        cursor.execute(MOVE_SEND, {"send": send.pk, "due": due_at, "expires": expires_at(due_at)})


def outbox_renew(now: datetime) -> None:
    """Give pending deliveries of running sends at least a whole time to live from `now`."""
    with connection.cursor() as cursor:
        cursor.execute(RENEW_RUNNING, {"expires": expires_at(now)})
