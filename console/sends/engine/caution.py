"""Writes pauses that a send makes by itself: after its first chats (canary), and when too many of
its deliveries fail or stay unknown. Then a person decides, or the canary's minutes go by."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from console.actors import Actor, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.clock import database_now
from console.database.connections import execute_rows
from console.sends.engine.queue import HELD_UNTIL
from console.sends.models import DeliveryStatus, Send, SendOutcome, SendStatus
from console.sends.observe import logs
from console.sends.reasons import CANARY_ENDED, TOO_MANY_FAILED
from console.text.sentences import Sentence

CAUTION = system_actor("caution")
# Fewer ended deliveries say too little about a share.
ENDED_LEAST = 20
BAD = (DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN)
TRIED = (DeliveryStatus.DELIVERED, *BAD)

# Running sends whose first chats have all ended, and whose others still wait for the decision.
CANARY_OVER = """
SELECT id FROM sends_send s
WHERE status = 'running' AND canary_size IS NOT NULL AND canary_ended_at IS NULL
    AND EXISTS (SELECT FROM sends_outbox WHERE send_id = s.id)
    AND NOT EXISTS (SELECT FROM sends_outbox WHERE send_id = s.id AND due_at < %(held)s)
    AND coalesce(id = ANY(%(ids)s), true)
ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class _Pause:
    """Why a send pauses itself, in words and numbers, and when it goes on by itself."""

    reason: Sentence
    data: dict[str, Any]
    resumes_at: datetime | None = None
    is_canary: bool = False


def sends_watch(send_ids: Collection[int] | None = None, *, bad: Collection[int] = ()) -> list[int]:
    """Pause sends whose canary has ended, and those of `bad`, of which a delivery has just failed
    or become unknown, if too many have. Return their ids. Without `send_ids`, looks at every
    canary.

    Runs in transactions of its own, after the outcomes are committed.
    """
    ids = None if send_ids is None else sorted({*send_ids, *bad})
    paused = []
    if ids is None or ids:
        values = {"ids": ids, "held": HELD_UNTIL}
        paused = [pk for (pk,) in execute_rows(CANARY_OVER, values) if _pause(pk, _canary)]
    if settings.PAUSE_ABOVE_PERCENT:
        paused += [pk for pk in sorted(bad) if _pause(pk, _failures)]
    return paused


def sends_go_on(now: datetime | None = None) -> list[int]:
    """Resume sends whose canary's minutes are over. Return their ids."""
    # Only control may resume, and it imports the engine.
    from console.errors import Conflict
    from console.sends.control.pausing import send_resume

    now = now or database_now()
    due = Send.objects.filter(
        status=SendStatus.PAUSED, resumes_at__lte=now, is_unconfirmed=False
    ).order_by("pk")
    resumed = []
    for send in due:
        try:
            resumed.append(send_resume(CAUTION, send).pk)
        except Conflict:  # somebody was faster
            continue
    return resumed


def _pause(pk: int, why: "Callable[[Send], _Pause | None]") -> bool:
    """Pause a running send, if there is a reason, seen under its lock."""
    with transaction.atomic():
        send = (
            Send.objects.select_for_update(no_key=True)
            .filter(pk=pk, status=SendStatus.RUNNING)
            .first()
        )
        pause = why(send) if send is not None else None
        if send is None or pause is None:
            return False
        send.status, send.pause_reason = SendStatus.PAUSED, pause.reason
        send.resumes_at = pause.resumes_at
        if pause.is_canary:
            send.canary_ended_at = database_now()
        send.save(update_fields=["status", "pause_reason", "resumes_at", "canary_ended_at"])
        notifications.publish(notifications.SENDS, notifications.send_topic(pk))
        _record(CAUTION, send, pause)
    return True


def _record(actor: Actor, send: Send, pause: _Pause) -> None:
    target = ("send", send.pk, f"send {send.pk}")
    data = pause.data
    if pause.resumes_at is not None:
        data = {**data, "resumes_at": pause.resumes_at.isoformat()}
    audit.record(actor, Action.SEND_PAUSED, target=target, data=data)
    logs.send_changed(send, Action.SEND_PAUSED, **data)


def _canary(send: Send) -> _Pause | None:
    if send.canary_size is None or send.canary_ended_at is not None:
        return None
    counts = _counts(send)
    minutes = send.canary_minutes
    return _Pause(
        CANARY_ENDED(
            size=send.canary_size,
            delivered=counts[DeliveryStatus.DELIVERED],
            failed=counts[DeliveryStatus.FAILED],
            unknown=counts[DeliveryStatus.UNKNOWN],
        ),
        {"itself": "canary", "counts": {str(name): number for name, number in counts.items()}},
        resumes_at=None if minutes is None else database_now() + timedelta(minutes=minutes),
        is_canary=True,
    )


def _failures(send: Send) -> _Pause | None:
    if send.ignores_failures:
        return None
    counts = _counts(send)
    ended, bad = sum(counts.values()), sum(counts[status] for status in BAD)
    percent = settings.PAUSE_ABOVE_PERCENT
    if ended < ENDED_LEAST or 100 * bad <= percent * ended or not _has_more(send):
        return None
    return _Pause(
        TOO_MANY_FAILED(bad=bad, ended=ended, percent=percent),
        {"itself": "failures", "counts": {str(name): number for name, number in counts.items()}},
    )


def _has_more(send: Send) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM sends_outbox WHERE send_id = %s)", [send.pk])
        return bool(cursor.fetchone()[0])


def _counts(send: Send) -> dict[DeliveryStatus, int]:
    found = dict(SendOutcome.objects.filter(send=send).values_list("status", "number"))
    return {status: found.get(status, 0) for status in TRIED}
