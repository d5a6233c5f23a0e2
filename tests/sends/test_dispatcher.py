"""The dispatcher against a real simulator over TCP and a real PostgreSQL.

Tests end by comparing three things: what the simulator journalled, what the deliveries say and what
the ledger says.
"""

import time
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from console.interactions.models import ChatServer
from console.interactions.services import chat_server_update
from console.sends.engine import queue
from console.sends.engine.drain import backoff_seconds
from console.sends.engine.outcomes import Postponement
from console.sends.engine.record import deliveries_expire, drain_step
from console.sends.models import DeliveryStatus, Outbox, Send, SendStatus
from tests.support.factories import ROOT
from tests.support.working import (
    assert_ledger_agrees,
    changing_what_has_ended,
    drain,
    leased_step,
    statuses,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_reaches_the_session_with_everything_the_vendor_asks_for(
    simulator, make_interaction, make_notice, send_to
):
    make_interaction("0001aB3", user_data={"FirstName": "Zoë", "Score": 7, "Nested": {"A": "b"}})
    make_notice(
        "Hello {{ data.FirstName }}", key="hi", message_type="greeting", nickname="Team Blue"
    )
    send = send_to(["0001aB3"], notice="hi")

    work()

    (entry,) = simulator.journalled()
    request = {pair["key"]: pair["value"] for pair in entry["request"]}
    parameters = [(p["key"], p["type"], p["value"]) for p in request.pop("Parameters")]
    assert request == {
        "AppName": "chat-east",
        "AppType": "ChatServer",
        "Service": "Chat",
        "Method": "Message",
    }
    assert parameters == [
        ("MessageText", "utf", "Hello Zoë"),
        ("MessageType", "str", "greeting"),
        ("Nickname", "str", "Team Blue"),
        ("Visibility", "str", "ALL"),
    ]
    user_data = {pair["key"]: (pair["type"], pair["value"]) for pair in entry["user_data"]}
    assert user_data["InteractionId"] == ("str", "0001aB3")
    assert user_data["FirstName"] == ("utf", "Zoë")
    assert user_data["Score"] == ("int", 7)
    assert user_data["Nested"] == ("kvlist", [{"key": "A", "type": "str", "value": "b"}])
    delivery = send.deliveries.get()
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)
    assert delivery.reference_id == entry["reference_id"]
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED
    assert ChatServer.objects.get().health == "healthy"
    assert_ledger_agrees()


@pytest.mark.parametrize(
    ("kind", "body", "notice_type"),
    [
        ("push_url", "https://example.org/pay?name={{ data.FirstName }}", "USER_PUSHED_URL"),
        ("custom", "anything at all", "USER_CUSTOM"),
    ],
)
def test_notices_go_by_their_own_method(
    kind, body, notice_type, simulator, make_interaction, make_notice, send_to
):
    make_interaction("zoe", user_data={"FirstName": "Zoë & co"})
    make_notice(body, key="n", kind=kind)
    send_to(["zoe"], notice="n")
    work()
    (entry,) = simulator.journalled()
    request = {pair["key"]: pair["value"] for pair in entry["request"]}
    parameters = {pair["key"]: pair["value"] for pair in request["Parameters"]}
    assert request["Method"] == "Notice"
    assert parameters["NoticeType"] == notice_type
    assert parameters["NoticeText"] == body.replace("{{ data.FirstName }}", "Zo%C3%AB%20%26%20co")


@pytest.mark.parametrize(
    ("visibility", "views"),
    [
        ("ALL", {"customer": 1, "agent": 1, "supervisor": 1}),
        ("INT", {"customer": 0, "agent": 1, "supervisor": 1}),
        ("VIP", {"customer": 0, "agent": 0, "supervisor": 1}),
    ],
)
def test_visibility_reaches_only_whom_it_names(
    visibility, views, simulator, make_interaction, make_notice, send_to
):
    make_interaction("zoe")
    make_notice(key="note", visibility=visibility)
    send_to(["zoe"], notice="note")
    work()
    assert {view: len(simulator.transcript("zoe", view)) for view in views} == views


def test_many_deliveries_each_arrive_once(simulator, chats, send_to):
    ids = chats(300)
    send = send_to(ids)
    work()
    assert statuses(send) == {"delivered": 300}
    journalled = Counter(entry["interaction_id"] for entry in simulator.journalled())
    assert journalled == Counter(ids)
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED
    assert_ledger_agrees()


