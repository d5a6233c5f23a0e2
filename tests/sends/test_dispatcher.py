"""The dispatcher against a real simulator over TCP and a real PostgreSQL.

Every test ends by comparing three things: what the simulator journalled, what the deliveries say
and what the ledger says.
"""

import asyncio
import time
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_update, feed_apply
from console.sends import selectors
from console.sends.dispatcher import Dispatch, drain_chat_server
from console.sends.drain import backoff_seconds
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send, SendStatus
from console.sends.services import send_cancel, send_create
from console.sends.services.deliveries import (
    deliveries_expire,
    drain_step,
    sends_release,
)
from console.sends.worker import run_worker
from tests.conftest import ROOT, upsert

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE_SECONDS = 60


def drain(name="chat-east"):
    """One drain, as a worker's job would do it."""

    async def run():
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            await drain_chat_server(name, dispatch)

    asyncio.run(run())


def work():
    """A worker that runs all jobs that are there, and ends."""

    async def run():
        async with asyncio.timeout(DEADLINE_SECONDS):
            await run_worker(wait=False)

    asyncio.run(run())


def statuses(send=None):
    rows = Delivery.objects.filter(send=send) if send else Delivery.objects.all()
    return Counter(rows.values_list("status", flat=True))


def assert_ledger_agrees():
    """Each ended delivery has exactly one entry with its status, and no other has any."""
    told = Counter(
        (int(ref), action.removeprefix("delivery."))
        for ref, action in AuditEntry.objects.filter(target_kind="delivery").values_list(
            "target_ref", "action"
        )
    )
    ended = Delivery.objects.exclude(status__in=["pending", "sending"])
    assert told == Counter(ended.values_list("pk", "status"))


@pytest.fixture
def chats(make_interaction):
    def make(number):
        return [make_interaction(f"c{index:04}").pk for index in range(number)]

    return make


@pytest.fixture
def send_to(supervisor, make_notice):
    def create(ids, body="Hello {{ data.FirstName }}", notice=None, **arguments):
        key = notice or make_notice(body).notice.key
        return send_create(supervisor.to_actor(), notice_key=key, interactions=ids, **arguments)

    return create


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


@pytest.mark.parametrize("fault", ["drop_every", "garbage_every", "silent_every"])
def test_a_fault_costs_at_most_one_window(fault, simulator, chats, send_to):
    """Whatever breaks, each delivery is journalled at most once, and no outcome is invented."""
    chat_server_update(ROOT, ChatServer.objects.get(), window=4, request_timeout_seconds=0.5)
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
    ChatServer.objects.update(retry_at=None)
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


# --- The truth at the moment of sending ----------------------------------------------------------


def test_a_chat_that_ended_since_gets_nothing(simulator, chats, send_to):
    first, second = chats(2)
    send = send_to([first, second])
    feed_apply(ROOT, [upsert(first, user_data={"IsOnline": "0"})])
    feed_apply(ROOT, [upsert(second, type="stopped")])
    drain()
    assert statuses(send) == {"skipped": 2}
    assert set(send.deliveries.values_list("reason", flat=True)) == {"offline"}
    assert simulator.journalled() == []
    assert_ledger_agrees()


def test_after_a_failover_the_delivery_follows_the_chat(simulator, start_simulator, chats, send_to):
    from console.interactions.services import chat_server_create

    west = start_simulator("chat-west")
    chat_server_create(ROOT, name="chat-west", url=west.url)
    (chat,) = chats(1)
    send = send_to([chat])
    feed_apply(ROOT, [upsert(chat, user_data={"ChatServerAppName": "chat-west"})])
    drain()
    assert simulator.journalled() == []
    work()
    (entry,) = west.journalled()
    assert {p["key"]: p["value"] for p in entry["request"]}["AppName"] == "chat-west"
    assert send.deliveries.get().chat_server_name == "chat-west"
    assert statuses(send) == {"delivered": 1}


def test_a_chat_that_moved_to_an_unknown_chat_server_is_skipped(simulator, chats, send_to):
    (chat,) = chats(1)
    send = send_to([chat])
    feed_apply(ROOT, [upsert(chat, user_data={"ChatServerAppName": "chat-north"})])
    drain()
    assert send.deliveries.get().reason == "unknown_chat_server"
    assert simulator.journalled() == []


