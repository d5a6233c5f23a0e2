"""A worker's part in sending: it runs one drain for each Chat Server that has work.

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
from console.database.notifications import LISTENING, LOST, listen
from console.database.threads import DatabaseThread, DatabaseThreads, drop_if_lost
from console.interactions.models import ChatServer
from console.sends.engine import queue
from console.sends.engine.claim import try_lock, unlock
from console.sends.engine.drain import Drain
from console.sends.engine.gateway import Gateway
from console.sends.engine.record import deliveries_recover
from console.sends.observe.worker_metrics import drain_failed

logger = structlog.get_logger("console.sends")

LOCKED_ROWS_SECONDS = 0.2


@dataclass
class Dispatch:
    """The drains of a worker, and what they share: channels, database threads, the stop signal.

    An async context manager, to be used within one event loop.
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
        """Start a drain of a Chat Server, or make the running one look again."""
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
        # Whatever the error is, the deliveries are safe: the sweep starts another drain.
        except (DatabaseError, InterfaceError) as error:
            drain_failed(name)
            logger.warning("drain lost the database", chat_server=name, error=str(error))
        except Exception:
            drain_failed(name)
            logger.exception("drain failed", chat_server=name)
        finally:
            del self._tasks[name]

    async def settled(self) -> bool:
        """Wait until no drain runs. Return whether any did."""
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
    """Send everything that is due to a Chat Server, unless another drain holds its lock.

    After releasing the lock it looks once more: a drain that gave up while the lock was held relies
    on this second check.
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
                # Another transaction has locked what is due. That takes only a moment.
                await asyncio.sleep(LOCKED_ROWS_SECONDS)


async def _drain(server: ChatServer, database: DatabaseThread, dispatch: Dispatch) -> bool | None:
    """Run one drain as the holder of the lock. Return whether it found something to claim; None if
    the lock was lost to another worker."""
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
    """Take a Chat Server's drain lock and recover what a lost drain left. Return the Chat Server
    and whether anything is due; None if the lock is taken or there is no such Chat Server."""
    drop_if_lost()
    server = ChatServer.objects.filter(name=name).first()
    if server is None:
        logger.warning("chat server unknown", chat_server=name)
        return None
    if not try_lock(server.pk):
        return None
    # Read after the lock is taken, when the claims of a lost drain are visible.
    has_claims, due_at = queue.work_of(name)
    if has_claims:
        lost = deliveries_recover(name)
        logger.warning("lost deliveries are unknown", chat_server=name, count=lost)
    return server, _is_due(server, due_at)


def _continue_or_wake(server_id: int) -> bool:
    """Return whether more is due now. Otherwise enqueue a job for when the next delivery is due."""
    server = ChatServer.objects.get(pk=server_id)
    due_at = queue.next_due_at(server.name)
    if due_at is None:
        return False
    if _is_due(server, due_at):
        return True
    queue.enqueue_wake(server.name, _next_try(server, due_at))
    return False


def _is_due(server: ChatServer, due_at: datetime | None) -> bool:
    return due_at is not None and _next_try(server, due_at) <= database_now()


def _next_try(server: ChatServer, due_at: datetime) -> datetime:
    """Return when a delivery due at `due_at` can leave: a Chat Server that failed rests first."""
    return max(due_at, server.retry_at or due_at)
