"""The database sessions of a worker's jobs.

Jobs run in threads that the event loop chooses, and Django gives each thread a connection of its
own. Each job returns what it used: no thread keeps a connection, so none keeps a lost one, and a
worker that ran many jobs at once has no more connections afterwards than before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections
from procrastinate import JobContext
from procrastinate.worker import Worker

from console.database.budget import JOBS_AT_ONCE
from console.database.sessions import JOB, QUEUE, Limits, use_limits_in_thread

R = TypeVar("R")

LOOKUPS_AT_ONCE = 4


def around_jobs(call_next: Callable[[], Any], _context: JobContext, _worker: Worker) -> Any:
    """Run a job in its thread, with connections of its own."""
    return _with_own_session(call_next)


async def in_own_thread(work: Callable[[], R]) -> R:
    """Run a step of an asynchronous job in a thread and with connections of its own.

    In the shared thread the step would keep the periodic jobs waiting: what has no job is found by
    them, and so is a chat that newly matches an incident.
    """
    return await sync_to_async(_with_own_session, thread_sensitive=False)(work)


@asynccontextmanager
async def job_threads() -> AsyncIterator[None]:
    """Prepare the threads of a worker's jobs.

    Each job that may run has one, and the event loop some more: it looks up hosts in them, also
    while all jobs wait for the database. The queue defers periodic jobs in a thread that it shares
    with asynchronous jobs, which may run short statements there. That one gets the queue's limits.
    Its connection stays, and is replaced at its next use if it is lost (console.database.backend).
    """
    threads = ThreadPoolExecutor(JOBS_AT_ONCE + LOOKUPS_AT_ONCE, thread_name_prefix="job")
    asyncio.get_running_loop().set_default_executor(threads)
    await sync_to_async(_begin)(QUEUE)
    try:
        yield
    finally:
        await sync_to_async(_end)()


def _with_own_session(work: Callable[[], R]) -> R:
    _begin(JOB)
    try:
        return work()
    finally:
        _end()


def _begin(limits: Limits) -> None:
    connections.close_all()
    use_limits_in_thread(limits)


def _end() -> None:
    connections.close_all()
    use_limits_in_thread(None)