def test_a_notice_retired_since_is_not_sent(simulator, chats, send_to, make_notice):
    from console.catalogue.services import notice_retire

    version = make_notice(key="late")
    send = send_to(chats(1), notice="late")
    notice_retire(ROOT, version.notice)
    drain()
    assert send.deliveries.get().reason == "expired_notice"
    assert simulator.journalled() == []


def test_a_chat_server_switched_off_since_is_not_asked(simulator, chats, send_to):
    send = send_to(chats(1))
    chat_server_update(ROOT, ChatServer.objects.get(), enabled=False)
    drain()
    assert send.deliveries.get().reason == "chat_server_disabled"
    assert simulator.journalled() == []


def test_user_data_that_can_not_travel_is_skipped(simulator, chats, send_to):
    from console.interactions.models import Interaction

    (chat,) = chats(1)
    send = send_to([chat])
    # The feed lets no such thing in; something older may have.
    Interaction.objects.update(user_data={"Ratio": 0.5})
    drain()
    assert send.deliveries.get().reason == "invalid_user_data"
    assert simulator.journalled() == []
    assert_ledger_agrees()


def test_a_cancelled_send_leaves_nothing_for_the_drain(simulator, chats, send_to, supervisor):
    send = send_to(chats(2))
    send_cancel(supervisor.to_actor(), send)
    drain()
    assert simulator.journalled() == []
    assert statuses(send) == {"cancelled": 2}
    assert_ledger_agrees()


# --- Holding and schedule ------------------------------------------------------------------------


def test_a_holding_send_leaves_only_when_its_time_has_come(simulator, chats, send_to):
    send = send_to(chats(1), undo_seconds=5)
    drain()
    assert simulator.journalled() == []
    assert sends_release() == []
    Send.objects.update(release_at=timezone.now())
    Outbox.objects.update(due_at=timezone.now())
    assert sends_release() == [send.pk]
    work()
    assert statuses(send) == {"delivered": 1}


# --- One at a time, and what a crash leaves ------------------------------------------------------


def test_two_drains_at_once_send_nothing_twice(simulator, chats, send_to):
    ids = chats(60)
    send = send_to(ids)

    async def run():
        async with Dispatch() as dispatch:
            await asyncio.gather(*(drain_chat_server("chat-east", dispatch) for _ in range(4)))

    asyncio.run(run())
    assert statuses(send) == {"delivered": 60}
    assert Counter(e["interaction_id"] for e in simulator.journalled()) == Counter(ids)


def test_what_a_lost_drain_had_claimed_is_unknown_and_nothing_else(simulator, chats, send_to):
    send = send_to(chats(5))
    step = drain_step(ChatServer.objects.get().pk, claim=uuid4(), room=2)
    assert len(step.claimed) == 2
    drain()
    assert statuses(send) == {"unknown": 2, "delivered": 3}
    lost = send.deliveries.filter(status="unknown").first()
    assert lost.reason == "worker_lost"
    assert len(simulator.journalled()) == 3
    assert_ledger_agrees()


def test_a_late_outcome_of_a_lost_drain_changes_nothing(simulator, chats, send_to):
    from console.sends.services.endings import Ending

    send = send_to(chats(1))
    server, claim = ChatServer.objects.get(), uuid4()
    step = drain_step(server.pk, claim=claim, room=1)
    drain()
    drain_step(server.pk, claim=claim, endings=[Ending(step.claimed[0], DeliveryStatus.DELIVERED)])
    assert statuses(send) == {"unknown": 1}
    assert_ledger_agrees()


def test_never_more_than_the_window_is_claimed(simulator, chats, send_to):
    """Watched from outside, in the database, while the simulator answers slowly."""
    chat_server_update(ROOT, ChatServer.objects.get(), window=3)
    simulator.faults(latency=0.05)
    send = send_to(chats(12))
    most = 0

    async def watch(drained):
        nonlocal most
        while not drained.done():
            sending = await asyncio.to_thread(count_sending)
            most = max(most, sending)
            await asyncio.sleep(0.005)

    def count_sending():
        from django.db import connection

        try:
            return Delivery.objects.filter(status="sending").count()
        finally:
            connection.close()

    async def run():
        dispatch = Dispatch()
        drained = asyncio.ensure_future(drain_chat_server("chat-east", dispatch))
        await watch(drained)
        await drained
        await dispatch.__aexit__()

    asyncio.run(run())
    assert statuses(send) == {"delivered": 12}
    assert 1 <= most <= 3


