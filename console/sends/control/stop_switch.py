"""Writes the stop-everything switch. While it is on, no delivery goes to the wire."""

from django.db import IntegrityError, transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput
from console.sends.engine import queue
from console.sends.engine.queue import outbox_renew
from console.sends.models import SendingStop
from console.sends.told import SENDING_STOP
from console.text.sentences import term
from console.text.visible import is_blank

REASON_LIMIT = 2000
TARGET = ("sending", "all", "all sending")


def sending_stop(actor: Actor, *, reason: str) -> SendingStop:
    """Stop all sending at once. Deliveries on the wire still get their true outcome. New sends can
    be made, and wait.

    Raises InvalidInput without a reason, Conflict if sending is stopped already.
    """
    actor.require(Permission.ADMINISTER)
    stop = SendingStop(
        reason=required_reason(reason, term("why all sending is stopped")),
        actor_ref=actor.ref,
        actor_name=actor.name,
        stopped_at=database_now(),
    )
    try:
        with transaction.atomic():
            stop.save(force_insert=True)
            notifications.publish(notifications.SENDING, notifications.SENDS)
            data = {"reason": stop.reason, **told((SENDING_STOP, 1))}
            audit.record(actor, Action.SENDING_STOPPED, target=TARGET, data=data)
    except IntegrityError as error:
        raise Conflict("already_stopped", "All sending is stopped already.") from error
    return stop


def sending_restart(actor: Actor) -> None:
    """Let sending go on. Pending deliveries get a whole time to live again.

    Raises Conflict if sending is not stopped.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        stop = SendingStop.objects.select_for_update().first()
        if stop is None:
            raise Conflict("not_stopped", "Sending is not stopped.")
        now = database_now()
        stop.delete()
        outbox_renew(now)
        queue.enqueue_drains(queue.servers_with_open_deliveries(now))
        notifications.publish(notifications.SENDING, notifications.SENDS)
        audit.record(
            actor,
            Action.SENDING_RESTARTED,
            target=TARGET,
            data={
                "stopped_by": stop.actor_name,
                "stopped_at": stop.stopped_at.isoformat(),
                **told((SENDING_STOP, 1)),
            },
        )


def required_reason(reason: str, of_what: str) -> str:
    """Return the given reason, stripped. Raises InvalidInput if it is blank or too long."""
    reason = reason.strip()
    if is_blank(reason):
        raise InvalidInput("reason_missing", "Say {of_what}: others need to know.", of_what=of_what)
    if len(reason) > REASON_LIMIT:
        raise InvalidInput(
            "reason_too_long", "A reason may have at most {limit:,} characters.", limit=REASON_LIMIT
        )
    return reason
