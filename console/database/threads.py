"""Database access for asyncio: a bounded pool of threads with one connection each.

Django's connections belong to threads, and the event loop must never wait for a query.
"""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Generic, ParamSpec, TypeVar

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from console.database.sessions import DRAIN, Limits, use_limits_in_thread

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def _nothing() -> None:
    pass


class DatabaseThread:
    """A thread with a connection of its own, which runs functions.

    `prepare` runs once on each new connection. A connection that is lost, or on which a function
    failed, is closed, so that the next call opens another.
    """

    def __init__(self, limits: Limits, prepare: Callable[[], None] = _nothing) -> None:
        self._executor = ThreadPoolExecutor(
            max_workers=1,
            thread_name_prefix="database",
            initializer=use_limits_in_thread,
            initargs=(limits,),
        )
        self._prepare = prepare
        self.used_at = time.monotonic()

    async def close(self) -> None:
        """Close the connection and end the thread."""
        try:
            # A lambda, because `connection.close` would be looked up here, in the wrong thread.
            await asyncio.get_running_loop().run_in_executor(
                self._executor, lambda: connection.close()
            )
        finally:
            self._executor.shutdown(wait=False)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        self.used_at = time.monotonic()
        loop = asyncio.get_running_loop()
        run = partial(_run, self._prepare, partial(function, *args, **kwargs))
        return await loop.run_in_executor(self._executor, run)


class DatabaseThreads:
    """A worker's drains share at most `most` threads. Calls beyond that wait, first come, first
    served."""

    def __init__(self, most: int, prepare: Callable[[], None] = _nothing) -> None:
        self._free = asyncio.Semaphore(most)
        self._prepare = prepare
        self._idle: list[DatabaseThread] = []

    @asynccontextmanager
    async def thread(self) -> AsyncIterator[DatabaseThread]:
        """A thread that is free, for the block."""
        async with self._free:
            thread = self._idle.pop() if self._idle else self._new()
            try:
                yield thread
            finally:
                # Even a cancelled call still runs to its end there, before the next one.
                self._idle.append(thread)

    def _new(self) -> DatabaseThread:
        return DatabaseThread(DRAIN, self._prepare)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in a thread that is free. Consecutive calls may use different ones."""
        async with self.thread() as thread:
            return await thread.call(function, *args, **kwargs)

    async def close(self, *, idle_seconds: float = 0.0) -> None:
        """Close the threads that nobody has used for this long."""
        before = time.monotonic() - idle_seconds
        over = [thread for thread in self._idle if thread.used_at <= before]
        self._idle = [thread for thread in self._idle if thread.used_at > before]
        for thread in over:
            await thread.close()


class Together(Generic[T, R]):
    """Runs a function once for many who wait for a thread to run it.

    The function gets their items, and returns as many results in the same order; or it raises, for
    all of them. While one run is under way others begin in other threads, so nobody waits for a
    connection that fell silent. A run takes `share` of those who wait, at most `most`: several
    workers that begin with the same items at the same moment each get some.
    """

    def __init__(
        self,
        databases: DatabaseThreads,
        function: Callable[[list[T]], Sequence[R]],
        *,
        most: int,
        share: float,
    ) -> None:
        self._databases = databases
        self._function = function
        self._most = most
        self._share = share
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._runs: set[asyncio.Task[None]] = set()
        self._is_next_begun = False

    async def call(self, item: T) -> R:
        """Return the function's result of this item."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._begin_next()
        return await future

    def _begin_next(self) -> None:
        if self._waiting and not self._is_next_begun:
            self._is_next_begun = True
            run = asyncio.create_task(self._run())
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)

    async def _run(self) -> None:
        async with self._databases.thread() as thread:
            taken = self._taken()
            self._is_next_begun = False
            self._begin_next()
            try:
                results = await thread.call(self._function, [item for item, _future in taken])
            except Exception as error:
                for _item, future in taken:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_item, future), result in zip(taken, results, strict=True):
                    if not future.done():
                        future.set_result(result)

    def _taken(self) -> list[tuple[T, asyncio.Future[R]]]:
        number = min(self._most, math.ceil(len(self._waiting) * self._share))
        taken, self._waiting = self._waiting[:number], self._waiting[number:]
        return taken


class _Prepared(threading.local):
    """The connection of this thread that is prepared."""

    connection: object = None


_prepared = _Prepared()


def _run(prepare: Callable[[], None], function: Callable[[], R]) -> R:
    drop_if_lost()
    try:
        connection.ensure_connection()
        if _prepared.connection is not connection.connection:
            prepare()
            _prepared.connection = connection.connection
        return function()
    except (DatabaseError, InterfaceError):
        connection.close()
        raise


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
