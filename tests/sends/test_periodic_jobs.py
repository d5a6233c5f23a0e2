"""The periodic jobs of a worker are deferred while a step of a long job waits: for the lock of a
worker that is silent, or because it takes long."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Semaphore
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

import console.audit.tasks
import console.notifications.tasks
import console.sends.tasks
import console.webhooks.tasks
from console.database.budget import JOBS_AT_ONCE
from console.database.job_sessions import in_own_thread, job_threads
from console.sends.engine.record import deliveries_expire
from console.sends.models import HistoryPart

pytestmark = pytest.mark.django_db(transaction=True)

# None of these waits for what is held up; how long it takes to see that says nothing.
SOON_SECONDS = 5.0
# By task: its module, and the work of its steps.
LONG = {
    "fill_history": (console.sends.tasks, "history_fill"),
    "rest_deliveries": (console.sends.tasks, "deliveries_rest"),
    "forget": (console.sends.tasks, "interactions_forget"),
    "erase": (console.sends.tasks, "retention_begin"),
    "compare_state": (console.audit.tasks, "state_check_begin"),
    "tell webhooks": (console.webhooks.tasks, "facts_gather"),
    "forget webhooks": (console.webhooks.tasks, "messages_forget"),
    "tell people": (console.notifications.tasks, "matters_gather"),
    "forget people": (console.notifications.tasks, "matters_forget"),
}


def next_round() -> str:
    """What enqueues the periodic jobs runs here, in the shared thread."""
    return "deferred"


async def deferred_beside(
    job: Any, is_at_it: Callable[[], bool], let_go: Callable[[], None]
) -> str:
    """What is deferred while the job waits. It ends once it was let go."""
    async with job_threads():
        running = asyncio.create_task(job)
        try:
            while not is_at_it():
                assert not running.done()
                await asyncio.sleep(0.01)
            return await asyncio.wait_for(sync_to_async(next_round)(), SOON_SECONDS)
        finally:
            let_go()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("task", LONG)
def test_a_step_of_a_long_job_holds_up_no_periodic_job(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = LONG[task]
    began, may_end = Event(), Event()

    def step() -> None:
        began.set()
        assert may_end.wait(60)
        raise ConnectionError("It is over.")

    monkeypatch.setattr(module, name, step)
    arguments = {"context": None} if task.startswith("tell") else {}
    job = getattr(module, task.split()[0]).func(timestamp=0, **arguments)

    assert asyncio.run(deferred_beside(job, began.is_set, may_end.set)) == "deferred"


def test_nor_does_one_that_waits_for_a_lock(make_send: Callable[..., Any]) -> None:
    make_send(1)
    deliveries_expire(timezone.now() + timedelta(hours=1))
    with (
        psycopg.connect(**connection.get_connection_params()) as silent,
        psycopg.connect(**connection.get_connection_params(), autocommit=True) as eye,
    ):
        silent.execute("LOCK TABLE sends_historypart IN SHARE ROW EXCLUSIVE MODE")

        def waits() -> bool:
            blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
            return bool(eye.execute(blocked, [silent.info.backend_pid]).fetchone()[0])  # type: ignore[index]

        job = console.sends.tasks.fill_history.func(timestamp=0)
        assert asyncio.run(deferred_beside(job, waits, silent.rollback)) == "deferred"

    assert HistoryPart.objects.exists()


def test_hosts_are_looked_up_while_all_jobs_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker connects to a Chat Server whatever its jobs wait for, on a machine of one processor
    as well."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    waiting, may_end = Semaphore(0), Event()

    def step() -> None:
        waiting.release()
        assert may_end.wait(60)

    async def look_up() -> bool:
        async with job_threads():
            jobs = [asyncio.create_task(in_own_thread(step)) for _ in range(JOBS_AT_ONCE)]
            try:
                for _job in jobs:
                    while not waiting.acquire(blocking=False):
                        await asyncio.sleep(0.01)
                lookup = asyncio.get_running_loop().getaddrinfo("localhost", 1)
                return bool(await asyncio.wait_for(lookup, SOON_SECONDS))
            finally:
                may_end.set()
                await asyncio.gather(*jobs)

    assert asyncio.run(asyncio.wait_for(look_up(), 4 * SOON_SECONDS))
