"""Takes due deliveries to the wire: the claim is committed before a byte is written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from console.interactions.models import ChatServer
from console.interactions.services import chat_server_return_tokens, chat_server_take_tokens
from console.sends import queue
from console.sends.models import DeliveryStatus, Reason
from console.sends.planning import chat_obstacle, is_valid_at, server_obstacle
from console.sends.services.endings import ClaimedDelivery, Ending, expired


@dataclass(slots=True)
class Step:
    """What one step of a drain took to the wire, and when another is worth it.

    `wait_seconds` is for the pace to allow more; None where nothing is due. `server` is the Chat
    Server as it was when the deliveries were claimed: its address and limits may have changed.
    """

    claimed: list[ClaimedDelivery] = field(default_factory=list)
    wait_seconds: float | None = None
    server: ChatServer | None = None


CLAIM = """
SELECT d.id, d.send_id, d.interaction_id, d.method, d.chat_server_name, d.body, d.body_salt,
       d.attempts + 1, d.expires_at, s.visibility, s.nickname, v.message_type, n.kind,
       d.detail, i.user_data, i.id IS NULL OR i.ended_at IS NOT NULL, coalesce(i.is_online, false),
       coalesce(i.chat_server_name, ''), v.valid_from, v.valid_until, n.retired_at
FROM sends_delivery d
JOIN sends_send s ON s.id = d.send_id
JOIN catalogue_noticeversion v ON v.id = s.version_id
JOIN catalogue_cannednotice n ON n.id = v.notice_id
LEFT JOIN interactions_interaction i ON i.id = d.interaction_id
WHERE d.status = 'pending' AND d.chat_server_name = %s AND d.due_at <= %s AND s.status = 'running'
ORDER BY d.due_at, d.id
LIMIT %s
FOR UPDATE OF d SKIP LOCKED
"""

MARK_SENDING = """
UPDATE sends_delivery
SET status = 'sending', claim = %s, attempts = attempts + 1, attempted_at = %s
WHERE id = ANY(%s)
"""

MOVE = """
UPDATE sends_delivery d
SET chat_server_name = m.name
FROM unnest(%s::bigint[], %s::text[]) AS m(id, name)
WHERE d.id = m.id
"""


def claim_due(
    server_id: int, *, claim: UUID, room: int, now: datetime
) -> tuple[Step, list[Ending]]:
    server = ChatServer.objects.get(pk=server_id)
    granted, wait_seconds = chat_server_take_tokens(server_id, most=room)
    if not granted:
        return Step(wait_seconds=wait_seconds, server=server), []
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [server.name, now, granted])
        rows = cursor.fetchall()
    servers = dict(ChatServer.objects.values_list("name", "enabled")) if rows else {}
    claimed: list[ClaimedDelivery] = []
    endings: list[Ending] = []
    moved: list[tuple[int, str]] = []
    for row in rows:
        delivery, sorting = _sort(row, servers, now)
        if sorting is None:
            claimed.append(delivery)
        elif isinstance(sorting, Ending):
            endings.append(sorting)
        else:
            moved.append((delivery.id, sorting))
    _mark_sending(claimed, claim, now)
    _move(moved)
    chat_server_return_tokens(server_id, granted - len(claimed))
    # Fewer rows than asked for means that nothing more is due; skipped ones made room for others.
    return Step(claimed, 0.0 if len(rows) == granted else None, server), endings


def _sort(
    row: Sequence[Any], servers: dict[str, bool], now: datetime
) -> tuple[ClaimedDelivery, Ending | str | None]:
    """What to do with a row: send it (None), end it, or leave it to another Chat Server (name)."""
    *_, user_data, ended, is_online, current_server, valid_from, valid_until, retired_at = row
    delivery = ClaimedDelivery(*(*row[:14], _json(user_data)))
    if delivery.expires_at <= now:
        return delivery, expired(delivery)
    obstacle = chat_obstacle(ended=ended, is_online=is_online, user_data=delivery.user_data)
    if obstacle is None and (
        retired_at is not None or not is_valid_at(valid_from, valid_until, now)
    ):
        obstacle = Reason.EXPIRED_NOTICE, str(Reason.EXPIRED_NOTICE.label)
    obstacle = obstacle or server_obstacle(current_server, servers)
    if obstacle is not None:
        return delivery, Ending(delivery, DeliveryStatus.SKIPPED, *obstacle)
    if current_server != delivery.chat_server_name:
        return delivery, str(current_server)
    return delivery, None


def _json(value: Any) -> dict[str, Any]:
    # Django has psycopg leave jsonb as text, and decodes it in its own fields.
    return json.loads(value) if value else {}


def _mark_sending(claimed: Sequence[ClaimedDelivery], claim: UUID, now: datetime) -> None:
    if claimed:
        with connection.cursor() as cursor:
            cursor.execute(MARK_SENDING, [claim, now, [delivery.id for delivery in claimed]])


def _move(moved: Sequence[tuple[int, str]]) -> None:
    if moved:
        with connection.cursor() as cursor:
            cursor.execute(MOVE, [[pk for pk, _name in moved], [name for _pk, name in moved]])
        queue.enqueue_drains(sorted({name for _pk, name in moved}))
