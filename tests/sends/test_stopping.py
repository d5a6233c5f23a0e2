"""How a worker ends that is asked to."""

import asyncio
import subprocess
import sys
import threading

import pytest

from console.interactions.models import ChatServer
from console.sends.engine.worker import run_worker
from tests.support.working import DEADLINE_SECONDS


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_not_wait_without_end_for_a_job(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has fallen silent to this one, whose answer it awaits for minutes."""
    begun, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        goes_on.wait(DEADLINE_SECONDS)

    monkeypatch.setattr("console.sends.tasks.sweep_now", hang)
    monkeypatch.setattr("console.sends.engine.worker.JOBS_END_SECONDS", 0.1)

    async def run() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(stop=stop))
        assert await asyncio.to_thread(begun.wait, DEADLINE_SECONDS)
        stop.set()
        assert await worker is False
        assert not goes_on.is_set()
        goes_on.set()

    try:
        asyncio.run(run())
    finally:
        goes_on.set()


@pytest.mark.processes
def test_a_process_ends_though_a_thread_of_its_hangs() -> None:
    program = """
import asyncio, threading
from console.sends.engine import worker

async def hangs(**given):
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    print("stopped")
    return False

worker.run_worker = hangs
asyncio.run(worker.run_until_signalled())
"""
    said = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{program}"],
        check=True,
        timeout=DEADLINE_SECONDS,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert said.stdout == "stopped\n"
