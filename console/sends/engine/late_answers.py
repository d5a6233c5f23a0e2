"""Writes what became known of deliveries when their drain could not record it any more.

An answer may come after the time of its request. A worker may have outcomes in hand when another
has taken over its Chat Server, or when it is asked to stop and the database is away. Such an
outcome is recorded as it is if its claim is still open. Otherwise the delivery stays `unknown`, as
it was recorded, and the answer stands beside it as evidence.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.db import DatabaseError, transaction
from msgspec import Struct, structs

from console.actors import system_actor
from console.audit.actions import Action
from console.audit.services import Record
from console.database import notifications
from console.database.clock import database_now
from console.sends.engine.outcomes import (
    ClaimedDelivery,
    Ending,
    Postponement,
    ended_records,
    locked_rows,
    write_endings,
    write_postponements,
)
from console.sends.engine.record import sends_finish
from console.sends.evidence.writing import evidence_write
from console.sends.evidence_models import Evidence, Source, Verdict
from console.sends.models import Delivery, DeliveryStatus, LateAnswer
from console.sends.observe import logs
from console.sends.proof import ledger

logger = structlog.get_logger("console.sends")

WORKER = system_actor("worker")


class LateEnding(Struct, frozen=True):
    """How a delivery ended in truth.

    `seconds` is the time to its answer, as LateAnswer has it. `may_wait`: nothing was written, so
    it waits again if its claim is still open. `key` is that of its line in a worker's file.
    """

    ending: Ending
    seconds: float | None = None
    may_wait: bool = False
    key: UUID | None = None


def late_answers_record(late: Sequence[LateEnding]) -> None:
    """Record what is known late, each as its delivery is now. What was recorded already is left
    out, so that the same may be recorded again. That no answer came says nothing more of an unknown
    delivery, and is left out too."""
    with transaction.atomic():
        now = database_now()
        claimed = {row.id: row for row in locked_rows(_rows(late), wait=True)}
        known = {row.pk: row for row in _rows(late)}
        same = [each for each in late if _is_of_claim(each, claimed)]
        open_ = [each for each in same if _status(each, known) == DeliveryStatus.SENDING]
        beside = [each for each in same if _stands_beside(each, known)]
        ended = _end([_of_row(each, claimed) for each in open_])
        records = [*ended_records(ended), *_stand_beside(beside, known, now)]
        sends = sorted({each.ending.delivery.send_id for each in same})
        notifications.publish(*map(notifications.send_topic, sends))
        ledger.write_records(WORKER, records)
        for each in beside:
            delivery = each.ending.delivery
            logs.late_answer(delivery.send_id, delivery.id, each.ending.status.value)
    try:
        sends_finish({ending.delivery.send_id for ending in ended})
    except DatabaseError:
        logger.warning("left to the sweep", exc_info=True)


def _rows(late: Sequence[LateEnding]) -> Any:
    return Delivery.objects.filter(pk__in={each.ending.delivery.id for each in late})


def _is_of_claim(late: LateEnding, rows: dict[int, ClaimedDelivery]) -> bool:
    """Return whether the delivery still is what this attempt left. A later attempt has another
    claim, and this says nothing of that."""
    row = rows.get(late.ending.delivery.id)
    return row is not None and row.claim is not None and row.claim == late.ending.delivery.claim


def _status(late: LateEnding, known: dict[int, Delivery]) -> str:
    return known[late.ending.delivery.id].status


def _stands_beside(late: LateEnding, known: dict[int, Delivery]) -> bool:
    """Return whether the delivery is unknown, and this says more."""
    is_known = late.ending.status != DeliveryStatus.UNKNOWN
    return is_known and _status(late, known) == DeliveryStatus.UNKNOWN


def _of_row(late: LateEnding, rows: dict[int, ClaimedDelivery]) -> LateEnding:
    row = rows[late.ending.delivery.id]
    return structs.replace(late, ending=structs.replace(late.ending, delivery=row))


# --- Whose claim is still open -----------------------------------------------------------------


def _end(late: Sequence[LateEnding]) -> list[Ending]:
    write_postponements(
        [
            Postponement(each.ending.delivery, None, each.ending.detail)
            for each in late
            if each.may_wait
        ]
    )
    endings = [each.ending for each in late if not each.may_wait]
    return write_endings(endings, from_status=DeliveryStatus.SENDING)


# --- What stands beside an unknown -------------------------------------------------------------


def _stand_beside(
    late: Sequence[LateEnding], known: dict[int, Delivery], now: datetime
) -> list[Record]:
    of_these = LateAnswer.objects.filter(delivery__in=[each.ending.delivery.id for each in late])
    # One that is known by its key, or says the same. Who calls may not know of its own commit.
    recorded = set(of_these.values_list("key", flat=True)) - {None}
    told = set(of_these.values_list("delivery_id", "status"))
    late = [
        each
        for each in late
        if each.key not in recorded
        and (each.ending.delivery.id, each.ending.status.value) not in told
    ]
    answers = LateAnswer.objects.bulk_create(
        LateAnswer(
            delivery=known[each.ending.delivery.id],
            at=now,
            status=each.ending.status,
            seconds=each.seconds,
            reference_id=each.ending.reference_id,
            fault_code=each.ending.fault_code[:100],
            key=each.key,
            **({} if known[each.ending.delivery.id].erased_at else _texts(each.ending)),
        )
        for each in late
    )
    return [*_records(late), *evidence_write([_evidence(answer) for answer in answers])]


def _evidence(answer: LateAnswer) -> Evidence:
    is_taken = answer.status == DeliveryStatus.DELIVERED
    return Evidence(
        delivery=answer.delivery,
        at=answer.at,
        source=Source.LATE_ANSWER,
        verdict=Verdict.DELIVERED if is_taken else Verdict.NOT_DELIVERED,
        actor_ref=WORKER.ref,
        actor_name=WORKER.name,
        late_answer=answer,
    )


def _texts(ending: Ending) -> dict[str, Any]:
    answer = None if ending.answer is None else msgspec.json.decode(ending.answer)
    return {"detail": ending.detail, "fault_text": ending.fault_text, "answer": answer}


def _records(late: Iterable[LateEnding]) -> list[Record]:
    groups: defaultdict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for each in late:
        delivery = each.ending.delivery
        groups[delivery.send_id, delivery.chat_server_name].append(_said(each))
    return [
        Record(
            Action.DELIVERIES_LATE_ANSWER,
            ("send", send_id, f"send {send_id}"),
            {"chat_server": chat_server, "deliveries": said},
        )
        for (send_id, chat_server), said in groups.items()
    ]


def _said(late: LateEnding) -> dict[str, Any]:
    """Return what an entry says of one late answer. Empty values are left out."""
    ending, delivery = late.ending, late.ending.delivery
    said: dict[str, Any] = {
        "id": delivery.id,
        "interaction": delivery.interaction_id,
        "status": ending.status.value,
    }
    if late.seconds is not None:
        said["milliseconds"] = round(1000 * late.seconds)
    if ending.reference_id is not None:
        said["reference_id"] = ending.reference_id
    if ending.fault_code:
        said["fault_code"] = ending.fault_code
    return said
