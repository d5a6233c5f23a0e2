"""A worker's heartbeat, from its start to the end of its drains."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from django.db import DatabaseError, InterfaceError

from console.database.sessions import QUEUE
from console.database.threads import DatabaseThread
from console.sends.engine.dispatcher import Dispatch
from console.sends.engine.workers import WorkerName, worker_gone, worker_seen

logger = structlog.get_logger("console.sends")

# How soon it is tried again after it failed.
RETRY_SECONDS = 1.0


@asynccontextmanager
async def present(dispatch: Dispatch, *, every_seconds: float) -> AsyncIterator[None]:
    """Write the heartbeat every few seconds. An unavailable database does not end it."""
    name = WorkerName(dispatch.worker, socket.gethostname(), os.getpid())
    database = DatabaseThread(QUEUE)
    beating = asyncio.create_task(_beat(name, dispatch, database, every_seconds), name="heartbeat")
    logger.info("worker started", worker=str(name.id), host=name.host, pid=name.pid)
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        with suppress(DatabaseError, InterfaceError):
            await database.call(worker_gone, name)
        await database.close()
        logger.info("worker stopped", worker=str(name.id), host=name.host, pid=name.pid)


async def _beat(
    name: WorkerName, dispatch: Dispatch, database: DatabaseThread, every_seconds: float
) -> None:
    while True:
        try:
            await database.call(
                worker_seen,
                name,
                chat_servers=sorted(dispatch.drains),
                is_stopping=dispatch.stopping.is_set(),
                unreadable_outcomes=dispatch.kept.unreadable(),
            )
        except (DatabaseError, InterfaceError) as error:
            logger.info("no heartbeat", worker=str(name.id), error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await asyncio.sleep(every_seconds)
