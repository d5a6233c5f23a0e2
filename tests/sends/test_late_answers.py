"""What becomes known of a delivery after it has ended as unknown stands beside it."""

import asyncio
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.errors import Conflict
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import Lease, chat_server_update
from console.sends.control.erasure import interaction_erase
from console.sends.control.retry import send_retry_unknown
from console.sends.engine.dispatcher import Dispatch, drain_chat_server
from console.sends.engine.late_answers import LateEnding, late_answers_record
from console.sends.engine.outcomes import Ending, Postponement
from console.sends.engine.record import deliveries_recover, drain_step
from console.sends.evidence_models import Evidence
from console.sends.models import DeliveryStatus, LateAnswer, Reason, Send
from tests.support.factories import ROOT
from tests.support.simulators import Simulator
from tests.support.working import DEADLINE_SECONDS, assert_ledger_agrees, lease_take, statuses

pytestmark = pytest.mark.django_db(transaction=True)


def drain_and_listen(answers: int) -> None:
    """A drain whose worker lives on until so many late answers are recorded."""

    async def run() -> None:
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            await drain_chat_server("chat-east", dispatch)
            while await asyncio.to_thread(recorded) < answers:
                await asyncio.sleep(0.02)

    def recorded() -> int:
        try:
            return LateAnswer.objects.count()
        finally:
            connection.close()

    asyncio.run(run())


@pytest.fixture
def late(simulator: Simulator, chats: Any, send_to: Any) -> Send:
    """A send to two chats, which Chat Server took after the time of the requests."""
    chat_server_update(ROOT, ChatServer.objects.get(), request_timeout_seconds=0.3)
    simulator.faults(latency=1.0)
    send: Send = send_to(chats(2))
    drain_and_listen(2)
    return send


def test_a_late_answer_stands_beside_the_unknown(late: Send) -> None:
    assert statuses(late) == {"unknown": 2}
    assert_ledger_agrees()
    for delivery in late.deliveries.all():
        (answer,) = delivery.late_answers.all()
        assert answer.status == "delivered"
        assert answer.seconds is not None
        assert answer.seconds >= 0.9
        assert answer.answer is not None
        assert delivery.answer is None
    entries = AuditEntry.objects.filter(action=Action.DELIVERIES_LATE_ANSWER)
    told = [said for entry in entries for said in entry.data["deliveries"]]
    assert sorted(said["id"] for said in told) == sorted(
        late.deliveries.values_list("pk", flat=True)
    )
    assert all(said["status"] == "delivered" and said["milliseconds"] >= 900 for said in told)


def test_whoever_would_retry_is_told_and_nothing_is_shown_twice(
    late: Send, supervisor: User, browse: Callable[[User], Client]
) -> None:
    page = browse(supervisor).get(reverse("send-retry-unknown", args=[late.pk]))
    assert "left to retry" in page.text
    with pytest.raises(Conflict):
        send_retry_unknown(supervisor.to_actor(), late, may_show_twice=True)


def test_what_was_refused_late_may_be_retried(
    simulator: Simulator,
    chats: Any,
    send_to: Any,
    supervisor: User,
    browse: Callable[[User], Client],
) -> None:
    first, second = chats(2)
    chat_server_update(ROOT, ChatServer.objects.get(), request_timeout_seconds=0.3)
    simulator.faults(latency=1.0)
    simulator.control("open_session", interaction_id=second)
    simulator.control("close_session", interaction_id=second)
    send = send_to([first, second])
    drain_and_listen(2)
    refused = send.deliveries.get(interaction=second)
    assert refused.resolution.verdict == "not_delivered"
    page = browse(supervisor).get(reverse("send-retry-unknown", args=[send.pk]))
    assert "1 other is left out: there is evidence that it was delivered." in page.text
    assert "Of 1 of these the evidence says that it was not delivered." in page.text
    again = send_retry_unknown(supervisor.to_actor(), send, may_show_twice=True)
    assert [each.retry_of_id for each in again.deliveries.all()] == [refused.pk]


