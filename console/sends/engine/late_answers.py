"""Writes what became known of deliveries after they had ended as unknown.

An answer may come after the time of its request, and a worker may have answers in hand when another
has taken over its Chat Server. The delivery stays `unknown`, as it was recorded, and the answer
stands beside it: in the database, in the ledger, on pages, and where somebody is about to retry.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import transaction
from msgspec import Struct

from console.actors import system_actor
from console.audit.actions import Action
from console.audit.services import Record
from console.database import notifications
from console.database.clock import database_now
from console.sends.engine.outcomes import Ending
from console.sends.models import Delivery, LateAnswer
from console.sends.observe import logs
from console.sends.proof import ledger

WORKER = system_actor("worker")


class LateEnding(Struct, frozen=True):
    """How a delivery ended in truth. `seconds` is the time to its answer, as LateAnswer has it."""

    ending: Ending
    seconds: float | None = None


def late_answers_record(late: Sequence[LateEnding]) -> None:
    """Record late answers, with an entry in the ledger for each send and Chat Server."""
    with transaction.atomic():
        now = database_now()
        ids = [each.ending.delivery.id for each in late]
        erased = set(
            Delivery.objects.filter(pk__in=ids).exclude(erased_at=None).values_list("pk", flat=True)
        )
        LateAnswer.objects.bulk_create(
            LateAnswer(
                delivery_id=each.ending.delivery.id,
                at=now,
                status=each.ending.status,
                seconds=each.seconds,
                reference_id=each.ending.reference_id,
                fault_code=each.ending.fault_code[:100],
                **({} if each.ending.delivery.id in erased else _texts(each.ending)),
            )
            for each in late
        )
        sends = sorted({each.ending.delivery.send_id for each in late})
        notifications.publish(*map(notifications.send_topic, sends))
        ledger.write_records(WORKER, _records(late))
        for each in late:
            delivery = each.ending.delivery
            logs.late_answer(delivery.send_id, delivery.id, each.ending.status.value)


def _texts(ending: Ending) -> dict[str, Any]:
    answer = None if ending.answer is None else msgspec.json.decode(ending.answer)
    return {"detail": ending.detail, "fault_text": ending.fault_text, "answer": answer}


def _records(late: Sequence[LateEnding]) -> list[Record]:
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
