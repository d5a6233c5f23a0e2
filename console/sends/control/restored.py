"""Writes the end of open deliveries after the database was restored from a backup.

A delivery that is pending in the backup may have been sent after the backup was made. So none of
them continues by itself.
"""

from collections import Counter
from collections.abc import Sequence

from console.actors import Actor
from console.audit.actions import Action
from console.audit.services import Record
from console.database import notifications
from console.database.clock import database_now
from console.sends.control.pausing import CANCELLABLE
from console.sends.engine.outcomes import Ending, ended_records, locked_rows, write_endings
from console.sends.models import (
    Claim,
    Delivery,
    DeliveryStatus,
    Outbox,
    Reason,
    Send,
    SendingStop,
    SendStatus,
)
from console.sends.proof.ledger import send_target, write_records
from console.sends.reasons import RESTORED_OPEN

# How many deliveries are held in memory at once.
BATCH = 5000


def sends_end_after_restore(actor: Actor, *, note: str) -> Counter[int]:
    """End all open deliveries as unknown, cancel their sends, and write the entries of both. Return
    how many deliveries ended, by send. Call it in a transaction."""
    ended = on_the_wire_end_after_restore(actor)
    last = 0
    # Beyond the last one: what this transaction has deleted would be looked through each time.
    waiting = Outbox.objects.order_by("pk").values_list("pk", flat=True)
    while ids := list(waiting.filter(pk__gt=last)[:BATCH]):
        ended += _end(actor, ids, DeliveryStatus.PENDING)
        Outbox.objects.filter(pk__in=ids).delete()
        last = ids[-1]
    _cancel_sends(actor, note)
    return ended


def on_the_wire_end_after_restore(actor: Actor) -> Counter[int]:
    """End deliveries that were on the wire at the time of the backup as unknown. Return how many,
    by send. Call it in a transaction."""
    claimed = [pk for claim in Claim.objects.all() for pk in claim.delivery_ids]
    ended = _end(actor, claimed, DeliveryStatus.SENDING)
    Claim.objects.all().delete()
    return ended


def stop_after_restore(actor: Actor, *, reason: str) -> None:
    """Make sure that all sending is stopped, in a transaction. The caller records it."""
    SendingStop.objects.get_or_create(
        pk=1,
        defaults={
            "reason": reason,
            "actor_ref": actor.ref,
            "actor_name": actor.name,
            "stopped_at": database_now(),
        },
    )
    notifications.publish(notifications.SENDING, notifications.SENDS)


def _end(actor: Actor, ids: Sequence[int], status: DeliveryStatus) -> Counter[int]:
    rows = locked_rows(Delivery.objects.filter(pk__in=ids, status=status), wait=True)
    endings = [
        Ending(row, DeliveryStatus.UNKNOWN, Reason.RESTORED, RESTORED_OPEN()) for row in rows
    ]
    written = write_endings(endings, from_status=status)
    write_records(actor, ended_records(written))
    return Counter(ending.delivery.send_id for ending in written)


def _cancel_sends(actor: Actor, note: str) -> None:
    now = database_now()
    open_sends = list(Send.objects.filter(status__in=CANCELLABLE).order_by("pk"))
    Send.objects.filter(pk__in=[send.pk for send in open_sends]).update(
        status=SendStatus.CANCELLED, finished_at=now, ended_by_name=actor.name, end_note=note
    )
    write_records(
        actor,
        [
            Record(
                Action.SEND_CANCELLED,
                send_target(send),
                {"reason": note, "sender": send.actor_name},
            )
            for send in open_sends
        ],
    )
