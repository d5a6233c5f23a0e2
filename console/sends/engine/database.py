"""Database access for the dispatcher: threads with one connection each.

Django's connections belong to threads, and the lock that makes a drain exclusive belongs to a
connection. So each drain has a thread to itself, and the event loop never waits for a query.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

import psycopg
from django.db import InterfaceError, connection

P = ParamSpec("P")
R = TypeVar("R")

# Any fixed number will do: it separates these locks from others in the same database.
DRAIN_LOCK = 0x4E43
# A drain's statements take a few rows each and are planned once per connection. If the tables are
# nearly empty then, PostgreSQL would plan sequential scans and keep those plans when the tables
# have grown.
BY_INDEX = ", ".join(
    f"set_config('enable_{way}', 'off', false)" for way in ("seqscan", "hashjoin", "mergejoin")
)


class DatabaseThread:
    """A thread with a connection of its own, which runs functions."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drain-database")

    async def close(self) -> None:
        """Close the connection and end the thread."""
        try:
            # A lambda, because `connection.close` would be looked up here, in the wrong thread.
            await self.call(lambda: connection.close())
        finally:
            self._executor.shutdown(wait=False)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    async def call_with_lock(
        self, server_id: int, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that only the holder of a Chat Server's drain lock may run.

        Raises InterfaceError if the connection that held the lock is gone: Django silently opens
        another.
        """

        def call() -> R:
            if not _has_lock(server_id):
                raise InterfaceError("the connection that had the drain's lock was lost")
            return function(*args, **kwargs)

        return await self.call(call)


class DatabaseThreads:
    """A pool of a worker's threads: connecting anew for each drain would cost more than many drains
    do. It grows to the number of Chat Servers drained at the same time."""

    def __init__(self) -> None:
        self._idle: list[DatabaseThread] = []

    @asynccontextmanager
    async def thread(self) -> AsyncIterator[DatabaseThread]:
        """Lend a thread. The user checks whether its connection is lost (`drop_if_lost`). After an
        error the thread is closed, since its connection must not keep a lock."""
        thread = self._idle.pop() if self._idle else DatabaseThread()
        try:
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
    """Close this thread's connection if it is unusable, so that the next query opens a new one."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def drop_if_lost() -> None:
    """Close an idle connection if it is lost. Asks only the socket, not the server."""
    driver = connection.connection
    if driver is None:
        return
    try:
        driver.pgconn.consume_input()
        is_lost = driver.closed
    except psycopg.Error:
        is_lost = True
    if is_lost:
        connection.close()


class _Held(threading.local):
    """The lock that a thread got last, and the connection that holds it."""

    server_id: int | None = None
    by: object = None


_held = _Held()


def _has_lock(server_id: int) -> bool:
    return _held.server_id == server_id and _held.by is connection.connection is not None


def try_lock(server_id: int) -> bool:
    """Take a Chat Server's drain lock; return False if another drain has it. PostgreSQL frees the
    lock when this connection ends, however it ends."""
    if _has_lock(server_id):
        return True  # taken twice, it would have to be released twice
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock(%s, %s), {BY_INDEX}", [DRAIN_LOCK, server_id])
        is_ours = bool(cursor.fetchone()[0])
    _held.server_id, _held.by = server_id, connection.connection if is_ours else None
    return is_ours


def unlock(server_id: int) -> None:
    _held.by = None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [DRAIN_LOCK, server_id])
