"""The dispatcher's way to the database: one thread, and in it one connection.

Django's connections belong to threads, and the lock that makes a drain the only one belongs to a
connection. So each drain has a thread to itself, and the event loop never waits for a query.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from django.db import connection

P = ParamSpec("P")
R = TypeVar("R")

# Any fixed number does: it keeps these locks apart from others in the same database.
DRAIN_LOCK = 0x4E43


class DatabaseThread:
    """Runs functions in its thread, on the connection of that thread."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drain-database")

    async def close(self) -> None:
        """End the connection and the thread."""
        try:
            # By a function: `connection.close` would be looked up here, in the wrong thread.
            await self.call(lambda: connection.close())
        finally:
            self._executor.shutdown(wait=False)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))


class DatabaseThreads:
    """A worker's threads: drains come and go, and connecting anew each time would cost more than
    many a drain does. At most one a Chat Server is in use at a time, and so that many are kept."""

    def __init__(self) -> None:
        self._idle: list[DatabaseThread] = []

    @asynccontextmanager
    async def thread(self) -> AsyncIterator[DatabaseThread]:
        """A thread with a working connection. After an error it is not used again: its connection
        may be lost, and must not keep a lock."""
        thread = self._idle.pop() if self._idle else DatabaseThread()
        try:
            await thread.call(reconnect)
            yield thread
        except BaseException:
            await thread.close()
            raise
        self._idle.append(thread)

    async def close(self) -> None:
        threads, self._idle = self._idle, []
        for thread in threads:
            await thread.close()


def reconnect() -> None:
    """Have this thread's next query go over a new connection, if the old one is of no use."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def try_lock(server_id: int) -> bool:
    """Become the one that drains a Chat Server; False where somebody is. PostgreSQL frees it when
    this connection ends, however it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [DRAIN_LOCK, server_id])
        return bool(cursor.fetchone()[0])


def unlock(server_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [DRAIN_LOCK, server_id])