def test_a_refusal_keeps_what_chat_server_said(simulator, chats, send_to):
    simulator.faults(refuse_every=2)
    send = send_to(chats(4))
    work()
    assert statuses(send) == {"delivered": 2, "failed": 2}
    refused = send.deliveries.filter(status="failed").first()
    assert refused.reason == "refused"
    assert refused.fault_code
    assert refused.fault_text
    assert refused.answer
    assert_ledger_agrees()


def test_silence_makes_unknown_and_is_never_retried(simulator, chats, send_to):
    chat_server_update(ROOT, ChatServer.objects.get(), request_timeout_seconds=0.3)
    simulator.faults(silent_every=1)
    send = send_to(chats(1))
    drain()
    delivery = send.deliveries.get()
    assert (delivery.status, delivery.reason) == (DeliveryStatus.UNKNOWN, "no_answer")
    assert "may have seen it" in delivery.detail
    simulator.faults(silent_every=0)
    ChatServer.objects.update(retry_at=None)
    drain()
    work()
    assert len(simulator.journalled()) == 1
    assert_ledger_agrees()


def test_while_it_only_waits_for_answers_a_drain_does_not_look_for_more(
    simulator, chats, send_to, monkeypatch
):
    """Two hundred drains that wait would keep the database busy with nothing."""
    rooms = []

    def step(*args, **kwargs):
        rooms.append(kwargs["room"])
        return drain_step(*args, **kwargs)

    monkeypatch.setattr("console.sends.engine.drain.drain_step", step)
    chat_server_update(ROOT, ChatServer.objects.get(), request_timeout_seconds=1.0)
    simulator.faults(silent_every=1)
    send = send_to(chats(2))
    drain()
    assert statuses(send)["unknown"] == 2
    assert [room > 0 for room in rooms] == [True, False]


@pytest.mark.parametrize("fault", ["drop_every", "garbage_every", "silent_every"])
def test_a_fault_costs_at_most_one_window(fault, simulator, chats, send_to):
    """Whatever breaks, each delivery is journalled at most once, and no outcome is invented."""
    # A busy machine is slower than the time that silence is waited for: only that is short.
    wait = 1.0 if fault == "silent_every" else 20.0
    chat_server_update(ROOT, ChatServer.objects.get(), window=4, request_timeout_seconds=wait)
    simulator.faults(**{fault: 5})
    send = send_to(chats(16))
    drain()
    counts = statuses(send)
    assert 1 <= counts["unknown"] <= 4
    assert counts["sending"] == 0
    if fault != "silent_every":
        # The connection broke: the Chat Server rests, and the others wait and are not lost.
        assert counts["pending"] >= 1
    server = ChatServer.objects.get()
    assert server.health == "unhealthy"
    assert server.failures_in_a_row == 1
    simulator.faults(**{fault: 0})
    ChatServer.objects.update(retry_at=None, request_timeout_seconds=20.0)
    Outbox.objects.update(due_at=timezone.now())
    drain()
    assert statuses(send)["pending"] == 0
    journalled = Counter(entry["interaction_id"] for entry in simulator.journalled())
    assert set(journalled.values()) == {1}
    accounted = send.deliveries.filter(status__in=["delivered", "unknown"])
    assert set(journalled) <= set(accounted.values_list("interaction_id", flat=True))
    delivered = send.deliveries.filter(status="delivered")
    assert set(delivered.values_list("interaction_id", flat=True)) <= set(journalled)
    if counts["pending"]:
        assert ChatServer.objects.get().health == "healthy"
    assert_ledger_agrees()


def test_an_unreachable_chat_server_leaves_everything_waiting(chat_server, chats, send_to):
    send = send_to(chats(3))
    drain()
    assert statuses(send) == {"pending": 3}
    server = ChatServer.objects.get()
    assert server.health == "unhealthy"
    assert "127.0.0.1" in server.health_detail
    assert server.retry_at > timezone.now()
    from procrastinate.contrib.django.models import ProcrastinateJob

    wakes = ProcrastinateJob.objects.filter(task_name="console.sends.tasks.wake")
    assert [job.scheduled_at >= server.retry_at for job in wakes] == [True]


def test_what_could_not_be_sent_in_time_has_failed(chat_server, chats, send_to):
    send = send_to(chats(2))
    Outbox.objects.update(expires_at=timezone.now())
    assert deliveries_expire() == 2
    delivery = send.deliveries.first()
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "not_sent")
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED
    assert deliveries_expire() == 0
    assert_ledger_agrees()


