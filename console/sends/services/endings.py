"""Writes how deliveries ended, in bulk, only where a row is still as its drain left it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import QuerySet

from console.audit.services import Record
from console.prepared import execute_rows
from console.sends.models import Delivery, DeliveryStatus, Reason
from console.sends.services import records


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """All that is needed to send one delivery and to record what became of it.

    `claim` is that of the batch in which it is, None while it is in none.
    """

    claim: UUID | None
    id: int
    send_id: int
    interaction_id: str
    method: str
    chat_server_name: str
    body: str
    body_salt: str
    attempts: int
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

    @property
    def is_answered(self) -> bool:
        """Whether Chat Server said what it made of it."""
        return self.answer is not None


@dataclass(frozen=True, slots=True)
class Postponement:
    """Nothing was written: the delivery may be tried again at `due_at`, within its time to live."""

    delivery: ClaimedDelivery
    due_at: datetime
    detail: str


END = """
WITH ended AS (
    UPDATE sends_delivery d
    SET status = e.status, reason = e.reason, detail = e.detail, reference_id = e.reference_id,
        fault_code = e.fault_code, fault_text = e.fault_text, answer = e.answer,
        finished_at = %(now)s
    FROM json_to_recordset(%(endings)s::json) AS e(
        id bigint, claim uuid, status text, reason text, detail text, reference_id int,
        fault_code text, fault_text text, answer jsonb)
    WHERE d.id = e.id AND d.status = %(from_status)s AND d.claim IS NOT DISTINCT FROM e.claim
    RETURNING d.id),
gone AS (
    DELETE FROM sends_outbox USING ended WHERE delivery_id = ended.id),
forgotten AS (
    DELETE FROM sends_claim WHERE id = ANY(%(settled)s::uuid[]))
SELECT id FROM ended
"""

POSTPONE = """
WITH back AS (
    UPDATE sends_delivery d
    SET status = 'pending', claim = NULL, detail = p.detail
    FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[])
        AS p(id, claim, due_at, detail)
    WHERE d.id = p.id AND d.status = 'sending' AND d.claim = p.claim
    RETURNING d.id, p.due_at)
UPDATE sends_outbox o SET due_at = back.due_at FROM back WHERE o.delivery_id = back.id
"""


def write_endings(
    endings: Sequence[Ending],
    *,
    from_status: DeliveryStatus,
    now: datetime,
    settled: Collection[UUID] = (),
) -> list[Record]:
    """Write the endings of rows that are still as expected; answers those rows' audit records.

    A row in `sending` must still carry the delivery's claim, one in `pending` has none. `settled`
    are claims to forget, since with this all of theirs have ended.
    """
    if not endings and not settled:
        return []
    is_claimed = from_status == DeliveryStatus.SENDING
    rows = execute_rows(
        END,
        {
            "now": now,
            "from_status": str(from_status),
            # One JSON text: arrays of texts cost the client several times as much.
            "endings": msgspec.json.encode(
                [_as_json(ending, is_claimed=is_claimed) for ending in endings]
            ).decode(),
            "settled": list(settled),
        },
    )
    written = {pk for (pk,) in rows}
    return [_record(ending) for ending in endings if ending.delivery.id in written]


def _as_json(ending: Ending, *, is_claimed: bool) -> dict[str, Any]:
    return {
        "id": ending.delivery.id,
        "claim": ending.delivery.claim if is_claimed else None,
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


def write_postponements(postponements: Sequence[Postponement]) -> None:
    """Put back what was claimed and never written to the wire, for later."""
    if postponements:
        with connection.cursor() as cursor:
            cursor.execute(
                POSTPONE,
                [
                    [item.delivery.id for item in postponements],
                    [item.delivery.claim for item in postponements],
                    [item.due_at for item in postponements],
                    [item.detail for item in postponements],
                ],
            )


def locked_rows(rows: QuerySet[Delivery], *, wait: bool = False) -> list[ClaimedDelivery]:
    """Those of `rows` that nobody else holds, or with `wait` all, locked; for the rare paths."""
    rows = rows.select_for_update(of=("self",), skip_locked=not wait).select_related("send")
    return [
        ClaimedDelivery(
            claim=row.claim,
            id=row.pk,
            send_id=row.send_id,
            interaction_id=row.interaction_id,
            method=row.method,
            chat_server_name=row.chat_server_name,
            body=row.body,
            body_salt=row.body_salt,
            attempts=row.attempts,
            visibility=row.send.visibility,
            nickname=row.send.nickname,
            message_type="",
            kind="",
            last_detail=row.detail,
            user_data={},
        )
        for row in rows.order_by("pk")
    ]


def expired(delivery: ClaimedDelivery, obstacle: str = "") -> Ending:
    """It was not sent within its time to live: with what last stood in its way, its own or its Chat
    Server's."""
    why = f"{Reason.NOT_SENT.label} {delivery.last_detail or obstacle}".strip()
    return Ending(delivery, DeliveryStatus.FAILED, Reason.NOT_SENT, why)
