"""Database access for asyncio: threads with one connection each.

Django's connections belong to threads, and an advisory lock belongs to a connection. So who holds
one has a thread to itself, and the event loop never waits for a query.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

import psycopg
from django.db import connection

P = ParamSpec("P")
R = TypeVar("R")


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
