"""The database ends a worker's sessions, again and again. All its jobs go on by themselves."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now

from console.sends.models import Worker
from tests.sends.test_workers import WorkerProcess
from tests.support.demos import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ROUNDS = 6
# The sweep comes every five seconds, and a job queue that failed starts again after one; a busy
# machine needs longer.
SOON_SECONDS = 60.0
NAME = "worker-of-ended-sessions"
OF_THE_WORKER = "FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    started = WorkerProcess(NAME, tmp_path)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait(SOON_SECONDS)


def sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {OF_THE_WORKER}", [NAME])
        (number,) = cursor.fetchone()
    return int(number)


def end_sessions() -> None:
    """End all of them, once the worker has some."""
    until(lambda: sessions() > 2, within=SOON_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) {OF_THE_WORKER}", [NAME])


def sweep_is_seen() -> None:
    """Wait for what only a sweep does: it forgets a worker that was lost two hours ago."""
    lost = Worker.objects.create(
        pk=uuid4(), host="gone", pid=1, started_at=Now(), seen_at=Now() - timedelta(hours=2)
    )
    until(lambda: not Worker.objects.filter(pk=lost.pk).exists(), within=SOON_SECONDS)


def test_the_sweep_goes_on_after_each_of_many_ends(worker: WorkerProcess) -> None:
    sweep_is_seen()
    for _round in range(ROUNDS):
        end_sessions()
        sweep_is_seen()
