"""A Chat Server that is held or switched off: what waits for it, and for how long."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from console.audit.models import AuditEntry
from console.database import notifications
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_create, chat_server_update, feed_apply
from console.sends.control.holding import chat_server_hold, chat_server_release
from console.sends.control.pausing import send_pause, send_resume
from console.sends.engine.record import deliveries_expire, deliveries_follow
from console.sends.engine.worker import run_worker
from console.sends.models import Claim, Outbox
from tests.support.entries import without_rows
from tests.support.factories import ROOT, upsert
from tests.support.working import DEADLINE_SECONDS, assert_ledger_agrees, drain, statuses, work

TIME_TO_LIVE = timedelta(seconds=120)


def east() -> ChatServer:
    return ChatServer.objects.get(name="chat-east")


def an_hour_passes() -> None:
    """For whatever waits, as its time to live counts it."""
    Outbox.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    ChatServer.objects.update(progressed_at=timezone.now() - timedelta(hours=1))


def with_workers(number: int, steps: Callable[[], None]) -> None:
    """Take `steps`, in a thread of their own, while so many workers run."""

    def stepping() -> None:
        try:
            steps()
        finally:
            connection.close()

    async def run() -> None:
        stop = asyncio.Event()
        running = [asyncio.create_task(run_worker(stop=stop)) for _ in range(number)]
        try:
            await asyncio.to_thread(stepping)
        finally:
            stop.set()
            await asyncio.gather(*running)

    asyncio.run(run())


def until(done: Callable[[], bool]) -> None:
    """Look again and again, until it is so."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def nothing_is_on_the_wire() -> bool:
    return not Claim.objects.exists()


# --- Off and on, with what is under way ----------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 2])
def test_off_for_a_moment_loses_nothing(number, simulator, chats, send_to):
    """Of 300 deliveries, 23 were skipped for good when it was off for 1.5 s."""
    chat_server_update(ROOT, east(), window=8)
    simulator.faults(latency=0.2)  # so that it is not over before it is off
    ids = chats(300)
    send = send_to(ids)

    def steps() -> None:
        until(lambda: len(simulator.journalled()) >= 20)
        chat_server_update(ROOT, east(), enabled=False)
        until(nothing_is_on_the_wire)
        taken = len(simulator.journalled())
        assert 20 <= taken < 300
        assert statuses(send) == {"delivered": taken, "pending": 300 - taken}
        simulator.faults(latency=0)
        chat_server_update(ROOT, east(), enabled=True)
        until(lambda: statuses(send) == {"delivered": 300})

    with_workers(number, steps)
    assert Counter(entry["interaction_id"] for entry in simulator.journalled()) == Counter(ids)
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 2])
def test_what_is_on_the_wire_when_it_is_held_gets_its_outcome(number, simulator, chats, send_to):
    chat_server_update(ROOT, east(), window=4, request_timeout_seconds=30)
    simulator.faults(latency=2.0)
    ids = chats(40)
    send = send_to(ids)

    def steps() -> None:
        until(lambda: len(simulator.journalled()) >= 4)
        chat_server_hold(ROOT, east(), "New certificates")
        assert Claim.objects.exists(), "it is held while requests are on the wire"
        until(nothing_is_on_the_wire)
        taken = len(simulator.journalled())
        assert statuses(send) == {"delivered": taken, "pending": 40 - taken}
        simulator.faults(latency=0)
        an_hour_passes()
        assert deliveries_expire() == 0
        chat_server_release(ROOT, east())
        until(lambda: statuses(send) == {"delivered": 40})

    with_workers(number, steps)
    assert Counter(entry["interaction_id"] for entry in simulator.journalled()) == Counter(ids)
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
def test_unsent_deliveries_that_come_back_while_it_is_held_wait_as_well(simulator, chats, send_to):
    """The connection breaks while it is held, as it does when a Chat Server is restarted."""
    chat_server_update(ROOT, east(), window=4)
    send = send_to(chats(8))
    chat_server_hold(ROOT, east(), "A restart")
    simulator.kill()
    work()
    assert statuses(send) == {"pending": 8}
    assert east().health == "untried", "nobody tries a Chat Server that is held"


