"""The database's host vanishes without a word: nothing is closed, and no answer comes."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.sends.models import Worker
from tests.sends.test_ended_sessions import sweep_is_seen
from tests.sends.test_workers import WorkerProcess
from tests.support.black_hole import Way, way_to_postgresql
from tests.support.demos import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

# What a worker may take on a busy machine to find out, and to begin anew.
FREE_SECONDS = 60.0
END_SECONDS = 60.0


@pytest.fixture
def way() -> Iterator[Way]:
    with way_to_postgresql() as found:
        yield found


@pytest.fixture
def worker(way: Way, tmp_path: Path) -> Iterator[WorkerProcess]:
    started = WorkerProcess("worker-far-away", tmp_path, DATABASE_URL=way.url)
    until(Worker.objects.exists)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait(END_SECONDS)


def test_the_worker_begins_anew_by_itself(way: Way, worker: WorkerProcess) -> None:
    sweep_is_seen()
    before = Worker.objects.get().seen_at
    way.fall_silent()
    until(lambda: Worker.objects.get().seen_at > before, within=FREE_SECONDS)
    sweep_is_seen()
    assert worker.process.poll() is None


def test_one_signal_ends_it_while_its_queue_begins_anew(way: Way, worker: WorkerProcess) -> None:
    """The first pool of its job queue has failed, and the next one tries to connect."""
    way.fall_silent(closed=True)
    anew = "error connecting in 'pool-2'"
    until(lambda: any(line["event"].startswith(anew) for line in worker.lines()), within=60)
    status, _said = worker.end(signal.SIGTERM)
    assert status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    way: Way, worker: WorkerProcess, number: signal.Signals
) -> None:
    """All its threads wait for the database, and the first signal ends it only after that."""
    way.fall_silent(closed=True)
    worker.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.process.wait(1.0)
    worker.process.send_signal(number)
    assert worker.process.wait(END_SECONDS) == 128 + number
    assert worker.lines()[-1]["event"] == "ended at once by a second signal"
