"""One drain at a time, and what is left when something breaks in the middle."""

import asyncio
import threading
import time
from collections import Counter
from uuid import uuid4

import pytest

from console.interactions.models import ChatServer
from console.interactions.services import (
    Lease,
    LeaseLost,
    chat_server_lease_release,
    chat_server_update,
    feed_apply,
)
from console.sends.control.pausing import send_cancel
from console.sends.engine.dispatcher import Dispatch, drain_chat_server
from console.sends.engine.record import drain_step
from console.sends.engine.worker import run_worker
from console.sends.models import Delivery, DeliveryStatus, LateAnswer, SendStatus
from tests.support.factories import ROOT, upsert
from tests.support.working import (
    DEADLINE_SECONDS,
    assert_ledger_agrees,
    drain,
    lease_take,
    leased_step,
    statuses,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
    step = leased_step(ChatServer.objects.get(), room=2)
    assert len(step.claimed) == 2
    drain()
    assert statuses(send) == {"unknown": 2, "delivered": 3}
    lost = send.deliveries.filter(status="unknown").first()
    assert lost.reason == "worker_lost"
    assert len(simulator.journalled()) == 3
    assert_ledger_agrees()


def test_a_late_outcome_of_a_lost_drain_changes_nothing(simulator, chats, send_to):
    from console.sends.engine.outcomes import Ending

    send = send_to(chats(1))
    server, claim = ChatServer.objects.get(), uuid4()
    lease = lease_take(server.name, uuid4())
    assert isinstance(lease, Lease)
    step = drain_step(lease, claim=claim, room=1)
    chat_server_lease_release(lease)
    drain()
    late = [Ending(step.claimed[0], DeliveryStatus.DELIVERED)]
    with pytest.raises(LeaseLost):
        drain_step(lease, claim=claim, endings=late)
    assert statuses(send) == {"unknown": 1}
    assert_ledger_agrees()


def test_never_more_than_the_window_is_claimed(simulator, chats, send_to):
    """Watched from outside, in the database, while the simulator answers slowly."""
    chat_server_update(ROOT, ChatServer.objects.get(), window=3)
    simulator.faults(latency=0.2)
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
    """A job that finds the lease taken goes away: the holder must look again afterwards."""
    first, second = chats(2)
    send_to([first])

    async def run():
        dispatch = Dispatch()
        from console.sends.engine import dispatcher

        original = dispatcher.Drain.run  # type: ignore[attr-defined]

        async def run_and_then_another_send(self):
            await original(self)
            if Delivery_count["made"] == 0:
                Delivery_count["made"] = 1
                await self.databases.call(send_to, [second])
                # Its job comes at once, finds the lease taken, and goes away.
                await drain_chat_server("chat-east", dispatch)

        Delivery_count = {"made": 0}
        dispatcher.Drain.run = run_and_then_another_send  # type: ignore[attr-defined]
        try:
            await drain_chat_server("chat-east", dispatch)
        finally:
            dispatcher.Drain.run = original  # type: ignore[attr-defined]
            await dispatch.__aexit__()

    asyncio.run(run())
    assert statuses() == {"delivered": 2}


def test_cancelling_while_a_drain_skips_does_not_deadlock(
    simulator, chats, send_to, supervisor, monkeypatch
):
    """The drain holds a delivery's row and cancelling holds the send's: neither may want both."""

    from django.db import connection

    from console.sends.engine import claim

    def waiting_for_a_lock():
        with connection.cursor() as cursor:
            # Within a transaction this view is otherwise read once.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return cursor.fetchone()[0]

    (chat,) = chats(1)
    send = send_to([chat])
    feed_apply(ROOT, [upsert(chat, type="stopped")])
    holding = threading.Event()
    original = claim.chat_server_return_tokens  # type: ignore[attr-defined]

    def hold(*arguments):
        """In the drain's transaction, with its claims: until the other waits for one of them."""
        holding.set()
        for _attempt in range(1000):
            if waiting_for_a_lock():
                break
            time.sleep(0.01)
        original(*arguments)

    monkeypatch.setattr(claim, "chat_server_return_tokens", hold)

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


# --- A database that goes away -------------------------------------------------------------------


@pytest.fixture
def cut_the_drains_connection(db):
    """As PostgreSQL does when it is stopped at once. The test keeps its own."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (own,) = cursor.fetchone()

    def cut():
        with connection.cursor() as cursor:  # of whichever thread this is called in
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
                [own],
            )
        connection.close()

    return cut


def assert_each_arrived_once(simulator, ids):
    assert Counter(entry["interaction_id"] for entry in simulator.journalled()) == Counter(ids)


def test_outcomes_wait_for_a_database_that_goes_away(
    simulator, chats, send_to, cut_the_drains_connection
):
    chat_server_update(ROOT, ChatServer.objects.get(), window=4)
    simulator.faults(latency=0.1)
    ids = chats(16)
    send = send_to(ids)

    async def run():
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            dispatch.wake("chat-east")
            for arrived in (1, 6, 11):
                while len(simulator.journalled()) < arrived:
                    await asyncio.sleep(0.005)
                await asyncio.to_thread(cut_the_drains_connection)
            while dispatch.drains:
                await asyncio.sleep(0.005)

    asyncio.run(run())
    drain()
    assert statuses(send) == {"delivered": 16}
    assert_each_arrived_once(simulator, ids)
    assert_ledger_agrees()


FULL = """
CREATE SEQUENCE refused;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('refused');
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
END $$;
"""
FREE = "DROP FUNCTION refuse CASCADE; DROP SEQUENCE refused"


@pytest.mark.parametrize(
    "tables", [("sends_delivery",), ("sends_delivery", "interactions_chatserver")]
)
def test_outcomes_wait_for_a_database_that_takes_nothing(
    tables, simulator, chats, send_to, monkeypatch
):
    """A disk that is full, a database that is read only: what was answered was called unknown after
    a few tries."""
    from django.db import connection

    from console.sends.engine import drain as module

    monkeypatch.setattr(module, "DATABASE_RETRY_SECONDS", 0.01)
    chat_server_update(ROOT, ChatServer.objects.get(), window=4, request_timeout_seconds=30)
    simulator.faults(latency=1.5)  # within which the disk is full
    ids = chats(16)
    send = send_to(ids)

    def execute(*statements):
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchone() if cursor.description else None
        finally:
            connection.close()

    async def run():
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            dispatch.wake("chat-east")
            while not simulator.journalled():
                await asyncio.sleep(0.005)
            triggers = [
                f"CREATE TRIGGER full_{table} BEFORE UPDATE ON {table} EXECUTE FUNCTION refuse()"
                for table in tables
            ]
            await asyncio.to_thread(execute, FULL, *triggers)
            await asyncio.to_thread(simulator.faults, latency=0.0)
            while (await asyncio.to_thread(execute, "SELECT last_value FROM refused"))[0] < 20:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(execute, FREE)
            while dispatch.drains:
                await asyncio.sleep(0.005)

    asyncio.run(run())
    drain()
    assert statuses(send) == {"delivered": 16}
    assert_each_arrived_once(simulator, ids)
    assert_ledger_agrees()


def test_a_claim_whose_commit_nobody_heard_of_waits_again(simulator, chats, send_to, monkeypatch):
    """Its deliveries were not written to the wire: to call them unknown would be untrue."""
    from django.db import OperationalError

    from console.sends.engine import drain as module

    ids = chats(3)
    send = send_to(ids)
    original = module.drain_step  # type: ignore[attr-defined]

    def commit_and_lose_the_answer(*arguments, **options):
        step = original(*arguments, **options)
        if step.claimed:
            monkeypatch.setattr(module, "drain_step", original)
            raise OperationalError("server closed the connection unexpectedly")
        return step

    monkeypatch.setattr(module, "drain_step", commit_and_lose_the_answer)
    drain()
    assert statuses(send) == {"delivered": 3}
    assert set(send.deliveries.values_list("attempts", flat=True)) == {2}
    assert_each_arrived_once(simulator, ids)
    assert_ledger_agrees()


def test_who_took_over_meanwhile_is_not_contradicted(
    simulator, chats, send_to, monkeypatch, cut_the_drains_connection
):
    from console.interactions.services import wire
    from console.sends.engine import drain as module
    from console.sends.engine.record import deliveries_recover

    chat_server_update(ROOT, ChatServer.objects.get(), window=2, request_timeout_seconds=30)
    simulator.faults(latency=2.0)  # within which the connection is cut
    send = send_to(chats(6))
    taken_over: list[Lease] = []

    def take_over_first(lease, **claims):
        if not taken_over:
            others = uuid4()
            while not isinstance(taken := lease_take("chat-east", others), Lease):
                pass
            deliveries_recover(taken)
            taken_over.append(taken)
        return deliveries_recover(lease, **claims)

    monkeypatch.setattr(wire, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(wire, "CONTEST_SECONDS", 0.0)
    monkeypatch.setattr(module, "deliveries_recover", take_over_first)

    async def run():
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            dispatch.wake("chat-east")
            while not simulator.journalled():
                await asyncio.sleep(0.005)
            await asyncio.to_thread(cut_the_drains_connection)
            while dispatch.drains:
                await asyncio.sleep(0.005)

    asyncio.run(run())
    assert statuses(send) == {"unknown": 2, "pending": 4}
    # What was known here is not lost either.
    late = LateAnswer.objects.filter(delivery__send=send).values_list("status", "seconds")
    assert list(late) == [("delivered", None)] * 2
    assert len(simulator.journalled()) == 2
    monkeypatch.undo()
    chat_server_lease_release(taken_over[0])
    simulator.faults(latency=0.0)
    drain()
    assert statuses(send) == {"unknown": 2, "delivered": 4}
    assert_ledger_agrees()


@pytest.mark.parametrize("is_recovered", [True, False])
def test_outcomes_of_a_step_that_another_overtook_are_told(
    is_recovered, simulator, chats, send_to, monkeypatch
):
    """The loss of the lease was noticed while a step was under way with outcomes in hand. They are
    recorded as they are if nobody has called them unknown by then."""
    from console.sends.engine import drain as module
    from console.sends.engine.record import deliveries_recover

    send = send_to(chats(2))
    dispatches: list[Dispatch] = []

    def overtaken(lease, **options):
        if options["endings"]:
            if is_recovered:
                deliveries_recover(lease)
            dispatches[0].drains["chat-east"].supersede()
            raise LeaseLost
        return drain_step(lease, **options)

    monkeypatch.setattr(module, "drain_step", overtaken)

    async def run():
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            dispatches.append(dispatch)
            await drain_chat_server("chat-east", dispatch)

    asyncio.run(run())
    late = LateAnswer.objects.filter(delivery__send=send).values_list("status", "seconds")
    assert list(late) == ([("delivered", None)] * 2 if is_recovered else [])
    assert statuses(send) == ({"unknown": 2} if is_recovered else {"delivered": 2})
    assert_ledger_agrees()


def test_what_nobody_knows_is_no_late_answer(simulator, chats, send_to, monkeypatch):
    """`make simulate` found it: beside each unknown of a drain that lost its lease stood a "late
    answer" that said unknown again."""
    from console.sends.engine import drain as module

    chat_server_update(ROOT, ChatServer.objects.get(), request_timeout_seconds=0.3)
    simulator.faults(silent_every=1)
    send = send_to(chats(2))
    overtaken: list[str] = []

    def overtake(lease, **options):
        if options["endings"]:
            overtaken.extend(ending.status for ending in options["endings"])
            raise LeaseLost
        return drain_step(lease, **options)

    monkeypatch.setattr(module, "drain_step", overtake)
    drain()
    assert overtaken
    assert set(overtaken) == {"unknown"}
    assert not LateAnswer.objects.filter(delivery__send=send).exists()


def test_a_step_that_fails_each_time_ends_the_drain_and_sends_nothing(
    simulator, chats, send_to, monkeypatch
):
    from django.db import DataError

    from console.sends.engine import drain as module

    def fail(*_arguments, **_options):
        raise DataError("no such thing fits here")

    send = send_to(chats(2))
    monkeypatch.setattr(module, "drain_step", fail)
    with pytest.raises(DataError):
        drain()
    assert statuses(send) == {"pending": 2}
    assert simulator.journalled() == []
    monkeypatch.undo()
    drain()
    assert statuses(send) == {"delivered": 2}


def test_an_error_of_ours_while_writing_ends_the_drain(simulator, chats, send_to, monkeypatch):
    """It would wait for ever for what it never wrote; so the next drain calls that unknown."""
    from console.sends.engine import drain as module

    send = send_to(chats(3))

    def fail(delivery):
        raise RuntimeError("no request can be made of this")

    monkeypatch.setattr(module, "esp_request", fail)
    with pytest.raises(RuntimeError, match="no request"):
        drain()
    assert statuses(send) == {"sending": 3}
    monkeypatch.undo()
    drain()
    assert statuses(send) == {"unknown": 3}
    assert simulator.journalled() == []
    assert_ledger_agrees()
