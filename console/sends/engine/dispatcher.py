"""A worker's part in sending: runs one drain for each Chat Server that has work.

A wake-up says that a Chat Server may have work (console.sends.engine.queue). The drain that follows
looks for itself, so a doubled wake-up does nothing.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import structlog
from django.db import DatabaseError, InterfaceError

from console.database.clock import database_now
from console.database.listen import LISTENING, LOST, listen
from console.interactions.models import ChatServer
from console.sends import selectors
from console.sends.engine import queue
from console.sends.engine.database import (
    DatabaseThread,
    DatabaseThreads,
    drop_if_lost,
    try_lock,
    unlock,
)
from console.sends.engine.drain import Drain
from console.sends.engine.gateway import Gateway
from console.sends.engine.record import deliveries_recover
from console.sends.observe.worker_metrics import drain_failed

logger = structlog.get_logger("console.sends")

LOCKED_ROWS_SECONDS = 0.2


@dataclass
class Dispatch:
    """The drains of a worker, and what they share: channels, database threads, the wish to stop.

    An async context manager; to be used within one event loop.
    """

    gateway: Gateway = field(default_factory=Gateway)
    databases: DatabaseThreads = field(default_factory=DatabaseThreads)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    drains: dict[str, Drain] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _woken: set[str] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.settled()
        await self.gateway.close()
        await self.databases.close()

    def wake(self, name: str) -> None:
        """Have a Chat Server's work looked at: at once, or once more by the drain that runs."""
        if self.stopping.is_set():
            return
        self._woken.add(name)
        if name in self.drains:
            self.drains[name].look_again()
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._run(name), name=f"drain {name}")

    async def _run(self, name: str) -> None:
        try:
            while name in self._woken and not self.stopping.is_set():
                self._woken.discard(name)
                await drain_chat_server(name, self)
        # Whatever it is, the deliveries are safe: the sweep has them looked at again.
        except (DatabaseError, InterfaceError) as error:
            drain_failed(name)
            logger.warning("drain lost the database", chat_server=name, error=str(error))
        except Exception:
            drain_failed(name)
            logger.exception("drain failed", chat_server=name)
        finally:
            del self._tasks[name]

    async def settled(self) -> bool:
        """Wait until no drain runs; answers whether any did."""
        has_run = bool(self._tasks)
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))
        return has_run

    async def listen(self) -> None:
        """Wake drains as soon as the transaction that made work for them has committed."""
        async for name in listen(queue.CHANNEL):
            if name is not LOST and name != LISTENING:
                self.wake(name)


async def drain_chat_server(name: str, dispatch: Dispatch) -> None:
    """Send all that is due to a Chat Server, unless somebody else is at it.

    Whoever gives the lock back looks once more: who came while it was held has gone away, trusting
    in this look.
    """
    async with dispatch.databases.thread() as database:
        while not dispatch.stopping.is_set():
            begun = await database.call(_begin, name)
            if begun is None:
                return
            server, has_work = begun
            has_claimed = not has_work or await _drain(server, database, dispatch)
            if has_claimed is None:
                return
            await database.call(unlock, server.pk)
            if not await database.call(_continue_or_wake, server.pk):
                return
            if not has_claimed:
                # What is due is held by somebody else's transaction: it takes a moment.
                await asyncio.sleep(LOCKED_ROWS_SECONDS)


async def _drain(server: ChatServer, database: DatabaseThread, dispatch: Dispatch) -> bool | None:
    """One drain by the holder of the lock; answers whether it found something to claim, None where
    the lock was lost and is another's now."""
    drain = dispatch.drains[server.name] = Drain(
        server, database, dispatch.gateway, dispatch.stopping
    )
    drain.record.start()
    try:
        await drain.run()
    finally:
        del dispatch.drains[server.name]
        drain.record.stop()
    return None if drain.is_superseded else drain.has_claimed


def _begin(name: str) -> tuple[ChatServer, bool] | None:
    """Become the one that drains a Chat Server, and clear up after one that was lost. Answers also
    whether anything is due; None where somebody else is at it or there is no such Chat Server."""
    drop_if_lost()
    server = ChatServer.objects.filter(name=name).first()
    if server is None:
        logger.warning("chat server unknown", chat_server=name)
        return None
    if not try_lock(server.pk):
        return None
    # After the lock came: what a lost drain claimed is there now.
    has_claims, due_at = selectors.work_of(name)
    if has_claims:
        lost = deliveries_recover(name)
        logger.warning("lost deliveries are unknown", chat_server=name, count=lost)
    return server, _is_due(server, due_at)


def _continue_or_wake(server_id: int) -> bool:
    """Whether there is more to do at once; what is due later gets a job for then."""
    server = ChatServer.objects.get(pk=server_id)
    due_at = selectors.next_due_at(server.name)
    if due_at is None:
        return False
    if _is_due(server, due_at):
        return True
    queue.enqueue_wake(server.name, _next_try(server, due_at))
    return False


def _is_due(server: ChatServer, due_at: datetime | None) -> bool:
    return due_at is not None and _next_try(server, due_at) <= database_now()


def _next_try(server: ChatServer, due_at: datetime) -> datetime:
    """When what is due at `due_at` can leave: a Chat Server that failed rests before."""
    return max(due_at, server.retry_at or due_at)
