"""Tells open pages and workers that something changed, by PostgreSQL's NOTIFY, and listens to it.

A topic is a word ("board", "send-12"), never data: a page that receives it loads anew what its
person may see. Changes of live chats are told with the ids of the chats, and nothing else of them.
PostgreSQL delivers both only when the transaction commits.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import connections
from psycopg.conninfo import conninfo_to_dict

from console.database.committing import execute_with_commit
from console.database.sessions import BoundedAsyncConnection, client_parameters, set_up

logger = structlog.get_logger("console.database.notifications")

RECONNECT_SECONDS = 1.0
# How often a listener asks whether the database is still there: it would wait for ever otherwise.
ASK_SECONDS = 5.0
# What `listen` yields besides payloads, which are never empty.
LISTENING = ""
LOST = None

CHANNEL = "console_live"
NOTIFY = "SELECT pg_notify(%s, topic) FROM unnest(%s::text[]) AS topic"

# Anything about live chats may have changed.
BOARD = "board"
# These chats have changed: "chats 0001A 0002B".
CHATS = "chats"
# PostgreSQL takes less than 8,000 bytes in one notification. Of more chats than these hold nobody
# reads the ids.
PAYLOAD_BYTES, PAYLOADS_MOST = 7_900, 16
SENDS = "sends"
CHAT_SERVERS = "chat-servers"
# The stop-everything switch.
SENDING = "sending"
WEBHOOKS = "webhooks"
# Incidents and their stages.
INCIDENTS = "incidents"
# What waits for a person's decision.
WAITING = "waiting"
# Mails and messages to channels, on their way and ended.
MAIL = "mail"


def sessions_topic(person: int) -> str:
    """Return the topic for the end of this person's sessions."""
    return f"sessions-{person}"


def import_topic(job_id: int) -> str:
    return f"import-{job_id}"


def export_topic(export_id: int) -> str:
    return f"export-{export_id}"


def chat_topic(interaction_id: str) -> str:
    """Return the topic for all of a chat. Those of chats that `publish_chats` tells are published
    as well (console.live.events)."""
    return f"of-chat-{interaction_id}"


def send_topic(send_id: int) -> str:
    return f"send-{send_id}"


def publish(*topics: str) -> None:
    """Notify pages that follow one of `topics`, with the commit of the transaction if there is one.
    A transaction sends each topic once."""
    execute_with_commit(NOTIFY, [CHANNEL, list(topics)])


def publish_chats(interaction_ids: Iterable[str]) -> None:
    """Notify pages that these live chats have changed, in the same way. If they are very many, tell
    that any may have changed."""
    payloads = [CHATS]
    for each in dict.fromkeys(interaction_ids):
        if len(payloads[-1]) + 1 + len(each) > PAYLOAD_BYTES:
            payloads.append(CHATS)
        payloads[-1] += f" {each}"
    if payloads != [CHATS]:
        publish(*([BOARD] if len(payloads) > PAYLOADS_MOST else payloads))


def changed_chats(payload: str) -> list[str]:
    """Return the chats of what `publish_chats` told; none for a topic."""
    kind, *chats = payload.split(" ")
    return chats if kind == CHATS else []


async def listen(channel: str) -> AsyncIterator[str | None]:
    """Yield payloads for ever. LISTENING means that nothing is missed from now on; LOST means that
    the connection is gone until LISTENING comes again."""
    while True:
        try:
            async with await _connect() as listening:
                await listening.execute(f'LISTEN "{channel}"')
                yield LISTENING
                while True:
                    async for notification in listening.notifies(timeout=ASK_SECONDS):
                        yield notification.payload
                    await listening.execute("SELECT 1")
        except (psycopg.Error, OSError) as error:
            yield LOST
            logger.warning("listener lost the database", channel=channel, error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)


async def _connect() -> BoundedAsyncConnection:
    connection = await BoundedAsyncConnection.connect(
        **await asyncio.to_thread(_connection_params), autocommit=True
    )
    try:
        await set_up(connection)
    except BaseException:  # also if whoever waits for it is cancelled
        await connection.close()
        raise
    return connection


def _connection_params() -> dict[str, Any]:
    if settings.POOLER_URL and settings.DATABASE_URL:  # whoever listens needs a session
        address = conninfo_to_dict(settings.DATABASE_URL)
        return client_parameters(address)
    params = connections["default"].get_connection_params()
    # Django's own parameters; all others are the address, with its TLS settings.
    others = {"cursor_factory", "context", "prepare_threshold"}
    return {name: value for name, value in params.items() if name not in others}
