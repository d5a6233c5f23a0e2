"""Several `manage.py worker` processes against one database: one is asked to stop, one is killed,
and the third goes on. Real processes, real simulators, real load."""

import json
import os
import re
import signal
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from console.interactions.services import chat_server_create, feed_apply
from console.security.generated_secrets import made_up_key
from console.sends.engine import queue
from console.sends.models import Claim, Delivery, Outbox, Send, SendStatus, Worker
from console.sends.observe import operations
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support import warm_start
from tests.support.demos import MANAGE, until
from tests.support.factories import ROOT, upsert
from tests.support.simulators import Simulator
from tests.support.working import assert_ledger_agrees, statuses, work

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("chat-east", "chat-north", "chat-west")
CHATS_A_SERVER = 250
WINDOW = 8
# With the window this makes 16 deliveries a second and Chat Server at the most: on a busy machine,
# too, a worker is in the middle of them when something happens to it.
LATENCY_SECONDS = 0.5
PATIENCE_SECONDS = 90.0


def process_environment(folder: Path, **more: str) -> dict[str, str]:
    """For a command of manage.py on the tests' database."""
    settings = connection.settings_dict
    url = f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}"
    kept = {name: value for name, value in os.environ.items() if "CONSOLE_" not in name}
    own = {
        "DATABASE_URL": url,
        "CONSOLE_DATA": str(folder),
        "CONSOLE_SECRET_KEY": "of no use here" * 4,
        "CONSOLE_AUDIT_KEY": made_up_key(),
        "CONSOLE_ALLOWED_HOSTS": "console.example",
        "CONSOLE_LOG_FORMAT": "json",
    }
    return {**kept, **own, **more}


class WorkerProcess:
    """`manage.py worker` on the tests' database. PostgreSQL knows its sessions by `name`."""

    def __init__(self, name: str, folder: Path, **more: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = warm_start.start(
                [MANAGE, "worker", "--metrics-port", "0"],
                env=process_environment(folder, PGAPPNAME=name, **more),
                stdout=log,  # its log has all that it says
                stderr=log,
            )
        self.metrics_port = int(self._says(r"Metrics on port (\d+)")[1])
        self._says("Worker ready")

    def _says(self, pattern: str) -> re.Match[str]:
        def said() -> re.Match[str] | None:
            found = re.search(pattern, self.log.read_text())
            assert found or self.process.poll() is None, self.log.read_text()
            return found

        return until(said, within=PATIENCE_SECONDS)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Its status, and the last that it said."""
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_SECONDS)
        # Whoever is killed may be in the middle of a line.
        return status, self.lines()[-1]["event"] if status == 0 else ""

    def lines(self) -> list[dict[str, Any]]:
        """The last one may not be whole yet."""
        lines = self.log.read_text().splitlines(True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def holds(self) -> set[str]:
        """The Chat Servers of which it has the lease."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT s.name FROM interactions_chatserver s "
                "JOIN sends_worker w ON w.id = s.drain_holder WHERE w.pid = %s",
                [self.process.pid],
            )
            return {name for (name,) in cursor.fetchall()}


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[WorkerProcess]]:
    """Three of them; what still runs at the end of the test is ended."""
    started = [WorkerProcess(f"worker-{number}", tmp_path) for number in range(3)]
    yield started
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def simulators(start_simulator: Callable[..., Simulator]) -> dict[str, Simulator]:
    """A registered Chat Server for each name, unpaced and slow to answer."""
    running = {}
    for name in NAMES:
        simulator = running[name] = start_simulator(name)
        chat_server_create(
            ROOT,
            name=name,
            url=simulator.url,
            pace_per_second=100_000,
            burst=100_000,
            window=WINDOW,
        )
        simulator.faults(latency=LATENCY_SECONDS)
    return running


@pytest.fixture
def send(
    simulators: dict[str, Simulator], supervisor: Any, make_notice: Any, settings: Any
) -> Send:
    """One send to many chats of all Chat Servers."""
    settings.APPROVAL_ABOVE = 0
    ids = [f"{name}-{number}" for name in NAMES for number in range(CHATS_A_SERVER)]
    events = [
        upsert(pk, user_data={"ChatServerAppName": pk.rpartition("-")[0], "InteractionId": pk})
        for pk in ids
    ]
    assert feed_apply(ROOT, events).rejected == []
    key = make_notice("Hello").notice.key
    return send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=ids))


def journalled(simulators: dict[str, Simulator]) -> Counter[str]:
    return Counter(
        entry["interaction_id"]
        for simulator in simulators.values()
        for entry in simulator.journalled()
    )


def answer_quickly(simulators: dict[str, Simulator]) -> None:
    for simulator in simulators.values():
        simulator.faults(latency=0.0)


def a_busy_one(workers: list[WorkerProcess]) -> WorkerProcess:
    """One that has something on the wire, as soon as there is one."""

    def busy() -> WorkerProcess | None:
        claimed = set(Claim.objects.values_list("chat_server_name", flat=True))
        return next((worker for worker in workers if worker.holds() & claimed), None)

    return until(busy, within=PATIENCE_SECONDS)


