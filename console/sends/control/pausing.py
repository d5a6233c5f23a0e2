"""Writes that a send under way is paused, resumed or cancelled."""

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notify
from console.database.clock import database_now
from console.errors import Conflict, PermissionRefused
from console.sends import selectors
from console.sends.engine import queue
from console.sends.engine.outbox import outbox_move
from console.sends.engine.outcomes import Ending, ended_records, locked_rows
from console.sends.engine.record import sends_finish
from console.sends.models import (
    LIVE_STATUSES,
    Delivery,
    DeliveryStatus,
    Outbox,
    Send,
    SendStatus,
)
from console.sends.observe import logs
from console.sends.proof import ledger
from console.text.sentences import Sentence
from console.text.wording import term_of

CANCELLABLE = LIVE_STATUSES


def send_pause(actor: Actor, send: Send) -> Send:
    """Let nothing more of a running send leave; what is on the wire gets its true outcome.

    For whoever sent it, and for administrators. Raises Conflict where it does not run.
    """
    _require_control(actor, send)
    with transaction.atomic():
        locked = lock_send(send)
        if locked.status != SendStatus.RUNNING:
            raise Conflict(
                "send_not_running",
                "This send is {status:lower}: only one that is sending can be paused.",
                status=_status(locked),
            )
        locked.status = SendStatus.PAUSED
        locked.save(update_fields=["status"])
        announce(locked)
        record_control(actor, locked, Action.SEND_PAUSED)
    return locked


def send_resume(actor: Actor, send: Send) -> Send:
    """Go on with a paused send: what waits has a whole time to live again.

    For whoever sent it, and for administrators. Raises Conflict where it is not paused.
    """
    _require_control(actor, send)
    with transaction.atomic():
        locked = lock_send(send)
        if locked.status != SendStatus.PAUSED:
            raise Conflict(
                "send_not_paused",
                "This send is {status:lower}: only a paused one can go on.",
                status=_status(locked),
            )
        locked.status = SendStatus.RUNNING
        locked.save(update_fields=["status"])
        outbox_move(locked, database_now())
        queue.enqueue_drains(selectors.servers_of_sends([locked.pk]))
        announce(locked)
        record_control(actor, locked, Action.SEND_RESUMED)
    # While it was paused its last deliveries may have come back from the wire.
    if sends_finish([locked.pk]):
        locked.refresh_from_db()
    return locked


def send_cancel(actor: Actor, send: Send) -> Send:
    """Stop a send: what waits is cancelled, what is on the wire gets its true outcome.

    For whoever sent it, and for administrators. Raises Conflict when there is nothing to stop.
    """
    _require_control(actor, send)
    with transaction.atomic():
        locked = lock_send(send)
        if locked.status not in CANCELLABLE:
            raise Conflict(
                "send_over",
                "This send is {status:lower}: nothing waits any more.",
                status=_status(locked),
            )
        end_send(actor, locked, Action.SEND_CANCELLED)
    return locked


def end_send(actor: Actor, send: Send, action: Action, *, note: str = "") -> None:
    """Cancel a locked send and all that waits of it, with the entries of both. What that was to try
    again is free for another try."""
    now = database_now()
    pending = Delivery.objects.filter(send=send, status=DeliveryStatus.PENDING)
    waiting = locked_rows(pending, wait=True)
    ids = [delivery.id for delivery in waiting]
    Delivery.objects.filter(pk__in=ids).update(
        status=DeliveryStatus.CANCELLED, finished_at=now, retry_of=None
    )
    Outbox.objects.filter(pk__in=ids).delete()
    send.status, send.finished_at = SendStatus.CANCELLED, now
    send.ended_by_name, send.end_note = actor.name, note
    send.save(update_fields=["status", "finished_at", "ended_by_name", "end_note"])
    announce(send)
    data = {"cancelled": len(waiting), **({"reason": note} if note else {})}
    entry = audit.Record(action, ledger.send_target(send), _with_sender(actor, send, data))
    ended = ended_records(Ending(delivery, DeliveryStatus.CANCELLED) for delivery in waiting)
    ledger.write_records(actor, [entry, *ended])
    logs.send_changed(send, action, **data)


# --- What the other services of sends share ----------------------------------------------------


def lock_send(send: Send) -> Send:
    """The send as it is now, and nobody else's until the transaction ends."""
    return Send.objects.select_for_update(no_key=True).get(pk=send.pk)


def announce(send: Send) -> None:
    notify.publish(notify.SENDS, notify.send_topic(send.pk))


def record_control(
    actor: Actor, send: Send, action: Action, data: dict[str, object] | None = None
) -> None:
    """What somebody did with a send; whose it is stands beside it where it is not their own."""
    audit.record(
        actor,
        action,
        target=ledger.send_target(send),
        data=_with_sender(actor, send, data or {}),
    )
    logs.send_changed(send, action)


def _with_sender(actor: Actor, send: Send, data: dict[str, object]) -> dict[str, object]:
    return data if send.actor_ref == actor.ref else {**data, "sender": send.actor_name}


def _require_control(actor: Actor, send: Send) -> None:
    """A runaway send must be stoppable although its sender has gone home."""
    if actor.may(Permission.ADMINISTER):
        return
    actor.require(Permission.SEND)
    if send.actor_ref != actor.ref:
        raise PermissionRefused(
            "not_sender",
            "Only {sender} or an administrator may stop, pause or resume this send.",
            sender=send.actor_name,
        )


def _status(send: Send) -> Sentence:
    return term_of(SendStatus(send.status).label)