# --- How long it lasts ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_off_for_longer_than_the_time_to_live_they_fail_and_say_so(simulator, chats, send_to):
    send = send_to(chats(3))
    chat_server_update(ROOT, east(), enabled=False)
    assert deliveries_expire() == 0
    an_hour_passes()
    assert deliveries_expire() == 3
    assert statuses(send) == {"failed": 3}
    for delivery in send.deliveries.all():
        assert delivery.reason == "not_sent"
        assert str(delivery.detail) == (
            "It could not be sent within its time to live. Nothing went out. "
            "The Chat Server chat-east is switched off in the console."
        )
    assert simulator.journalled() == []
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("enabled", [True, False])
def test_off_too_long_it_fails_although_others_were_sent_before(enabled, simulator, chats, send_to):
    """Progress keeps what waits for its turn, and one that is off gives no turns."""
    first, *others = chats(4)
    send_to([first])
    work()
    assert east().progressed_at is not None
    send = send_to(others)
    chat_server_update(ROOT, east(), enabled=enabled)
    Outbox.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert deliveries_expire() == (0 if enabled else 3)
    assert statuses(send) == ({"pending": 3} if enabled else {"failed": 3})


@pytest.mark.django_db(transaction=True)
def test_held_for_longer_than_the_time_to_live_none_expires_and_all_leave(
    simulator, chats, send_to
):
    ids = chats(60)
    send = send_to(ids)
    chat_server_hold(ROOT, east(), "New certificates")
    an_hour_passes()
    for _sweep in range(2):
        assert deliveries_expire() == 0
        work()
    drain()
    assert statuses(send) == {"pending": 60}
    assert simulator.journalled() == []
    before = timezone.now()
    chat_server_release(ROOT, east())
    for row in Outbox.objects.all():
        assert row.expires_at >= before + TIME_TO_LIVE
    work()
    assert statuses(send) == {"delivered": 60}
    assert Counter(entry["interaction_id"] for entry in simulator.journalled()) == Counter(ids)
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
def test_off_and_held_it_is_as_if_it_were_held(simulator, chats, send_to):
    send = send_to(chats(2))
    chat_server_hold(ROOT, east(), "Moving")
    chat_server_update(ROOT, east(), enabled=False)
    an_hour_passes()
    assert deliveries_expire() == 0
    chat_server_release(ROOT, east())
    work()
    assert statuses(send) == {"pending": 2}, "it is off still"
    chat_server_update(ROOT, east(), enabled=True)
    drain()
    assert statuses(send) == {"delivered": 2}


@pytest.mark.django_db(transaction=True)
def test_a_send_made_while_it_is_held_waits_and_a_paused_one_stays_paused(
    simulator, chats, send_to, supervisor
):
    first, second = chats(2)
    paused = send_pause(supervisor.to_actor(), send_to([first]))
    chat_server_hold(ROOT, east(), "New certificates")
    made = send_to([second])
    assert statuses(made) == {"pending": 1}
    an_hour_passes()
    chat_server_release(ROOT, east())
    work()
    assert (statuses(paused), statuses(made)) == ({"pending": 1}, {"delivered": 1})
    send_resume(supervisor.to_actor(), paused)
    work()
    assert statuses(paused) == {"delivered": 1}


@pytest.mark.django_db(transaction=True)
def test_other_chat_servers_go_on(simulator, start_simulator, make_interaction, send_to):
    chat_server_create(ROOT, name="chat-west", url=start_simulator("chat-west").url)
    make_interaction("east")
    make_interaction("west", user_data={"ChatServerAppName": "chat-west"})
    chat_server_hold(ROOT, east(), "New certificates")
    send = send_to(["east", "west"])
    work()
    assert dict(send.deliveries.values_list("interaction_id", "status")) == {
        "east": "pending",
        "west": "delivered",
    }
    an_hour_passes()
    chat_server_hold(ROOT, ChatServer.objects.get(name="chat-west"), "Another")
    chat_server_release(ROOT, ChatServer.objects.get(name="chat-west"))
    held_one = Outbox.objects.get()
    assert held_one.expires_at < timezone.now(), "it is renewed by the release of its own"