def test_a_stopping_worker_finishes_what_is_on_the_wire_and_no_more(simulator, chats, send_to):
    chat_server_update(ROOT, ChatServer.objects.get(), window=4)
    simulator.faults(latency=0.2)
    send = send_to(chats(40))

    async def run():
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(stop=stop))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not simulator.journalled():
                await asyncio.sleep(0.01)
            stop.set()
            await worker

    asyncio.run(run())
    counts = statuses(send)
    assert counts["sending"] == counts["unknown"] == 0
    assert counts["delivered"] == len(simulator.journalled())
    assert 1 <= counts["delivered"] < 40
    assert counts["pending"] == 40 - counts["delivered"]
    assert_ledger_agrees()


def test_the_sweep_finds_work_that_has_no_job(simulator, chats, send_to):
    from procrastinate.contrib.django.models import ProcrastinateJob

    from console.sends.tasks import sweep_now

    send = send_to(chats(2))
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    assert not ProcrastinateJob.objects.exists()
    sweep_now()
    work()
    assert statuses(send) == {"delivered": 2}


def test_work_that_comes_while_the_drain_ends_is_not_forgotten(simulator, chats, send_to):
    """A job that finds the lock taken goes away: the holder must look again afterwards."""
    first, second = chats(2)
    send_to([first])

    async def run():
        dispatch = Dispatch()
        from console.sends import dispatcher

        original = dispatcher.Drain.run

        async def run_and_then_another_send(self):
            await original(self)
            if Delivery_count["made"] == 0:
                Delivery_count["made"] = 1
                await self.database.call(send_to, [second])
                # Its job comes at once, finds the lock taken, and goes away.
                await drain_chat_server("chat-east", dispatch)

        Delivery_count = {"made": 0}
        dispatcher.Drain.run = run_and_then_another_send
        try:
            await drain_chat_server("chat-east", dispatch)
        finally:
            dispatcher.Drain.run = original
            await dispatch.__aexit__()

    asyncio.run(run())
    assert statuses() == {"delivered": 2}


# --- Pace ----------------------------------------------------------------------------------------


def test_the_pace_is_kept(simulator, chats, send_to):
    """That no second sees more than the burst is shown on the bucket itself (tests/interactions):
    when requests arrive depends on the machine's load."""
    chat_server_update(ROOT, ChatServer.objects.get(), pace_per_second=40, burst=60, window=32)
    ChatServer.objects.update(bucket_tokens=20, bucket_at=timezone.now())
    send_to(chats(100))
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


def test_next_due_at_sees_only_running_sends(chat_server, chats, send_to):
    assert selectors.next_due_at("chat-east") is None
    send_to(chats(1), undo_seconds=30)
    assert selectors.next_due_at("chat-east") is None
    Send.objects.update(status=SendStatus.RUNNING)
    assert selectors.next_due_at("chat-east") > timezone.now() + timedelta(seconds=20)


def test_a_send_whose_end_nobody_noted_is_finished_by_the_sweep(simulator, chats, send_to):
    """As after a crash between the last outcome and the send's own status."""
    from console.sends.tasks import sweep_now

    send = send_to(chats(1))
    drain()
    Send.objects.update(status=SendStatus.RUNNING, finished_at=None)
    sweep_now()
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED
    assert send.finished_at is not None


def test_cancelling_while_a_drain_skips_does_not_deadlock(
    simulator, chats, send_to, supervisor, monkeypatch
):
    """The drain holds a delivery's row and cancelling holds the send's: neither may want both."""
    import threading

    from django.db import connection

    from console.sends.services import claims

    def waiting_for_a_lock():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return cursor.fetchone()[0]

    (chat,) = chats(1)
    send = send_to([chat])
    feed_apply(ROOT, [upsert(chat, type="stopped")])
    holding = threading.Event()
    original = claims.chat_server_return_tokens

    def hold(*arguments):
        """In the drain's transaction, with its claims: until the other waits for one of them."""
        holding.set()
        for _attempt in range(1000):
            if waiting_for_a_lock():
                break
            time.sleep(0.01)
        original(*arguments)

    monkeypatch.setattr(claims, "chat_server_return_tokens", hold)

    def cancel():
        try:
            assert holding.wait(DEADLINE_SECONDS)
            send_cancel(supervisor.to_actor(), send)
        finally:
            connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    drain()
    thread.join(DEADLINE_SECONDS)
    send.refresh_from_db()
    assert send.status in (SendStatus.CANCELLED, SendStatus.FINISHED)
    assert_ledger_agrees()
