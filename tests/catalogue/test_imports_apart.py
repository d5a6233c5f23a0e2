"""Imports run in a process of their own: what the largest file takes, no sending lacks."""

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from console.accounts.models import User
from console.catalogue.models import ImportJob, NoticeVersion
from console.catalogue.transfer.jobs import processes
from console.catalogue.transfer.jobs.control import (
    import_job_confirm,
    import_job_failed,
    import_job_start,
)
from console.catalogue.transfer.jobs.importer import NICENESS, NO_MEMORY
from console.catalogue.transfer.jobs.processes import run_apart
from console.sends.engine.worker import run_worker
from tests.catalogue.hostile import row, sheet, workbook
from tests.support.demos import until
from tests.support.serving import site_settings

pytestmark = pytest.mark.django_db(transaction=True)

NEW = b"key,kind,title,body:en\nlate,message,Late,It is late.\n"
MEGABYTES = 200


@pytest.fixture(autouse=True)
def _same_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process reads the database from the environment, as a worker's does."""
    for name, value in site_settings().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONSOLE_IMPORT_MEMORY", str(MEGABYTES))


def start(user: User, content: bytes, name: str = "a.csv") -> ImportJob:
    return import_job_start(user.to_actor(), file_name=name, content=content)


def test_a_worker_has_it_done_by_another_process(editor: User) -> None:
    job = start(editor, NEW)
    asyncio.run(run_worker(wait=False))
    job.refresh_from_db()
    assert (job.status, job.counts["created"]) == ("checked", 1)

    import_job_confirm(editor.to_actor(), job)
    asyncio.run(run_worker(wait=False))

    job.refresh_from_db()
    assert job.status == "imported"
    assert NoticeVersion.objects.get().author_ref == editor.to_actor().ref


@contextmanager
def beside(job: ImportJob) -> Iterator[tuple[psutil.Process, list[int | None]]]:
    """The process of an import that has begun, and how it has ended at last."""
    statuses: list[int | None] = []
    thread = threading.Thread(target=lambda: statuses.append(run_apart(job.pk)))
    thread.start()
    try:
        yield until(importers)[0], statuses
    finally:
        thread.join()


def importers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "console.catalogue.transfer.jobs.importer" in child.cmdline():
                found.append(child)
    return found


def most_memory(process: psutil.Process) -> int:
    """The most bytes of the machine's memory that it has had so far, as its kernel counts; 0 once
    it has ended."""
    with suppress(OSError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else 0
    return 0


HUGE: dict[str, Callable[[], bytes]] = {
    "one row of very many cells": lambda: workbook(sheet("<row>" + "<c/>" * 2_000_000 + "</row>")),
    "very many rows": lambda: workbook(sheet("<row/>" * 2_000_000)),
    "a long text": lambda: workbook(
        sheet(row("a")), sharedStrings=f"<sst><si><t>{'x' * 180_000_000}</t></si></sst>"
    ),
}


@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE)
def test_a_file_takes_no_more_memory_than_an_import_may(
    make: Callable[[], bytes], editor: User
) -> None:
    """By what the kernel says of the process."""
    job = start(editor, make(), "a.xlsx")
    with beside(job) as (process, statuses):
        peak = 0
        while seen := most_memory(process):
            peak = seen
            time.sleep(0.01)
    assert statuses == [NO_MEMORY]
    # What is not counted as data is shared with others, such as the interpreter's own code.
    assert MEGABYTES / 2 < peak / 1_000_000 < MEGABYTES + 100
    import_job_failed(job.pk, for_memory=True)
    job.refresh_from_db()
    assert job.status == "refused"
    assert "Import it in parts" in job.error
    assert not NoticeVersion.objects.exists()


@pytest.fixture
def running(editor: User) -> Iterator[psutil.Process]:
    """The process of an import that has much to do."""
    lines = b"".join(b"key-%d,message,T,Text\n" % number for number in range(20_000))
    job = start(editor, b"key,kind,title,body:en\n" + lines)
    with beside(job) as (process, _statuses):
        yield process
        process.kill()


def test_it_goes_behind_those_that_send(running: psutil.Process) -> None:
    least = max(NICENESS, os.nice(0))
    assert until(lambda: running.nice() >= least)


def test_a_worker_runs_one_at_a_time(running: psutil.Process, editor: User) -> None:
    job = start(editor, NEW)
    assert run_apart(job.pk) is None
    job.refresh_from_db()
    assert job.status == "checking"


def test_one_that_is_killed_has_failed(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel ends what takes the machine's last memory, and asks nobody."""
    monkeypatch.setenv("CONSOLE_SECRET_KEY", "")  # no process starts without one
    job = start(editor, NEW)
    asyncio.run(run_worker(wait=False))
    job.refresh_from_db()
    assert job.status == "refused"
    assert "nothing was imported" in job.error
    assert processes._room.acquire(blocking=False)
    processes._room.release()
