"""Exports by real workers: a process of its own, one that is killed, one that stops."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest
from django.db import connection

from console.accounts.models import User
from console.exports.models import ExportJob
from console.exports.processes import run_apart
from console.exports.running import export_lost, export_run
from console.exports.selectors import export_get
from console.exports.services import export_download, export_remove
from console.sends.engine.worker import run_worker
from console.sends.models import Delivery
from tests.exports.conftest import Ordered, Sent, read_lines
from tests.support.demos import Program, data_folder, until
from tests.support.serving import site_settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

# So many rows take a process some seconds.
MANY = 60_000
COPY = """
INSERT INTO sends_delivery (interaction_id, {columns}) SELECT 'copy-' || number, {columns}
FROM sends_delivery CROSS JOIN generate_series(1, %s) AS number
WHERE id = (SELECT min(id) FROM sends_delivery)
"""


@pytest.fixture(autouse=True)
def _same_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process reads the database from the environment, as a worker's does."""
    for name, value in site_settings().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def many(sent: Sent, ordered: Ordered) -> ExportJob:
    """An order of very many rows."""
    sent()
    own = {"id", "interaction_id"}
    columns = {str(field.column) for field in Delivery._meta.concrete_fields} - own
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role TO replica")  # of chats that are not there
        cursor.execute(COPY.format(columns=", ".join(sorted(columns))), [MANY])
        cursor.execute("RESET session_replication_role")
    return ordered("jsonl")


def test_a_worker_has_it_done_by_another_process(
    sent: Sent, ordered: Ordered, auditor: User
) -> None:
    sent(chats=3)
    job = ordered("jsonl")
    asyncio.run(run_worker(wait=False))
    found = export_get(auditor.to_actor(), job.pk)
    assert found.is_done
    assert len(read_lines(export_download(auditor.to_actor(), found))) == 3


def exporters(parent: psutil.Process | None = None) -> list[psutil.Process]:
    found = []
    for child in (parent or psutil.Process()).children(recursive=True):
        with suppress(psutil.Error):
            if "console.exports.exporter" in child.cmdline():
                found.append(child)
    return found


@contextmanager
def beside(job: ExportJob, stopping: Any) -> Iterator[list[int | None]]:
    """The export runs in a process; how it has ended is there afterwards."""
    statuses: list[int | None] = []
    thread = threading.Thread(target=lambda: statuses.append(run_apart(job.pk, stopping=stopping)))
    thread.start()
    try:
        yield statuses
    finally:
        thread.join()


def is_writing(job: ExportJob) -> bool:
    job.refresh_from_db()
    return job.status == "running" and job.done > 0


def test_a_killed_one_begins_anew_and_is_whole(many: ExportJob, auditor: User) -> None:
    with beside(many, lambda: False) as statuses:
        until(lambda: is_writing(many))
        exporters()[0].kill()
    assert statuses == [-signal.SIGKILL]
    many.refresh_from_db()
    assert many.status == "running"
    export_lost(many.pk)
    export_run(many.pk)
    job = export_get(auditor.to_actor(), many.pk)
    assert (job.run, job.done) == (2, MANY + 1)
    rows = read_lines(export_download(auditor.to_actor(), job))
    assert len({row["delivery"] for row in rows}) == len(rows) == MANY + 1


def test_cancelling_ends_the_process(many: ExportJob, auditor: User) -> None:
    with beside(many, lambda: False) as statuses:
        until(lambda: is_writing(many))
        export_remove(auditor.to_actor(), many)
        until(lambda: not exporters())
    assert statuses == [0]


def test_a_worker_writes_one_at_a_time(many: ExportJob, ordered: Ordered) -> None:
    other = ordered()
    stop = threading.Event()
    with beside(many, stop.is_set) as statuses:
        until(lambda: is_writing(many))
        assert run_apart(other.pk) is None
        stop.set()
    assert statuses == [-signal.SIGTERM]


def test_a_worker_that_stops_leaves_it_to_the_next(many: ExportJob, auditor: User) -> None:
    """By real workers, one after the other."""
    with data_folder() as folder:
        first = Program("worker", data=folder, listener=None, **site_settings())
        try:
            first.says("Worker ready")
            until(lambda: is_writing(many))
            first.send(signal.SIGTERM)
            assert first.wait() == 0
            many.refresh_from_db()
            assert (many.status, many.lost) == ("waiting", 0)
        finally:
            first.close()
        second = Program("worker", data=folder, listener=None, **site_settings())
        try:
            until(lambda: export_get(auditor.to_actor(), many.pk).is_done, within=120.0)
        finally:
            second.close()
    job = export_get(auditor.to_actor(), many.pk)
    assert (job.run, job.done) == (2, MANY + 1)
