"""The engine through a site's own workflow: what Orchestration says becomes what the deliveries
say, and nothing that one chat's session lacks holds up the others."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.interactions.models import ChatServer, Health, Interaction
from console.sends.engine.claim import TRIES_WHEN_LATE
from console.sends.models import Delivery, Outbox, Send
from tests.support.orchestration import Orchestration, Session
from tests.support.working import assert_ledger_agrees, drain, statuses, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chat(
    ors: Orchestration, make_interaction: Callable[..., Interaction]
) -> Callable[..., Session]:
    """A chat whose session answers that."""

    def make(id: str, *, is_known: bool = True, **answer: Any) -> Session:
        session = ors.start({}, lambda asked: answer or {"outcome": "accepted"})
        known = {"OrsSessionId": session.id} if is_known else {}
        make_interaction(id, user_data={"FirstName": "Zoë", **known})
        return session

    return make


def test_each_chat_has_what_its_session_says(
    ors: Orchestration, chat: Callable[..., Session], send_to: Callable[..., Send]
) -> None:
    chat("taken")
    chat("refused", outcome="refused", fault_code="offline", fault_text="The chat is over.")
    chat("nobody-knows", outcome="unknown")
    chat("untold", is_known=False)
    del ors.sessions[chat("gone").id]
    send_to(["taken", "refused", "untold", "gone"])
    work()
    told = {each.interaction_id: each for each in Delivery.objects.all()}
    assert {id: each.status for id, each in told.items()} == {
        "taken": "delivered",
        "refused": "failed",
        "untold": "skipped",
        "gone": "failed",
    }
    assert (told["refused"].fault_code, told["gone"].fault_code) == ("offline", "no_session")
    assert "OrsSessionId" in told["untold"].detail
    assert ChatServer.objects.get().health == Health.HEALTHY
    (asked,) = [each for each in ors.asked if each.body["interaction_id"] == "taken"]
    assert asked.body["parameters"]["MessageText"] == "Hello Zoë"

    send = send_to(["nobody-knows"])
    work()
    assert statuses(send) == Counter(unknown=1)
    assert_ledger_agrees()


def test_a_busy_orchestration_is_asked_again_and_shows_it_once(
    ors: Orchestration, chat: Callable[..., Session], send_to: Callable[..., Send]
) -> None:
    chat("c1")
    send = send_to(["c1"])
    ors.faults.status = 503
    drain()
    assert statuses(send) == Counter(pending=1)
    server = ChatServer.objects.get()
    assert server.health == Health.UNHEALTHY
    assert "too busy" in server.health_detail
    ors.faults.status = 0
    ChatServer.objects.update(retry_at=None)
    Outbox.objects.update(due_at=send.created_at)
    drain()
    assert statuses(send) == Counter(delivered=1)
    assert len(ors.asked) == 1
    assert_ledger_agrees()


def test_chats_whose_sessions_cannot_send_do_not_keep_the_others_waiting(
    ors: Orchestration, chat: Callable[..., Session], send_to: Callable[..., Send]
) -> None:
    """They rest the Chat Server, and each rest ends with a single try: it is for one that was not
    tried yet, though the others have been due for longer."""
    stuck = [f"stuck-{number}" for number in range(3)]
    for id in stuck:
        chat(id, outcome="not_sent", fault_text="My chat's own server is away.")
    tried = send_to(stuck)
    drain()
    assert ChatServer.objects.get().health == Health.UNHEALTHY
    fine = [f"fine-{number}" for number in range(6)]
    for id in fine:
        chat(id)
    send = send_to(fine)
    ChatServer.objects.update(retry_at=None)
    came_back = tried.created_at + timedelta(milliseconds=1)
    Outbox.objects.filter(send=tried).update(due_at=came_back)
    drain()
    assert statuses(send) == Counter(delivered=6)
    assert statuses(tried) == Counter(pending=3)
    assert_ledger_agrees()


def test_a_chat_that_was_tried_too_often_is_late_though_others_are_taken(
    ors: Orchestration, chat: Callable[..., Session], send_to: Callable[..., Send]
) -> None:
    chat("stuck", outcome="not_sent", fault_text="My chat's own server is away.")
    chat("fine")
    stuck = send_to(["stuck"])
    for tries in range(TRIES_WHEN_LATE):
        assert statuses(stuck) == Counter(pending=1), f"after {tries} tries"
        now = timezone.now()
        ChatServer.objects.update(retry_at=None, progressed_at=now)
        Outbox.objects.update(due_at=now, expires_at=now)
        drain()
    send = send_to(["fine"])
    ChatServer.objects.update(retry_at=None, progressed_at=timezone.now())
    Outbox.objects.filter(send=stuck).update(due_at=timezone.now())
    drain()
    assert statuses(send) == Counter(delivered=1)
    over = stuck.deliveries.get()
    assert (over.status, over.reason, over.attempts) == ("failed", "not_sent", TRIES_WHEN_LATE)
    assert "My chat's own server is away." in over.detail
    assert_ledger_agrees()
