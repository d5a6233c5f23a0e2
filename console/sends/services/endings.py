"""Writes how deliveries ended, in bulk, only where a row is still as its drain left it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from console.audit.services import Record
from console.sends.models import Delivery, DeliveryStatus, Reason
from console.sends.services import records


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """All that is needed to send one delivery and to record what became of it."""

    id: int
    send_id: int
    interaction_id: str
    method: str
    chat_server_name: str
    body: str
    body_salt: str
    attempts: int
    expires_at: datetime
    visibility: str
    nickname: str
    message_type: str
    kind: str
    last_detail: str
    user_data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery ended."""

    delivery: ClaimedDelivery
    status: DeliveryStatus
    reason: str = ""
    detail: str = ""
    reference_id: int | None = None
    fault_code: str = ""
    fault_text: str = ""
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Postponement:
    """Nothing was written: the delivery may be tried again at `due_at`, within its time to live."""

    delivery: ClaimedDelivery
    due_at: datetime
    detail: str


END = """
UPDATE sends_delivery d
SET status = e.status, reason = e.reason, detail = e.detail, reference_id = e.reference_id,
    fault_code = e.fault_code, fault_text = e.fault_text, answer = e.answer,
    finished_at = %(now)s
FROM json_to_recordset(%(endings)s) AS e(
    id bigint, from_status text, status text, reason text, detail text, reference_id int,
    fault_code text, fault_text text, answer jsonb)
WHERE d.id = e.id AND d.status = e.from_status AND d.claim IS NOT DISTINCT FROM %(claim)s
RETURNING d.id
"""

POSTPONE = """
UPDATE sends_delivery d
SET status = 'pending', claim = NULL, due_at = p.due_at, detail = p.detail
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS p(id, due_at, detail)
WHERE d.id = p.id AND d.status = 'sending' AND d.claim = %s
"""


def write_endings(
    endings: Sequence[Ending], *, from_status: DeliveryStatus, claim: UUID | None, now: datetime
) -> list[Record]:
    """Write the endings of rows that are still as expected; answers those rows' audit records."""
    if not endings:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            END,
            {
                "now": now,
                "claim": claim,
                # One JSON text: arrays of texts cost the client several times as much.
                "endings": json.dumps([_as_json(ending, from_status) for ending in endings]),
            },
        )
        written = {row[0] for row in cursor.fetchall()}
    return [_record(ending) for ending in endings if ending.delivery.id in written]


def _as_json(ending: Ending, from_status: DeliveryStatus) -> dict[str, Any]:
    return {
        "id": ending.delivery.id,
        # In the row and not in the query, where it would lead PostgreSQL to an index of open
        # deliveries, which is full of dead rows, instead of to the ids.
        "from_status": from_status,
        "status": ending.status,
        "reason": ending.reason,
        "detail": ending.detail,
        "reference_id": ending.reference_id,
        "fault_code": ending.fault_code[:100],
        "fault_text": ending.fault_text,
        "answer": ending.answer,
    }


def _record(ending: Ending) -> Record:
    delivery = ending.delivery
    return records.delivery_ended(
        status=ending.status,
        pk=delivery.id,
        send_id=delivery.send_id,
        interaction_id=delivery.interaction_id,
        method=delivery.method,
        visibility=delivery.visibility,
        chat_server_name=delivery.chat_server_name,
        reason=ending.reason,
        reference_id=ending.reference_id,
        fault_code=ending.fault_code,
        attempts=delivery.attempts,
        body=delivery.body,
        body_salt=delivery.body_salt,
    )


def write_postponements(postponements: Sequence[Postponement], claim: UUID) -> None:
    if postponements:
        with connection.cursor() as cursor:
            cursor.execute(
                POSTPONE,
                [
                    [item.delivery.id for item in postponements],
                    [item.due_at for item in postponements],
                    [item.detail for item in postponements],
                    claim,
                ],
            )


def locked_rows(**conditions: Any) -> list[tuple[ClaimedDelivery, UUID | None]]:
    """Locked rows by ORM conditions, for the rare paths."""
    rows = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("send")
        .filter(**conditions)
        .order_by("pk")
    )
    return [
        (
            ClaimedDelivery(
                id=row.pk,
                send_id=row.send_id,
                interaction_id=row.interaction_id,
                method=row.method,
                chat_server_name=row.chat_server_name,
                body=row.body,
                body_salt=row.body_salt,
                attempts=row.attempts,
                expires_at=row.expires_at,
                visibility=row.send.visibility,
                nickname=row.send.nickname,
                message_type="",
                kind="",
                last_detail=row.detail,
                user_data={},
            ),
            row.claim,
        )
        for row in rows
    ]


def expired(delivery: ClaimedDelivery) -> Ending:
    """It was not sent within its time to live: with the last thing that stood in its way."""
    why = f"{Reason.NOT_SENT.label} {delivery.last_detail}".strip()
    return Ending(delivery, DeliveryStatus.FAILED, Reason.NOT_SENT, why)
