"""The database sessions of a worker's jobs.

Jobs run in threads that the event loop chooses, and Django gives each thread a connection of its
own. Each job returns what it used: no thread keeps a connection, so none keeps a lost one, and a
worker that ran many jobs at once has no more connections afterwards than before.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from procrastinate import JobContext
from procrastinate.worker import Worker

from console.database.sessions import JOB, QUEUE, Limits, use_limits_in_thread


def around_jobs(call_next: Callable[[], Any], _context: JobContext, _worker: Worker) -> Any:
    """Run a job in its thread, with connections of its own."""
    _begin(JOB)
    try:
        return call_next()
    finally:
        _end()


@asynccontextmanager
async def shared_thread() -> AsyncIterator[None]:
    """Give the queue's limits to the thread that it shares with all asynchronous jobs: it defers
    periodic jobs there. Its connection stays, and is replaced at its next use if it is lost
    (console.database.backend)."""
    await sync_to_async(_begin)(QUEUE)
    try:
        yield
    finally:
        await sync_to_async(_end)()


def _begin(limits: Limits) -> None:
    connections.close_all()
    use_limits_in_thread(limits)


def _end() -> None:
    connections.close_all()
    use_limits_in_thread(None)
