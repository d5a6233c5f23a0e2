"""Writes what an operator asks of the streams: to go back, and to test a receiver."""

from django.conf import settings
from django.db import transaction

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry, AuditStream
from console.audit.services import record
from console.audit.siem.links import NotTaken, linked
from console.audit.siem.positions import streams_begin
from console.audit.siem.reading import OF_THE_STREAM, TEST, own_message
from console.audit.siem.settings import Destination
from console.audit.siem.streaming import written
from console.errors import NotFound
from console.text.sentences import Sentence


def receiver_named(name: str) -> Destination:
    """Return the receiver of this name or address. Raises NotFound."""
    for destination in settings.SIEM_TO:
        if name in (destination.name, destination.address):
            return destination
    raise NotFound(
        "unknown_receiver",
        "CONSOLE_SIEM_TO has no receiver {name}. It has: {known}.",
        name=name,
        known=", ".join(each.name for each in settings.SIEM_TO) or "none",
    )


def stream_replay(actor: Actor, destination: Destination, *, begin: int) -> None:
    """Let a stream go on with the entry `begin`: what comes from there on is sent again.

    Whoever streams now stops after its present batch. Raises PermissionRefused, NotFound if the
    ledger has no such entry.
    """
    actor.require(Permission.ADMINISTER)
    newest = AuditEntry.objects.values_list("seq", flat=True).first() or 0
    if not 1 <= begin <= newest:
        raise NotFound(
            "no_such_entry",
            "The ledger has entries up to {newest}, and none with the number {begin}.",
            newest=newest,
            begin=begin,
        )
    streams_begin()
    with transaction.atomic():
        row = AuditStream.objects.select_for_update().get(pk=destination.name)
        record(
            actor,
            Action.AUDIT_STREAM_REPLAYED,
            target=("ledger", begin, f"from entry {begin} on"),
            data={"receiver": destination.name, "from": begin, "was": row.told_to},
        )
        row.told_to, row.sent = begin - 1, [begin - 1]
        row.held_until = row.next_at = None
        row.save(update_fields=["told_to", "sent", "held_until", "next_at"])


def stream_test(actor: Actor, destination: Destination) -> Sentence | None:
    """Send a receiver one event that is of no entry. Return why it did not take it, or None.

    The position of the stream stays. Raises PermissionRefused.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        record(
            actor,
            Action.AUDIT_STREAM_TESTED,
            target=("ledger", "", f"the stream to {destination.name}"),
            data={"receiver": destination.name},
        )
    message = own_message(
        TEST, "Test of the stream", seq=0, follows=0, data={}, told_as=OF_THE_STREAM
    )
    try:
        link = linked(destination)
    except NotTaken as problem:
        return problem.said
    try:
        link.send(written(destination, [message]))
        link.close()
    except NotTaken as problem:
        return problem.said
    finally:
        link.release()
    return None
