"""A send that pauses itself: after its first chats, and when too many fail."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.errors import InvalidInput
from console.interactions.models import ChatServer, Interaction
from console.sends.control.approval import send_approve
from console.sends.control.pausing import send_cancel, send_pause, send_resume
from console.sends.engine.caution import sends_go_on, sends_watch
from console.sends.models import Outbox, Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import Canary, SendOrder
from console.sends.tasks import sweep_now
from tests.support.calling import by_token
from tests.support.factories import REVIEWER
from tests.support.signing_in import sign_in
from tests.support.working import assert_ledger_agrees, statuses, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(
    supervisor: User,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., Any],
) -> Callable[..., Send]:
    """A send to chats 0 to n-1."""

    def make(number: int = 5, **wanted: Any) -> Send:
        make_notice(key="hi")
        ids = [make_interaction(f"c{each}").pk for each in range(number)]
        return send_create(
            supervisor.to_actor(), SendOrder(notice_key="hi", interactions=ids, **wanted)
        )

    return make


def reached(simulator: Any) -> list[str]:
    return sorted(
        next(p["value"] for p in entry["user_data"] if p["key"] == "InteractionId")
        for entry in simulator.journalled()
    )


def test_it_goes_to_the_first_chats_and_waits_for_a_person(
    simulator: Any, order: Callable[..., Send], supervisor: User
) -> None:
    send = order(canary=Canary(2))
    work()
    assert reached(simulator) == ["c0", "c1"]
    send.refresh_from_db()
    assert (send.status, send.resumes_at) == (SendStatus.PAUSED, None)
    assert "Of the 2 chats that came first" in str(send.pause_reason)
    assert statuses(send) == {"delivered": 2, "pending": 3}
    sweep_now()
    work()
    assert len(reached(simulator)) == 2
    send_resume(supervisor.to_actor(), send)
    work()
    send.refresh_from_db()
    assert (send.status, str(send.pause_reason)) == (SendStatus.FINISHED, "")
    # Nobody has been told of failures, so it would still pause for them.
    assert not send.ignores_failures
    assert reached(simulator) == [f"c{each}" for each in range(5)]
    (paused,) = AuditEntry.objects.filter(action="send.paused")
    assert paused.data["itself"] == "canary"
    made = AuditEntry.objects.get(action="send.created")
    assert made.data["canary"] == {"size": 2, "minutes": None}
    assert_ledger_agrees()


def test_it_goes_on_by_itself_after_its_minutes(simulator: Any, order: Callable[..., Send]) -> None:
    send = order(canary=Canary(2, minutes=5))
    work()
    send.refresh_from_db()
    assert send.resumes_at is not None
    assert sends_go_on() == []
    assert sends_go_on(send.resumes_at) == [send.pk]
    work()
    assert len(reached(simulator)) == 5
    assert AuditEntry.objects.get(action="send.resumed").actor_ref == "system:caution"


def test_nothing_else_starts_the_others(
    simulator: Any, order: Callable[..., Send], supervisor: User, settings: Any
) -> None:
    """Neither an approval, nor a pause in the middle, nor the sweep."""
    settings.APPROVAL_ABOVE = 1
    send = order(canary=Canary(2))
    send_approve(REVIEWER, send)
    actor = supervisor.to_actor()
    send_pause(actor, send)
    send_resume(actor, send)
    sweep_now()
    work()
    assert reached(simulator) == ["c0", "c1"]
    send_cancel(actor, send)
    work()
    assert statuses(send) == {"delivered": 2, "cancelled": 3}
    assert_ledger_agrees()


def test_one_that_is_large_enough_is_no_canary(order: Callable[..., Send], simulator: Any) -> None:
    assert order(3, canary=Canary(3)).canary_size is None
    work()
    assert len(reached(simulator)) == 3


@pytest.mark.parametrize(("size", "minutes"), [(0, None), (-1, None), (1, 0), (1, 1441)])
def test_a_canary_has_a_size(size: int, minutes: int | None) -> None:
    with pytest.raises(InvalidInput):
        Canary(size, minutes)


def refused(simulator: Any, *, window: int) -> None:
    """Let every request be refused, with so many on the wire at most, and work."""
    simulator.faults(refuse_every=1)
    ChatServer.objects.update(window=window)
    work()


def test_too_many_failures_pause_a_send_once(
    simulator: Any, order: Callable[..., Send], supervisor: User, settings: Any
) -> None:
    settings.PAUSE_ABOVE_PERCENT = 50
    send = order(60)
    refused(simulator, window=8)
    send.refresh_from_db()
    assert send.status == SendStatus.PAUSED
    assert "failed or are unknown" in str(send.pause_reason)
    open_ones = Outbox.objects.filter(send=send).count()
    assert 0 < open_ones <= 40
    send_resume(supervisor.to_actor(), send)
    refused(simulator, window=8)
    send.refresh_from_db()
    # The person has been told, and let it go on.
    assert (send.status, send.ignores_failures) == (SendStatus.FINISHED, True)
    assert_ledger_agrees()


def test_few_failures_pause_nothing(
    simulator: Any, order: Callable[..., Send], settings: Any
) -> None:
    settings.PAUSE_ABOVE_PERCENT = 50
    send = order(10)
    refused(simulator, window=2)
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED  # too few say nothing of a share
    settings.PAUSE_ABOVE_PERCENT = 0
    assert sends_watch([send.pk], bad=[send.pk]) == []


def test_by_api_and_page(
    simulator: Any, order: Callable[..., Send], supervisor: User, make_client: Any
) -> None:
    send = order(canary=Canary(2, minutes=5))
    work()
    page = sign_in(Client(), supervisor).get(f"/sends/{send.pk}/").content.decode()
    assert "It paused by itself." in page
    assert "Of the 2 chats that came first 2 were delivered, 0 failed and 0 are unknown." in page
    assert "It goes on by itself" in page
    program = by_token(make_client()[1])
    body = {"notice": "hi", "interactions": ["c0", "c1", "c2"], "canary": {"size": 1}}
    answer = program.post("sends/", body)
    assert (answer["canary_size"], answer["canary_minutes"]) == (1, None)
    for wrong in (
        {},
        {"size": 0},
        {"size": "2"},
        {"size": True},
        {"minutes": 3},
        {"size": 1, "x": 1},
    ):
        response = program.raw("POST", "sends/", {**body, "canary": wrong})
        assert response.status_code == 400, wrong
    work()
    assert program.get(f"sends/{answer['id']}/")["pause_reason"].startswith("Of the 1 chats")


def test_the_compose_panel_sends_a_canary(
    chat_server: ChatServer, order: Callable[..., Send], supervisor: User
) -> None:
    order(3)
    client = sign_in(Client(), supervisor)
    form = {
        "notice": "hi",
        "interaction": ["c0", "c1", "c2"],
        "when": "now",
        "idempotency_key": "k",
        "canary_size": "2",
        "canary_minutes": "7",
    }
    client.post("/sends/new/", form)
    send = Send.objects.latest("pk")
    assert (send.canary_size, send.canary_minutes) == (2, 7)
    wrong = client.post("/sends/new/", {**form, "idempotency_key": "l", "canary_size": ""})
    assert wrong.status_code == 422
    assert "Say to how many chats it goes first." in wrong.content.decode()