def test_the_page_of_the_delivery_and_the_api_show_it(
    late: Send, supervisor: User, browse: Callable[[User], Client]
) -> None:
    page = browse(supervisor)
    delivery = late.deliveries.earliest("pk")
    shown = page.get(reverse("delivery-detail", args=[delivery.pk])).text
    assert re.search(r"Chat Server took it \d+\.\d", shown)
    answered = page.get(f"/api/v1/sends/{late.pk}/deliveries/").json()["results"]
    assert [[late["status"] for late in each["late_answers"]] for each in answered] == [
        ["delivered"],
        ["delivered"],
    ]


@pytest.mark.parametrize("status", ["unknown", "delivered"])
def test_what_is_recorded_already_is_not_recorded_again(
    status: str, chat_server: ChatServer, chats: Any, send_to: Any
) -> None:
    """`make simulate` found it: a worker that did not learn of a commit records all of it again,
    and so a late answer stood there twice, or beside an outcome that says the same."""
    send_to(chats(1))
    worker = uuid4()
    lease = lease_take(chat_server.name, worker)
    assert isinstance(lease, Lease)
    (delivery,) = drain_step(lease, claim=uuid4(), room=1).claimed
    delivered = Ending(delivery, DeliveryStatus.DELIVERED, reference_id=7)
    if status == "unknown":
        assert deliveries_recover(lease) == 1
    else:
        drain_step(lease, claim=uuid4(), endings=[delivered])
    for _ in range(2):
        late_answers_record([LateEnding(delivered)])
    assert LateAnswer.objects.count() == (status == "unknown")
    assert AuditEntry.objects.filter(action=Action.DELIVERIES_LATE_ANSWER).count() == (
        status == "unknown"
    )


def test_that_nobody_knows_is_no_evidence(
    chat_server: ChatServer, chats: Any, send_to: Any
) -> None:
    """`make simulate` found it: a drain that had lost its lease told again that a delivery is
    unknown, and that counted as evidence that Chat Server had not taken it."""
    send_to(chats(1))
    lease = lease_take(chat_server.name, uuid4())
    assert isinstance(lease, Lease)
    (delivery,) = drain_step(lease, claim=uuid4(), room=1).claimed
    assert deliveries_recover(lease) == 1
    late_answers_record([LateEnding(Ending(delivery, DeliveryStatus.UNKNOWN, Reason.NO_ANSWER))])
    assert not LateAnswer.objects.exists()
    assert not Evidence.objects.exists()


def test_what_was_not_sent_is_no_late_answer_of_the_next_attempt(
    chat_server: ChatServer, chats: Any, send_to: Any
) -> None:
    send_to(chats(1))
    lease = lease_take(chat_server.name, uuid4())
    assert isinstance(lease, Lease)
    (first,) = drain_step(lease, claim=uuid4(), room=1).claimed
    drain_step(lease, claim=uuid4(), postponements=[Postponement(first, None, "")])
    (again,) = drain_step(lease, claim=uuid4(), room=1).claimed
    assert deliveries_recover(lease) == 1
    not_sent = Ending(first, DeliveryStatus.FAILED, Reason.NOT_SENT)
    late_answers_record([LateEnding(not_sent)])
    assert not LateAnswer.objects.exists()
    late_answers_record([LateEnding(Ending(again, DeliveryStatus.DELIVERED))])
    assert LateAnswer.objects.get().status == "delivered"


def test_it_is_erased_with_the_text(late: Send) -> None:
    delivery = late.deliveries.earliest("pk")
    Interaction.objects.update(ended_at=timezone.now())
    interaction_erase(ROOT, interaction_id=delivery.interaction_id)
    (answer,) = delivery.late_answers.all()
    assert (answer.answer, answer.detail, answer.fault_text) == (None, "", "")
    assert answer.status == "delivered"
