"""Writes the renaming and the removal of a Chat Server.

A delivery that has ended keeps the name that it was sent by: it is what the request said, and what
the ledger says. What is still to be done follows the Chat Server to its present name: live chats,
and deliveries that wait. Nobody can write a former name meanwhile
(console.interactions.selectors.names_stay).
"""

from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database import notifications
from console.database.connections import execute_rows
from console.errors import Conflict, InvalidInput
from console.interactions.models import ChatServer, FormerName, Interaction
from console.interactions.services.chat_servers import (
    chat_server_name,
    name_taken,
    require_unused_name,
)
from console.interactions.told import CHAT_SERVER
from console.sends.control.holding import lock_chat_server, target
from console.sends.engine import queue
from console.sends.models import Claim, Delivery, DeliveryStatus, Outbox

NAMES_CHANGE = "LOCK TABLE interactions_formername IN EXCLUSIVE MODE"

# In the order in which others lock these rows.
MOVE_CHATS = """
WITH named AS (
    SELECT id FROM interactions_interaction WHERE chat_server_name = %(old)s
    ORDER BY id FOR NO KEY UPDATE)
UPDATE interactions_interaction chat SET chat_server_name = %(new)s
FROM named WHERE chat.id = named.id
RETURNING chat.ended_at IS NULL
"""
MOVE_WAITING = """
WITH waiting AS (
    SELECT d.id FROM sends_outbox o JOIN ONLY sends_delivery d ON d.id = o.delivery_id
    WHERE o.chat_server_name = %(old)s AND d.status = 'pending'
    ORDER BY d.id FOR NO KEY UPDATE OF d),
moved AS (
    UPDATE ONLY sends_delivery d SET chat_server_name = %(new)s
    FROM waiting WHERE d.id = waiting.id
    RETURNING d.id)
UPDATE sends_outbox o SET chat_server_name = %(new)s
FROM moved WHERE o.delivery_id = moved.id
RETURNING o.delivery_id
"""
# Counting goes on afterwards, under the new name (console.sends.observe.outcome_counts).
HOLD_COUNTS = "SELECT counted_to FROM sends_outcomemark FOR UPDATE"
MOVE_COUNTS = """
WITH former AS (
    DELETE FROM sends_outcometotal WHERE chat_server_name = %(old)s RETURNING outcome, total)
INSERT INTO sends_outcometotal AS known (chat_server_name, outcome, total)
SELECT %(new)s, outcome, total FROM former
ON CONFLICT (chat_server_name, outcome) DO UPDATE SET total = known.total + EXCLUDED.total
"""


def chat_server_rename(actor: Actor, server: ChatServer, name: str) -> ChatServer:
    """Give a Chat Server another name. Its live chats and the deliveries that wait for it follow.

    Raises InvalidInput for a name that no application can have or that it has already, Conflict for
    a name that another has or had, or while a delivery is on the wire under the present name.
    """
    actor.require(Permission.ADMINISTER)
    name = chat_server_name(name)
    with transaction.atomic():
        renamed = lock_chat_server(server)
        _names_change()
        old = renamed.name
        if name == old:
            raise InvalidInput(
                "name_unchanged",
                "The Chat Server is named {name} already.",
                {"field": "name"},
                name=name,
            )
        require_unused_name(name, by=renamed)
        _require_nothing_on_the_wire(renamed)
        _name(renamed, name)
        said: dict[str, Any] = {"from": old, **_follow(old, name)}
        queue.enqueue_drains([name])
        _publish()
        said |= told((CHAT_SERVER, renamed.pk))
        audit.record(actor, Action.CHAT_SERVER_RENAMED, target=target(renamed), data=said)
    return renamed


def chat_server_remove(actor: Actor, server: ChatServer) -> None:
    """Remove a Chat Server to which nothing points any more. The history keeps its name.

    Raises Conflict, with numbers, while a live chat is there or a delivery is open.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        removed = lock_chat_server(server)
        _names_change()
        chats = Interaction.objects.filter(chat_server_name=removed.name, ended_at=None).count()
        wire = _on_the_wire(removed)
        waiting = max(0, Outbox.objects.filter(chat_server_name=removed.name).count() - wire)
        if chats or waiting or wire:
            raise Conflict(
                "chat_server_in_use",
                "The Chat Server {name} is in use. Live chats: {chats:,}. Deliveries that wait: "
                "{waiting:,}. Deliveries on the wire: {wire:,}.",
                {"live_interactions": chats, "waiting": waiting, "on_the_wire": wire},
                name=removed.name,
                chats=chats,
                waiting=waiting,
                wire=wire,
            )
        of_whom, pk = target(removed), removed.pk
        removed.delete()
        _publish()
        data = {"url": removed.url, **told((CHAT_SERVER, pk))}
        audit.record(actor, Action.CHAT_SERVER_REMOVED, target=of_whom, data=data)


def _names_change() -> None:
    """Wait for everybody who is writing names, and keep others from it until the transaction ends.
    Call it after the Chat Server is locked: a drain of it locks in this order."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES_CHANGE)


def _on_the_wire(server: ChatServer) -> int:
    """Return how many deliveries have no outcome yet; 1 if only their claim is left to be deleted.
    Nobody can claim any while the Chat Server is locked."""
    claims = list(Claim.objects.filter(chat_server_name=server.name))
    ids = [pk for claim in claims for pk in claim.delivery_ids]
    sending = Delivery.objects.filter(pk__in=ids, status=DeliveryStatus.SENDING)
    return sending.count() or int(bool(claims))


def _require_nothing_on_the_wire(server: ChatServer) -> None:
    wire = _on_the_wire(server)
    if wire:
        raise Conflict(
            "chat_server_sending",
            "Deliveries are on the wire under the name {name}: {wire:,}. Hold the Chat Server, "
            "wait for their outcomes, rename it and release it.",
            {"on_the_wire": wire},
            name=server.name,
            wire=wire,
        )


def _name(server: ChatServer, name: str) -> None:
    """Write the new name and the former one. A drain under the former name, which has nothing on
    the wire, loses its lease."""
    FormerName.objects.filter(name=name).delete()
    FormerName.objects.create(name=server.name, chat_server=server)
    try:
        with transaction.atomic():
            ChatServer.objects.filter(pk=server.pk).update(
                name=name,
                drain_epoch=F("drain_epoch") + 1,
                drain_holder=None,
                drain_renewed_at=None,
                drain_contested_at=None,
            )
    except IntegrityError as error:
        raise name_taken(name) from error
    server.refresh_from_db()


def _follow(old: str, new: str) -> dict[str, int]:
    """Move what is still to be done, and the counts, to the new name. Return how many live chats
    and deliveries were moved."""
    values = {"old": old, "new": new}
    chats = [is_live for (is_live,) in execute_rows(MOVE_CHATS, values)].count(True)
    deliveries = len(execute_rows(MOVE_WAITING, values))
    with connection.cursor() as cursor:
        cursor.execute(HOLD_COUNTS)
        cursor.execute(MOVE_COUNTS, values)
    return {"deliveries": deliveries, "interactions": chats}


def _publish() -> None:
    notifications.publish(notifications.CHAT_SERVERS, notifications.SENDS, notifications.BOARD)