@pytest.mark.django_db(transaction=True)
def test_a_chat_that_moves_away_from_a_held_one_takes_its_delivery_along(
    simulator, start_simulator, chats, send_to
):
    """As when the chats of a Chat Server fail over to another for the time of its maintenance."""
    west = start_simulator("chat-west")
    chat_server_create(ROOT, name="chat-west", url=west.url)
    moving, staying = chats(2)
    send = send_to([moving, staying])
    chat_server_hold(ROOT, east(), "New certificates")
    an_hour_passes()
    feed_apply(ROOT, [upsert(moving, user_data={"ChatServerAppName": "chat-west"})])
    assert deliveries_follow() == 1
    assert deliveries_expire() == 0, "its time to live stood still while it waited"
    work()
    assert dict(send.deliveries.values_list("interaction_id", "status")) == {
        moving: "delivered",
        staying: "pending",
    }


# --- Who does it, and what it leaves -------------------------------------------------------------


@pytest.mark.django_db
def test_everybody_can_read_who_held_it_and_why(chat_server, administrator):
    server = chat_server_hold(administrator.to_actor(), chat_server, "  New certificates ")
    assert (server.held_by, server.held_reason) == ("Adam", "New certificates")
    assert not server.takes_deliveries
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.target_ref) == ("chat_server.held", "chat-east")
    assert without_rows(entry) == {"reason": "New certificates"}
    server = chat_server_release(administrator.to_actor(), server)
    assert (server.held_at, server.held_by, server.held_reason) == (None, "", "")
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.data["held_by"]) == ("chat_server.released", "Adam")


@pytest.mark.django_db
def test_once_held_and_once_released(chat_server):
    with pytest.raises(Conflict) as refused:
        chat_server_release(ROOT, chat_server)
    assert refused.value.code == "chat_server_not_held"
    chat_server_hold(ROOT, chat_server, "One")
    with pytest.raises(Conflict) as refused:
        chat_server_hold(ROOT, chat_server, "Two")
    assert refused.value.code == "chat_server_held"
    assert east().held_reason == "One"


@pytest.mark.django_db
def test_only_administrators_hold_and_only_with_a_reason(chat_server, supervisor, auditor):
    for person in (supervisor, auditor):
        with pytest.raises(PermissionRefused):
            chat_server_hold(person.to_actor(), chat_server, "Because")
        with pytest.raises(PermissionRefused):
            chat_server_release(person.to_actor(), chat_server)
    for reason, words in (("", "Say why"), (" \n", "Say why"), ("x" * 2001, "2,000")):
        with pytest.raises(InvalidInput, match=words):
            chat_server_hold(ROOT, chat_server, reason)
    assert east().held_at is None


@pytest.mark.django_db
def test_one_that_is_gone_can_not_be_held(chat_server):
    ChatServer.objects.all().delete()
    with pytest.raises(NotFound):
        chat_server_hold(ROOT, chat_server, "Because")


@pytest.mark.django_db
def test_a_change_of_its_settings_leaves_it_held(chat_server):
    opened_before = east()
    chat_server_hold(ROOT, chat_server, "New certificates")
    chat_server_update(ROOT, opened_before, window=3)
    assert (east().held_reason, east().window) == ("New certificates", 3)


@pytest.mark.django_db(transaction=True)
def test_open_pages_are_told(chat_server):
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {notifications.CHANNEL}")
    try:
        for change in (
            lambda: chat_server_hold(ROOT, chat_server, "Because"),
            lambda: chat_server_release(ROOT, chat_server),
        ):
            change()
            notes = connection.connection.notifies(timeout=60, stop_after=2)
            assert notifications.CHAT_SERVERS in {note.payload for note in notes}
    finally:
        connection.close()
