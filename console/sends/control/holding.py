"""Writes whether a Chat Server is held, as for its maintenance. While it is held, its deliveries
wait and their time to live stands still."""

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, NotFound
from console.interactions.models import ChatServer
from console.interactions.told import CHAT_SERVER
from console.sends.control.stop_switch import required_reason
from console.sends.engine import queue
from console.sends.engine.queue import outbox_renew
from console.text.sentences import term


def chat_server_hold(actor: Actor, server: ChatServer, reason: str) -> ChatServer:
    """Hold a Chat Server. Deliveries on the wire still get their true outcome. New sends can be
    made, and wait.

    Raises InvalidInput without a reason, Conflict if it is held already.
    """
    actor.require(Permission.ADMINISTER)
    said = required_reason(reason, term("why the Chat Server is held"))
    with transaction.atomic():
        held = lock_chat_server(server)
        if held.held_at is not None:
            raise Conflict(
                "chat_server_held", "The Chat Server {name} is held already.", name=held.name
            )
        held.held_at, held.held_by, held.held_reason = database_now(), actor.name, said
        _save(held)
        data = {"reason": said, **told((CHAT_SERVER, held.pk))}
        audit.record(actor, Action.CHAT_SERVER_HELD, target=target(held), data=data)
    return held


def chat_server_release(actor: Actor, server: ChatServer) -> ChatServer:
    """Let deliveries leave for a held Chat Server again. What waits gets a whole time to live.

    Raises Conflict if it is not held.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        held = lock_chat_server(server)
        if held.held_at is None:
            raise Conflict(
                "chat_server_not_held", "The Chat Server {name} is not held.", name=held.name
            )
        was = {"held_by": held.held_by, "held_at": held.held_at.isoformat()}
        held.held_at, held.held_by, held.held_reason = None, "", ""
        _save(held)
        outbox_renew(database_now(), held.name)
        queue.enqueue_drains([held.name])
        data = {**was, **told((CHAT_SERVER, held.pk))}
        audit.record(actor, Action.CHAT_SERVER_RELEASED, target=target(held), data=data)
    return held


def lock_chat_server(server: ChatServer) -> ChatServer:
    """Return the Chat Server as it is now, locked until the transaction ends. Raises NotFound."""
    locked = ChatServer.objects.select_for_update(no_key=True).filter(pk=server.pk).first()
    if locked is None:
        raise NotFound(
            "chat_server_not_found", "There is no Chat Server named {name}.", name=server.name
        )
    return locked


def target(server: ChatServer) -> tuple[str, str, str]:
    """Return the target of the ledger's entries about a Chat Server."""
    return ("chat_server", server.name, server.name)


def _save(server: ChatServer) -> None:
    server.save(update_fields=["held_at", "held_by", "held_reason"])
    notifications.publish(notifications.CHAT_SERVERS, notifications.SENDS)
