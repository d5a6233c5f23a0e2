"""What a review found once, and must not come back."""

import asyncio
from collections import Counter

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_update
from console.sends.control.pausing import send_cancel
from console.sends.engine.outcomes import Postponement
from console.sends.engine.record import deliveries_abandon, deliveries_expire
from console.sends.engine.worker import run_worker
from console.sends.models import Outbox, Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import assert_ledger_agrees, drain, leased_step

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def send_hello(supervisor, make_notice, make_interaction):
    def create(number, body="Hello"):
        ids = [make_interaction(f"r{index}").pk for index in range(number)]
        key = make_notice(body).notice.key
        return send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=ids))

    return create


def test_what_comes_back_unsent_after_its_send_was_cancelled_is_cancelled_too(
    chat_server, send_hello, supervisor
):
    from uuid import uuid4

    send = send_hello(1)
    claim = uuid4()
    step = leased_step(chat_server, claim=claim, room=1)
    send_cancel(supervisor.to_actor(), send)
    back = [Postponement(step.claimed[0], timezone.now(), "no connection")]
    leased_step(chat_server, claim=claim, postponements=back)
    assert send.deliveries.get().status == "cancelled"
    assert deliveries_abandon() == 0
    assert_ledger_agrees()


def test_a_request_over_the_limits_is_skipped_and_is_no_fault_of_the_chat_server(
    simulator, send_hello
):
    send = send_hello(3)
    # More than the feed lets in, as something older may have.
    Interaction.objects.filter(pk="r1").update(user_data={"Big": "x" * 1_100_000})
    drain()
    assert Counter(send.deliveries.values_list("status", flat=True)) == {
        "delivered": 2,
        "skipped": 1,
    }
    assert send.deliveries.get(interaction="r1").reason == "invalid_user_data"
    assert ChatServer.objects.get().health == "healthy"
    assert_ledger_agrees()


def test_a_changed_address_is_used_from_the_next_claim_on(
    simulator, start_simulator, send_hello, monkeypatch
):
    """And what is known of the old one is not written over the new one's record."""
    moved = start_simulator("chat-east")
    chat_server_update(ROOT, ChatServer.objects.get(), window=2)
    send = send_hello(10)
    from console.sends.engine import record

    original = record.claim_due  # type: ignore[attr-defined]

    def move_then_claim(*arguments, **options):
        monkeypatch.setattr(record, "claim_due", original)
        result = original(*arguments, **options)
        ChatServer.objects.update(url=moved.url, health="untried")
        return result

    monkeypatch.setattr(record, "claim_due", move_then_claim)
    drain()
    assert Counter(send.deliveries.values_list("status", flat=True)) == {"delivered": 10}
    assert len(simulator.journalled()) == 2
    assert len(moved.journalled()) == 8


def test_what_was_not_sent_in_time_keeps_what_stood_in_its_way(chat_server, send_hello):
    send = send_hello(1)
    drain()
    Outbox.objects.update(expires_at=timezone.now())
    deliveries_expire()
    detail = send.deliveries.get().detail
    assert "time to live" in detail
    assert "127.0.0.1:9" in detail


def test_one_chat_with_a_nul_does_not_stop_the_others(
    chat_server, supervisor, make_interaction, make_notice
):
    make_interaction("bad", user_data={"Q": "a%00b"})
    make_interaction("good", user_data={"Q": "a%20b"})
    make_notice("You asked: {{ data.Q | url_decode }}", key="q")
    send = send_create(
        supervisor.to_actor(), SendOrder(notice_key="q", interactions=["bad", "good"])
    )
    assert dict(send.deliveries.values_list("interaction_id", "body")) == {
        "bad": "You asked: a b",  # a control character is a blank in a text
        "good": "You asked: a b",
    }


def test_a_job_queue_that_fails_is_started_again(simulator, send_hello, monkeypatch):
    """As when the database restarts: the worker goes on, and so does what it sends."""
    failed = asyncio.Event()

    async def fail(*_arguments):
        monkeypatch.undo()
        failed.set()
        raise RuntimeError("no heartbeat")

    monkeypatch.setattr("procrastinate.manager.JobManager.update_heartbeat", fail)
    monkeypatch.setattr("console.sends.engine.worker.HEARTBEAT_SECONDS", 0.01)

    async def run():
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(stop=stop))
        async with asyncio.timeout(60):
            await failed.wait()
            await asyncio.to_thread(send_and_close)
            while not simulator.journalled():
                await asyncio.sleep(0.01)
            stop.set()
            await worker

    def send_and_close():
        from django.db import connection

        send_hello(1)
        connection.close()

    asyncio.run(run())
    assert Counter(Send.objects.get().deliveries.values_list("status", flat=True)) == {
        "delivered": 1
    }


def test_a_worker_wants_no_pool(settings):
    settings.DATABASE_POOL_SIZE = 4
    with pytest.raises(CommandError, match="CONSOLE_DATABASE_POOL_SIZE"):
        call_command("worker")


def test_a_finished_send_whose_finishing_failed_loses_no_claims(simulator, send_hello, monkeypatch):
    """The claims are committed by then: not sending them would leave them for lost."""
    from django.db import OperationalError

    from console.sends.engine import record

    def fail(*_arguments):
        raise OperationalError("gone for a moment")

    monkeypatch.setattr(record, "sends_finish", fail)
    send = send_hello(3)
    drain()
    assert Counter(send.deliveries.values_list("status", flat=True)) == {"delivered": 3}
    monkeypatch.undo()
    record.sends_finish()
    assert Send.objects.get().status == SendStatus.FINISHED
