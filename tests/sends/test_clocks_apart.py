"""A worker whose own clock is wrong, as a real process: PostgreSQL's clock decides all the same."""

import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console.sends.models import SendStatus, Worker
from tests.sends.test_workers import WorkerProcess
from tests.support.demos import ROOT, until
from tests.support.working import assert_ledger_agrees, statuses

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

SHIFTING = ROOT / "tests" / "support" / "clock_apart"
SOON_SECONDS = 30.0
NUMBER = 20


@pytest.fixture(params=[130.0, -90.0, 20.0])
def apart(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture
def worker(apart: float, tmp_path: Path) -> Iterator[WorkerProcess]:
    shifted = {"PYTHONPATH": f"{SHIFTING}:{ROOT}", "CLOCK_APART": str(apart)}
    started = WorkerProcess("worker-apart", tmp_path, **shifted)
    until(Worker.objects.exists)
    yield started
    status, _said = started.end(signal.SIGTERM)
    assert status == 0


def test_it_says_by_how_much_it_is_wrong(worker: WorkerProcess, apart: float) -> None:
    """At least: by what the answer took on a busy machine it says less."""
    said = [line for line in worker.lines() if line["event"].startswith("clock differs")]
    (told,) = (line["ahead_seconds"] for line in said)
    for ahead in (Worker.objects.get().clock_ahead_seconds, told):
        assert 0.5 < ahead / apart < 1.01


def test_it_sends_what_is_due_and_nothing_early(
    worker: WorkerProcess,
    simulator: Any,
    chats: Callable[[int], list[str]],
    send_to: Callable[..., Any],
) -> None:
    ids = chats(NUMBER)
    now = send_to(ids)
    later = send_to(ids[:5], undo_seconds=4)
    until(lambda: statuses(now) == {"delivered": NUMBER}, within=SOON_SECONDS)
    until(lambda: statuses(later) == {"delivered": 5}, within=SOON_SECONDS)
    later.refresh_from_db()
    for delivery in later.deliveries.all():
        assert later.release_at <= delivery.attempted_at <= delivery.finished_at
    for send in (now, later):
        until(partial(_is_finished, send), within=SOON_SECONDS)
    assert_ledger_agrees()


def _is_finished(send: Any) -> bool:
    return _status(send) == SendStatus.FINISHED


def _status(send: Any) -> str:
    send.refresh_from_db()
    return str(send.status)
