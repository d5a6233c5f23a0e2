"""Writes the pausing, resuming and cancelling of a send under way."""

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, PermissionRefused
from console.sends.engine import queue
from console.sends.engine.outcomes import Ending, ended_records, locked_rows
from console.sends.engine.queue import outbox_move
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
from console.sends.reasons import TOO_MANY_FAILED
from console.text.sentences import Sentence
from console.text.wording import term_of

CANCELLABLE = LIVE_STATUSES


def send_pause(actor: Actor, send: Send) -> Send:
    """Pause a running send. Deliveries on the wire still get their true outcome.

    For its sender and for administrators. Raises Conflict if it is not running.
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
        locked.status, locked.pause_reason = SendStatus.PAUSED, ""
        locked.save(update_fields=["status", "pause_reason"])
        announce(locked)
        record_control(actor, locked, Action.SEND_PAUSED)
    return locked


def send_resume(actor: Actor, send: Send) -> Send:
    """Resume a paused send. Its pending deliveries get a whole time to live again.

    For its sender and for administrators. Raises Conflict if it is not paused, or belongs to an
    emergency that nobody has confirmed in time.
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
        if locked.is_unconfirmed:
            raise Conflict(
                "emergency_unconfirmed",
                "Nobody has confirmed this emergency in time: this send goes on when an approver "
                "confirms incident {incident}.",
                incident=locked.incident_id,
            )
        locked.status = SendStatus.RUNNING
        # Whoever lets it go on after failures has been told of them.
        said = getattr(locked.pause_reason, "code", "")
        locked.ignores_failures |= said == TOO_MANY_FAILED.code
        locked.pause_reason, locked.resumes_at = "", None
        locked.save(update_fields=["status", "ignores_failures", "pause_reason", "resumes_at"])
        outbox_move(locked, database_now())
        queue.enqueue_drains(queue.servers_of_sends([locked.pk]))
        announce(locked)
        record_control(actor, locked, Action.SEND_RESUMED)
    # During the pause its last deliveries may have come back from the wire.
    if sends_finish([locked.pk]):
        locked.refresh_from_db()
    return locked


def send_cancel(actor: Actor, send: Send) -> Send:
    """Cancel a send: pending deliveries are cancelled, those on the wire get their true outcome.

    For its sender and for administrators. Raises Conflict if nothing is left to cancel.
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
    """Cancel a locked send and its pending deliveries, and write the ledger's entries of both. The
    original of a cancelled retry may be retried again."""
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


# --- Shared by the services of sends ----------------------------------------------------------


def lock_send(send: Send) -> Send:
    """Return the send as it is now, locked until the transaction ends."""
    return Send.objects.select_for_update(no_key=True).get(pk=send.pk)


def announce(send: Send) -> None:
    notifications.publish(notifications.SENDS, notifications.send_topic(send.pk))


def record_control(
    actor: Actor, send: Send, action: Action, data: dict[str, object] | None = None
) -> None:
    """Record what somebody did with a send; if it is not their own, with its sender."""
    enter_control(actor, send, control_entry(actor, send, action, data))


def control_entry(
    actor: Actor, send: Send, action: Action, data: dict[str, object] | None = None
) -> audit.Record:
    """Return the entry that `record_control` writes."""
    said = _with_sender(actor, send, data or {})
    return audit.Record(action, ledger.send_target(send), said)


def enter_control(actor: Actor, send: Send, entry: audit.Record) -> None:
    audit.record_many(actor, [entry])
    logs.send_changed(send, entry.action)


def _with_sender(actor: Actor, send: Send, data: dict[str, object]) -> dict[str, object]:
    return data if send.actor_ref == actor.ref else {**data, "sender": send.actor_name}


def _require_control(actor: Actor, send: Send) -> None:
    """Raise PermissionRefused except for the sender and administrators.

    A runaway send must be stoppable although its sender has gone home.
    """
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