def test_one_stops_one_is_killed_and_the_third_goes_on(
    workers: list[WorkerProcess], simulators: dict[str, Simulator], send: Send
) -> None:
    until(lambda: Worker.objects.count() == 3, within=PATIENCE_SECONDS)
    until(lambda: all(s.journalled() for s in simulators.values()), within=PATIENCE_SECONDS)

    # Asked to stop, it sees through what is on the wire: nothing of it is unknown.
    stopped = a_busy_one(workers)
    status, said = stopped.end(signal.SIGTERM)
    assert (status, said) == (0, "Worker stopped."), stopped.log.read_text()
    assert statuses(send)["unknown"] == 0
    assert Worker.objects.count() == 2
    left = [worker for worker in workers if worker is not stopped]

    # Killed, it leaves one window a Chat Server unknown at the most.
    killed = a_busy_one(left)
    held = killed.holds()
    killed.end(signal.SIGKILL)
    answer_quickly(simulators)
    (survivor,) = (worker for worker in left if worker is not killed)

    until(lambda: not Outbox.objects.exists(), within=PATIENCE_SECONDS)
    until(
        lambda: Send.objects.get(pk=send.pk).status == SendStatus.FINISHED, within=PATIENCE_SECONDS
    )
    assert_nothing_lost_and_nothing_doubled(send, simulators, most_unknown=WINDOW * len(held))
    assert_the_logs_name_what_is_unknown(left)
    assert console_round_trips(survivor) > 0
    (lost,) = until(lambda: [w for w in operations.workers() if w.is_lost], within=PATIENCE_SECONDS)
    assert lost.pid == killed.process.pid
    status, _said = survivor.end(signal.SIGTERM)
    assert status == 0, survivor.log.read_text()


def test_a_frozen_worker_stops_nobody_and_contradicts_nobody(
    workers: list[WorkerProcess], simulators: dict[str, Simulator], send: Send
) -> None:
    """As a paused virtual machine: its sessions and its leases stay, and nothing comes of them."""
    until(lambda: all(s.journalled() for s in simulators.values()), within=PATIENCE_SECONDS)
    frozen = a_busy_one(workers)
    frozen.process.send_signal(signal.SIGSTOP)
    held = frozen.holds()
    assert held
    answer_quickly(simulators)
    until(lambda: not Outbox.objects.exists(), within=PATIENCE_SECONDS)
    until(
        lambda: Send.objects.get(pk=send.pk).status == SendStatus.FINISHED, within=PATIENCE_SECONDS
    )
    before = statuses(send)
    frozen.process.send_signal(signal.SIGCONT)
    until(lambda: not frozen.holds(), within=PATIENCE_SECONDS)
    superseded = {
        line["chat_server"]
        for line in until(
            lambda: [x for x in frozen.lines() if x["event"] == "another worker took over"],
            within=PATIENCE_SECONDS,
        )
    }
    assert superseded <= held
    assert statuses(send) == before
    assert_nothing_lost_and_nothing_doubled(send, simulators, most_unknown=WINDOW * len(held))
    status, said = frozen.end(signal.SIGTERM)
    assert (status, said) == (0, "Worker stopped."), frozen.log.read_text()


def console_round_trips(worker: WorkerProcess) -> int:
    """How many answers a worker's own metrics have counted."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{worker.metrics_port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    counts = re.findall(r"^console_round_trip_seconds_count\S* (\S+)$", text, re.MULTILINE)
    return sum(int(float(count)) for count in counts)


def assert_nothing_lost_and_nothing_doubled(
    send: Send, simulators: dict[str, Simulator], *, most_unknown: int
) -> None:
    arrived = journalled(simulators)
    counts = statuses(send)
    assert set(arrived.values()) == {1}
    assert set(counts) <= {"delivered", "unknown"}
    assert counts.total() == len(NAMES) * CHATS_A_SERVER
    assert counts["unknown"] <= most_unknown
    by_status = {
        status: set(send.deliveries.filter(status=status).values_list("interaction_id", flat=True))
        for status in ("delivered", "unknown")
    }
    assert by_status["delivered"] <= set(arrived)
    assert set(arrived) <= by_status["delivered"] | by_status["unknown"]
    assert set(send.deliveries.filter(status="unknown").values_list("reason", flat=True)) <= {
        "worker_lost"
    }
    assert not Claim.objects.exists()
    assert_ledger_agrees()


def assert_the_logs_name_what_is_unknown(workers: list[WorkerProcess]) -> None:
    """The lines come after the commit, a moment later."""

    def lines(event: str) -> list[dict[str, Any]]:
        told = [line for worker in workers for line in worker.lines()]
        return [line for line in told if line["event"] == event]

    (finished,) = until(lambda: lines("send finished"), within=PATIENCE_SECONDS)
    assert finished["delivered"] == statuses()["delivered"]
    unknown = set(Delivery.objects.filter(status="unknown").values_list("pk", flat=True))
    assert {line["delivery"] for line in lines("delivery unknown")} == unknown
    drains = until(lambda: lines("drain stopped"), within=PATIENCE_SECONDS)
    assert {line["chat_server"] for line in drains} <= set(NAMES)


def test_jobs_that_a_lost_worker_left_half_done_are_cleared(db: None) -> None:
    for name in ("of-the-lost", "of-the-living"):
        queue.enqueue_drains([name])
    with connection.cursor() as cursor:
        for name, silent in (("of-the-lost", "1 minute"), ("of-the-living", "0 s")):
            cursor.execute(
                "WITH worker AS (INSERT INTO procrastinate_workers (last_heartbeat) "
                "VALUES (now() - %s::interval) RETURNING id) "
                "UPDATE procrastinate_jobs SET status = 'doing', "
                "worker_id = (SELECT id FROM worker) WHERE args->'servers'->>0 = %s",
                [silent, name],
            )
    app.configure_task("console.sends.tasks.clear").defer(timestamp=0)
    work()
    left = ProcrastinateJob.objects.filter(status="doing").values_list("args", flat=True)
    assert list(left) == [{"servers": ["of-the-living"]}]


def test_clearing_is_done_again_and_again() -> None:
    periodic = {task.task.name for task in app.periodic_registry.periodic_tasks.values()}
    assert "console.sends.tasks.clear" in periodic