def test_a_late_delivery_is_not_sent_even_when_chat_server_is_back(simulator, chats, send_to):
    send = send_to(chats(1))
    Outbox.objects.update(expires_at=timezone.now())
    drain()
    assert statuses(send) == {"failed": 1}
    assert simulator.journalled() == []


def test_the_pace_is_kept(simulator, chats, send_to):
    """That no second sees more than the burst is shown on the bucket itself (tests/interactions):
    when requests arrive depends on the machine's load."""
    chat_server_update(ROOT, ChatServer.objects.get(), pace_per_second=40, burst=60, window=32)
    send_to(chats(100))
    ChatServer.objects.update(bucket_tokens=20, bucket_at=timezone.now())
    started = time.time()
    drain()
    times = sorted(entry["at"] for entry in simulator.journalled())
    assert len(times) == 100
    # 20 at once and 80 at 40 a second can't be had in less than two seconds, however slow we are.
    assert times[-1] - started >= 1.9


def test_backoff_doubles_to_a_cap_with_jitter():
    assert backoff_seconds(1, lambda: 1.0) == 0.5
    assert backoff_seconds(1, lambda: 0.0) == 0.25
    assert backoff_seconds(3, lambda: 1.0) == 2.0
    assert backoff_seconds(50, lambda: 1.0) == 30.0


def test_the_last_step_finishes_a_send_of_which_some_were_skipped(
    simulator, chats, make_interaction, send_to
):
    """No sweep runs here."""
    offline = make_interaction("offline", user_data={"IsOnline": "0"}).pk
    send = send_to([*chats(3), offline])
    drain()
    assert statuses(send) == {"delivered": 3, "skipped": 1}
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED
    assert_ledger_agrees()


def test_next_due_at_sees_only_running_sends(chat_server, chats, send_to):
    assert queue.work_by_name(["chat-east"])["chat-east"].next_due_at is None
    send_to(chats(1), undo_seconds=30)
    assert queue.work_by_name(["chat-east"])["chat-east"].next_due_at is None
    Send.objects.update(status=SendStatus.RUNNING)
    (work,) = queue.work_by_id([ChatServer.objects.get().pk]).values()
    assert work.next_due_at > timezone.now() + timedelta(seconds=20)


def test_a_send_whose_end_nobody_noted_is_finished_by_the_sweep(simulator, chats, send_to):
    """As after a crash between the last outcome and the send's own status."""
    from console.sends.tasks import sweep_now

    send = send_to(chats(1))
    drain()
    with changing_what_has_ended():
        Send.objects.update(status=SendStatus.RUNNING, finished_at=None)
    sweep_now()
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED
    assert send.finished_at is not None


def test_a_small_send_does_not_wait_for_a_large_one(chat_server, chats, send_to):
    ids = chats(21)
    large, small = send_to(ids[:20]), send_to(ids[20:])
    step = leased_step(chat_server, claim=uuid4(), room=4)
    taken = Counter(delivery.send_id for delivery in step.claimed)
    assert taken == {large.pk: 3, small.pk: 1}


def test_sends_of_equal_size_take_turns(chat_server, chats, send_to):
    ids = chats(30)
    sends = [send_to(ids[start : start + 10]) for start in (0, 10, 20)]
    step = leased_step(chat_server, claim=uuid4(), room=9)
    assert [delivery.send_id for delivery in step.claimed] == [send.pk for send in sends] * 3


def test_what_is_on_the_wire_is_not_claimed_again(chat_server, chats, send_to):
    send_to(chats(5))
    first = leased_step(chat_server, claim=uuid4(), room=3)
    on_the_wire = [delivery.id for delivery in first.claimed]
    second = leased_step(chat_server, claim=uuid4(), room=3, on_the_wire=on_the_wire)
    assert len(on_the_wire) == 3
    assert len(second.claimed) == 2
    assert not {delivery.id for delivery in second.claimed} & set(on_the_wire)


def test_what_came_back_unsent_takes_turns(chat_server, chats, send_to):
    """Whoever failed last is due last: an old send does not get every single try for itself."""
    ids = chats(3)
    sends = [send_to([pk]) for pk in ids]
    claimed = leased_step(chat_server, claim=uuid4(), room=3).claimed
    now = timezone.now()
    Outbox.objects.update(expires_at=now + timedelta(seconds=60))
    back = [
        Postponement(delivery, now - timedelta(seconds=number), "The network failed.")
        for number, delivery in enumerate(claimed)
    ]
    step = leased_step(chat_server, claim=uuid4(), postponements=back, room=1)
    assert [delivery.send_id for delivery in step.claimed] == [sends[2].pk]
