"""Listens to PostgreSQL's NOTIFY on a connection of its own, and reconnects after a loss."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import structlog
from django.db import connections

logger = structlog.get_logger("console.database.listen")

RECONNECT_SECONDS = 1.0
# What `listen` yields besides payloads, which are never empty.
LISTENING = ""
LOST = None


async def listen(channel: str) -> AsyncIterator[str | None]:
    """Yield payloads for ever. LISTENING means that nothing is missed from now on; LOST means that
    the connection is gone until LISTENING comes again."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                **await asyncio.to_thread(_connection_params), autocommit=True
            ) as connection:
                await connection.execute(f'LISTEN "{channel}"')
                yield LISTENING
                async for notification in connection.notifies():
                    yield notification.payload
        except (psycopg.Error, OSError) as error:
            yield LOST
            logger.warning("listener lost the database", channel=channel, error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)


def _connection_params() -> dict[str, Any]:
    params = connections["default"].get_connection_params()
    # Django's own parameters; all others are the address, with its TLS settings.
    others = {"cursor_factory", "context", "prepare_threshold"}
    return {name: value for name, value in params.items() if name not in others}
