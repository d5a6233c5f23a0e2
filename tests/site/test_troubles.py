"""What stands still although processes live: /readyz says so, Operations shows it, and monitors
have its figure."""

import re
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client

from console.audit.models import AuditCheckpoint, AuditEntry
from console.database import budget as budgets
from console.database.budget import WORKER_CONNECTIONS, Budget
from console.database.clock import clock_ahead, database_now
from console.interactions.models import ChatServer, Health
from console.sends.models import Sweep, Worker
from console.sends.observe import operations
from console.sends.observe.system_checks import connections_suffice
from console.sends.tasks import sweep_now
from tests.support.signing_in import sign_in
from tests.support.tampering import triggers_off

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
STALLED = r'console_chat_server_stalled_seconds\{chat_server="chat-east"\}'


def troubles(client: Client) -> dict[str, str]:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    return {each["code"]: each["message"] for each in answer.json()["troubles"]}


def metric(client: Client, pattern: str) -> float:
    text = client.get("/metrics").content.decode()
    found = re.search(rf"^{pattern} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def live_worker(**more: Any) -> Worker:
    return Worker.objects.create(
        pk=uuid4(), host="ada", pid=7, started_at=Now() - MINUTE, seen_at=Now(), **more
    )


def test_where_all_moves_there_is_no_trouble(client: Client, chat_server: ChatServer) -> None:
    live_worker()
    sweep_now()
    assert troubles(client) == {}
    assert metric(client, "console_sweep_seconds") < 60


def test_no_sweep(client: Client) -> None:
    assert troubles(client) == {}  # there is no worker, which /readyz says elsewhere
    live_worker()
    assert re.search(r"no sweep for 6[0-9] s", troubles(client)["no_sweep"])
    assert metric(client, "console_sweep_seconds") >= 60
    Sweep.objects.create(ended_at=Now() - 2 * MINUTE)
    assert "no_sweep" in troubles(client)
    assert metric(client, "console_sweep_seconds") >= 120
    sweep_now()
    assert troubles(client) == {}


def test_a_workers_clock_that_differs(client: Client) -> None:
    worker = live_worker(clock_ahead_seconds=-90.5)
    sweep_now()
    assert (
        "worker 7 on ada differs from PostgreSQL's by -90.5 s"
        in (troubles(client)["worker_clock_differs"])
    )
    pattern = r'console_clock_ahead_seconds\{host="ada",pid="7",process="worker"\}'
    assert metric(client, pattern) == -90.5
    worker.clock_ahead_seconds = 0.5
    worker.save()
    assert troubles(client) == {}


@pytest.mark.parametrize("apart", [20.0, -20.0])
def test_the_clock_of_the_web_server(
    client: Client, monkeypatch: pytest.MonkeyPatch, apart: float
) -> None:
    right = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: right() + apart)
        said = troubles(client)
        assert abs(clock_ahead() - apart) < 1
    assert f"by {apart:+.1f} s" in said["web_clock_differs"]
    database_now()
    assert troubles(client) == {}


def test_a_chat_server_that_takes_nothing_though_due(
    client: Client, chat_server: ChatServer, make_queue: Any
) -> None:
    make_queue(chat_server, due_since=2 * MINUTE)
    chat_server.refresh_from_db()
    assert "has taken nothing for 120 s" in troubles(client)["no_progress"]
    assert metric(client, STALLED) >= 120
    for reason in (
        {"progressed_at": Now()},
        {"progressed_at": None, "enabled": False},
        {"enabled": True, "held_at": Now()},
        {"held_at": None, "health": Health.UNHEALTHY},
    ):
        ChatServer.objects.update(**reason)
        assert troubles(client) == {}
        assert metric(client, STALLED) < 1


@pytest.fixture
def make_queue(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let something be due at a Chat Server since then."""

    def make(server: ChatServer, due_since: timedelta) -> None:
        queues = operations.queues

        def waiting() -> list[operations.Queue]:
            from dataclasses import replace

            seconds = due_since.total_seconds()
            return [replace(each, due=1, oldest_due_seconds=seconds) for each in queues()]

        monkeypatch.setattr("console.sends.observe.troubles.queues", waiting)
        monkeypatch.setattr(operations, "queues", waiting)

    return make


def test_connections_that_are_short(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    found = budgets.budget()
    assert 0 < found.used <= found.most
    assert metric(client, r'console_database_connections\{state="most"\}') == found.most
    assert not Budget(used=10, most=97).is_short(workers=2)
    assert Budget(used=90, most=97).is_short(workers=2)
    assert Budget(used=10, most=97).is_short(workers=97 // WORKER_CONNECTIONS + 1)
    short = Budget(used=96, most=97)
    monkeypatch.setattr("console.sends.observe.troubles.budget", lambda: short)
    assert "96 of 97 connections" in troubles(client)["connections_short"]


def test_a_start_and_a_check_say_that_connections_are_short(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    budgets.warn_if_short(1)
    assert "connections are short" not in caplog.text
    assert connections_suffice(None, databases=["default"]) == []
    budgets.warn_if_short(10_000)
    assert "connections are short" in caplog.text
    short = Budget(used=96, most=97)
    monkeypatch.setattr("console.sends.observe.system_checks.budget", lambda: short)
    (found,) = connections_suffice(None, databases=["default"])
    assert found.id == "sends.W002"
    assert connections_suffice(None) == []


def test_checkpoints_that_are_late(client: Client, chat_server: ChatServer) -> None:
    assert troubles(client) == {}
    with triggers_off():
        AuditEntry.objects.update(at=Now() - 20 * MINUTE)
    (seconds,) = re.findall(r"checkpoint for (\d+) s", troubles(client)["checkpoints_late"])
    assert int(seconds) >= 1200


def test_a_made_up_checkpoint_hides_no_entry_that_waits(
    client: Client, chat_server: ChatServer
) -> None:
    with triggers_off():
        AuditEntry.objects.update(at=Now() - 20 * MINUTE)
        AuditCheckpoint.objects.create(
            seq=10**6,
            hash="0" * 64,
            at="2027-01-01T00:00:00.000000Z",
            key_id="f" * 16,
            signature="x",
        )
    assert "checkpoints_late" in troubles(client)


def test_operations_shows_them(client: Client, supervisor: Any) -> None:
    live_worker()
    html = sign_in(client, supervisor).get("/operations/").content.decode()
    assert re.search(r"there has been no sweep for 6[0-9] s", html)
