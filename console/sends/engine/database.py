"""The dispatcher's way to the database: one thread, and in it one connection.

Django's connections belong to threads, and the lock that makes a drain the only one belongs to a
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

# Any fixed number does: it keeps these locks apart from others in the same database.
DRAIN_LOCK = 0x4E43
# A drain's statements take a few rows each, and their plans are made once a connection: perhaps
# when the tables are nearly empty, for which PostgreSQL would read them whole, and go on doing that
# when they no longer are.
BY_INDEX = ", ".join(
    f"set_config('enable_{way}', 'off', false)" for way in ("seqscan", "hashjoin", "mergejoin")
)


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

    async def call_with_lock(
        self, server_id: int, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """`call` for what only the one that drains a Chat Server may do.

        Raises InterfaceError where the connection that got the lock is gone: Django opens another
        without a word.
        """

        def call() -> R:
            if not _has_lock(server_id):
                raise InterfaceError("the connection that had the drain's lock was lost")
            return function(*args, **kwargs)

        return await self.call(call)


class DatabaseThreads:
    """A worker's threads: drains come and go, and connecting anew each time would cost more than
    many a drain does. At most one a Chat Server is in use at a time, and so that many are kept."""

    def __init__(self) -> None:
        self._idle: list[DatabaseThread] = []

    @asynccontextmanager
    async def thread(self) -> AsyncIterator[DatabaseThread]:
        """A thread, which looks itself whether its connection is lost (`drop_if_lost`). After an
        error it is not used again: its connection must not keep a lock."""
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
    """Have this thread's next query go over a new connection, if the old one is of no use."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def drop_if_lost() -> None:
    """`reconnect` for a connection that was left in order: asks the socket, not the server."""
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
    """The lock that a thread got last, and the connection that it belongs to."""

    server_id: int | None = None
    by: object = None


_held = _Held()


def _has_lock(server_id: int) -> bool:
    return _held.server_id == server_id and _held.by is connection.connection is not None


def try_lock(server_id: int) -> bool:
    """Become the one that drains a Chat Server; False where somebody is. PostgreSQL frees it when
    this connection ends, however it ends."""
    if _has_lock(server_id):
        return True  # taken twice it would have to be given back twice
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock(%s, %s), {BY_INDEX}", [DRAIN_LOCK, server_id])
        is_ours = bool(cursor.fetchone()[0])
    _held.server_id, _held.by = server_id, connection.connection if is_ours else None
    return is_ours


def unlock(server_id: int) -> None:
    _held.by = None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [DRAIN_LOCK, server_id])
