"""The engine over `psdk://`: real workers with Java in them, one killed, one asked to stop."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.interactions.services import chat_server_create, feed_apply
from console.sends.models import Claim, Delivery, Outbox, Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.sends.test_workers import WorkerProcess, process_environment
from tests.support import warm_start
from tests.support.demos import MANAGE, until
from tests.support.factories import ROOT, upsert
from tests.support.java_stand_ins import OPTIONS, java_classes, needs_java
from tests.support.simulators import Simulator
from tests.support.working import assert_ledger_agrees, statuses

__all__ = ["java_classes"]

pytestmark = [pytest.mark.django_db(transaction=True), needs_java]

NAME = "chat-java"
WINDOW = 8
CHATS = 60
PATIENCE_SECONDS = 60.0
TEXT = "Grüße {{ data.FirstName }} 👋"
URL = "https://www.example.com/hilfe"


def java_settings(classes: Path) -> dict[str, str]:
    return {"PSDK_CLASSPATH": str(classes), "PSDK_JVM_OPTIONS": " ".join(OPTIONS)}


@pytest.fixture
def start_worker(tmp_path: Path, java_classes: Path) -> Iterator[Callable[[str], WorkerProcess]]:
    started = []

    def start(name: str) -> WorkerProcess:
        started.append(WorkerProcess(name, tmp_path, **java_settings(java_classes)))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait()


@pytest.fixture
def simulator(start_simulator: Callable[..., Simulator]) -> Simulator:
    simulator = start_simulator(NAME)
    url = simulator.url.replace("esp+json://", "psdk://") + "?addp-timeout=10"
    pace = {"pace_per_second": 100_000, "burst": 100_000, "window": WINDOW}
    chat_server_create(ROOT, name=NAME, url=url, connect_timeout_seconds=20, **pace)
    simulator.faults(latency=0.15)
    return simulator


@pytest.fixture
def chats(db: None) -> list[str]:
    ids = [f"java-{number}" for number in range(CHATS)]
    data = {"ChatServerAppName": NAME, "FirstName": "Жанна", "Basket": {"a": {"b": "ё"}, "n": 1}}
    events = [upsert(pk, user_data={**data, "InteractionId": pk}) for pk in ids]
    assert feed_apply(ROOT, events).rejected == []
    return ids


def test_messages_and_notices_through_workers_of_which_one_is_killed(
    start_worker: Callable[[str], WorkerProcess],
    simulator: Simulator,
    chats: list[str],
    supervisor: Any,
    make_notice: Any,
) -> None:
    message = make_notice(TEXT, key="message").notice
    url = make_notice(URL, key="url", kind="push_url").notice
    sends = [
        send_create(supervisor.to_actor(), SendOrder(notice_key=notice.key, interactions=chats))
        for notice in (message, url)
    ]
    first = start_worker("java-1")
    until(lambda: len(simulator.journalled()) > WINDOW, within=PATIENCE_SECONDS)
    until(Claim.objects.exists, within=PATIENCE_SECONDS)
    first.end(signal.SIGKILL)
    second = start_worker("java-2")

    until(lambda: not Outbox.objects.exists(), within=PATIENCE_SECONDS)
    until(
        lambda: not Send.objects.exclude(status=SendStatus.FINISHED).exists(),
        within=PATIENCE_SECONDS,
    )
    status, said = second.end(signal.SIGTERM)
    assert (status, said) == (0, "Worker stopped."), second.log.read_text()
    assert_nothing_lost_and_nothing_doubled(sends, simulator)
    assert_texts_arrived_whole(simulator)


def assert_nothing_lost_and_nothing_doubled(sends: list[Send], simulator: Simulator) -> None:
    counts = statuses()
    assert set(counts) <= {"delivered", "unknown"}
    assert counts["unknown"] <= WINDOW
    assert counts["delivered"] + counts["unknown"] == CHATS * len(sends)
    arrived = Counter(
        (line["interaction_id"], by_key(line["request"])["Method"])
        for line in simulator.journalled()
    )
    assert set(arrived.values()) == {1}
    delivered = Delivery.objects.filter(status="delivered")
    methods = {"message": "Message", "url": "Notice"}
    assert {
        (chat, methods[key])
        for chat, key in delivered.values_list("interaction_id", "send__version__notice__key")
    } <= set(arrived)
    assert_ledger_agrees()


def assert_texts_arrived_whole(simulator: Simulator) -> None:
    for line in simulator.journalled():
        parameters = by_key(by_key(line["request"])["Parameters"])
        assert parameters.get("MessageText", "Grüße Жанна 👋") == "Grüße Жанна 👋"
        assert parameters.get("NoticeText", URL) == URL
        basket = by_key(by_key(line["user_data"])["Basket"])
        assert (by_key(basket["a"]), basket["n"]) == ({"b": "ё"}, 1)


def by_key(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in pairs}


def test_one_that_is_asked_to_stop_sees_through_what_java_waits_for(
    start_worker: Callable[[str], WorkerProcess],
    simulator: Simulator,
    chats: list[str],
    supervisor: Any,
    make_notice: Any,
) -> None:
    send = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key=make_notice("Hello").notice.key, interactions=chats),
    )
    simulator.faults(latency=0.5)  # so that some are left when it is asked
    worker = start_worker("java-1")
    until(lambda: len(simulator.journalled()) > WINDOW, within=PATIENCE_SECONDS)
    status, said = worker.end(signal.SIGTERM)
    assert (status, said) == (0, "Worker stopped."), worker.log.read_text()
    counts = statuses(send)
    assert (counts["unknown"], counts["sending"]) == (0, 0)
    assert counts["delivered"] == len(simulator.journalled()) < CHATS
    assert_ledger_agrees()


def test_the_way_there_can_be_checked_before_anything_is_sent(
    simulator: Simulator, java_classes: Path, tmp_path: Path
) -> None:
    done = warm_start.run(
        [MANAGE, "chat_server_check", NAME],
        env=process_environment(tmp_path, **java_settings(java_classes)),
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[:25].split() for line in lines[:-1]] == [
        ["name", "ok"],
        ["address", "ok"],
        ["Java", "ok"],
        ["connection", "ok"],
        ["TLS", "ok"],
        ["round", "trip", "not", "checked"],
    ]
    assert "No request that changes nothing is documented" in lines[-2]
    assert lines[-1].startswith("Not checked: whether it takes requests")
    assert simulator.journalled() == []
