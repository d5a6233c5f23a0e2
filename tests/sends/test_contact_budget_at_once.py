"""Twenty sends at once to the same chats, and three workers: no chat gets more than its budget, by
what the Chat Servers wrote down. Real processes, real simulators."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from console.interactions.services import chat_server_create, feed_apply
from console.sends.models import Delivery, Outbox, Send, SendStatus
from console.sends.plan.contact_settings import contact_budget
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.sends.test_workers import WorkerProcess
from tests.support.demos import until
from tests.support.factories import ROOT, make_notice, upsert
from tests.support.simulators import Simulator
from tests.support.working import assert_ledger_agrees

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NAMES = ("chat-east", "chat-north", "chat-west")
CHATS = [f"{NAMES[number % 3]}-{number}" for number in range(500)]
LIMITS = "routine=2/15 important=2/15"
CLASSES = ["safety"] + ["important"] * 4 + ["routine"] * 15
PATIENCE_SECONDS = 120.0


@pytest.fixture
def simulators(start_simulator: Callable[..., Simulator]) -> dict[str, Simulator]:
    running = {}
    for name in NAMES:
        simulator = running[name] = start_simulator(name)
        chat_server_create(
            ROOT,
            name=name,
            url=simulator.url,
            pace_per_second=100_000,
            burst=100_000,
            window=32,
        )
    return running


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[WorkerProcess]]:
    started = [
        WorkerProcess(f"worker-{number}", tmp_path, CONSOLE_CONTACT_BUDGET=LIMITS)
        for number in range(3)
    ]
    yield started
    for worker in started:
        worker.process.kill()
        worker.process.wait(PATIENCE_SECONDS)


def feed(turn: int = 0) -> None:
    """All chats, each at its Chat Server; a later turn moves each to the next one."""
    events = [
        upsert(
            pk,
            user_data={
                "ChatServerAppName": NAMES[(number + turn) % 3],
                "InteractionId": pk,
            },
        )
        for number, pk in enumerate(CHATS)
    ]
    assert feed_apply(ROOT, events).rejected == []


@pytest.fixture
def begin(supervisor: Any) -> Callable[[], list[Send]]:
    """Makes the sends at the same moment; returns them in the order of CLASSES."""
    keys = [
        make_notice(f"notice-{number}", f"Text {number}", notice_class=name).notice.key
        for number, name in enumerate(CLASSES)
    ]
    actor = supervisor.to_actor()

    def all_at_once() -> list[Send]:
        barrier = Barrier(len(keys))

        def send(key: str) -> Send:
            try:
                barrier.wait(PATIENCE_SECONDS)
                return send_create(actor, SendOrder(notice_key=key, interactions=CHATS))
            finally:
                connection.close()

        with ThreadPoolExecutor(len(keys)) as pool:
            return list(pool.map(send, keys))

    return all_at_once


def journalled(simulators: dict[str, Simulator], sends: list[Send]) -> list[tuple[str, str]]:
    """The chat and the class of each request that a Chat Server took."""
    classes = {f"Text {number}": name for number, name in enumerate(CLASSES)}
    found = []
    for simulator in simulators.values():
        for entry in simulator.journalled():
            (text,) = set(classes) & set(_values(entry["request"]))
            found.append((entry["interaction_id"], classes[text]))
    return found


def _values(pairs: Any) -> list[str]:
    if isinstance(pairs, dict):
        return [text for value in pairs.values() for text in _values(value)]
    if isinstance(pairs, list):
        return [text for value in pairs for text in _values(value)]
    return [pairs] if isinstance(pairs, str) else []


@pytest.mark.parametrize("is_planned", [True, False])
def test_no_chat_gets_a_third_and_safety_passes(
    is_planned: bool,
    workers: list[WorkerProcess],
    simulators: dict[str, Simulator],
    begin: Callable[[], list[Send]],
    settings: Any,
) -> None:
    """Also if the plans knew nothing of each other, and all chats change their Chat Server."""
    settings.APPROVAL_ABOVE, settings.HOURLY_QUOTA = 0, 0
    settings.CONTACT_BUDGET = contact_budget(LIMITS) if is_planned else {}
    feed()
    sends = begin()
    until(lambda: any(s.journalled() for s in simulators.values()), within=PATIENCE_SECONDS)
    feed(turn=1)
    until(lambda: not Outbox.objects.exists(), within=PATIENCE_SECONDS)
    ids = [send.pk for send in sends]
    until(
        lambda: not Send.objects.filter(pk__in=ids).exclude(status=SendStatus.FINISHED).exists(),
        within=PATIENCE_SECONDS,
    )

    found = journalled(simulators, sends)
    safety = Counter(chat for chat, name in found if name == "safety")
    others = Counter(chat for chat, name in found if name != "safety")
    assert safety == dict.fromkeys(CHATS, 1)  # everybody, and nobody twice
    assert max(others.values(), default=0) <= 2
    assert min(Counter(chat for chat, _name in found).values()) >= 2
    skipped = Delivery.objects.filter(status="skipped")
    assert set(skipped.values_list("reason", flat=True)) == {"contact_budget"}
    assert Delivery.objects.filter(status="delivered").count() == len(found)
    assert skipped.count() == len(CHATS) * len(CLASSES) - len(found)
    assert_ledger_agrees()
