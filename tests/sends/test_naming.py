"""Renaming and removing a Chat Server: what follows it, and what keeps the former name."""

import threading
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connection

from console.audit.models import AuditEntry
from console.errors import Conflict, ConsoleError, InvalidInput, NotFound, PermissionRefused
from console.interactions.audience.simple_filter import InteractionFilter
from console.interactions.models import ChatServer, FormerName, Interaction
from console.interactions.selectors import (
    chat_server_get,
    interactions_visible,
    unregistered_chat_servers,
)
from console.interactions.services import (
    chat_server_create,
    chat_server_update,
    feed_apply,
)
from console.sends.control.holding import chat_server_hold, chat_server_release
from console.sends.control.naming import chat_server_remove, chat_server_rename
from console.sends.engine.record import deliveries_follow
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Claim, Outbox, Send
from console.sends.observe.operations import outcome_totals
from console.sends.observe.outcome_counts import outcomes_count
from console.sends.selectors import history_search
from tests.sends.test_holding import nothing_is_on_the_wire, until, with_workers
from tests.support.entries import without_rows
from tests.support.factories import ROOT, upsert
from tests.support.working import (
    assert_ledger_agrees,
    drain,
    lease_take,
    leased_step,
    statuses,
    work,
)


def server() -> ChatServer:
    return ChatServer.objects.get()


def rename(simulator, name: str) -> ChatServer:
    """Rename both: the application, which answers to no former name, and what the console has."""
    simulator.control("answer_to", names=[name])
    return chat_server_rename(ROOT, server(), name)


def app_names(simulator) -> Counter[str]:
    requests = ({p["key"]: p["value"] for p in e["request"]} for e in simulator.journalled())
    return Counter(request["AppName"] for request in requests)


# --- Deliveries ----------------------------------------------------------------------------------


def has_journalled(simulator: Any, least: int) -> bool:
    return len(simulator.journalled()) >= least


def more_sends_than(number: int) -> bool:
    return Send.objects.count() > number


@pytest.mark.django_db(transaction=True)
def test_what_waits_follows_it_and_what_was_sent_keeps_the_former_name(simulator, chats, send_to):
    first, *others = chats(4)
    before = send_to([first])
    work()
    waiting, later = send_to(others[:2]), send_to(others[2:], undo_seconds=5)
    renamed = rename(simulator, "chat-north")
    assert (renamed.name, server().name) == ("chat-north", "chat-north")
    assert set(Outbox.objects.values_list("chat_server_name", flat=True)) == {"chat-north"}
    work()
    assert statuses(waiting) == {"delivered": 2}
    assert before.deliveries.get().chat_server_name == "chat-east"
    names = [*waiting.deliveries.values_list("chat_server_name", flat=True)]
    names += later.deliveries.values_list("chat_server_name", flat=True)
    assert set(names) == {"chat-north"}
    assert app_names(simulator) == {"chat-east": 1, "chat-north": 2}
    entry = AuditEntry.objects.get(action="chat_server.renamed")
    assert entry.target_ref == "chat-north"
    assert without_rows(entry) == {"from": "chat-east", "deliveries": 3, "interactions": 4}
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
def test_while_a_delivery_is_on_the_wire_it_keeps_its_name(simulator, chats, send_to):
    send = send_to(chats(3))
    leased_step(server(), room=2)
    with pytest.raises(Conflict, match=r"on the wire under the name chat-east: 2\.") as refused:
        chat_server_rename(ROOT, server(), "chat-north")
    assert refused.value.code == "chat_server_sending"
    assert server().name == "chat-east"
    assert set(Outbox.objects.values_list("chat_server_name", flat=True)) == {"chat-east"}
    assert not FormerName.objects.exists()
    drain()
    chat_server_rename(ROOT, server(), "chat-north")
    assert statuses(send) == {"unknown": 2, "delivered": 1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 2])
def test_renamed_again_and_again_under_way_each_arrives_once(number, simulator, chats, send_to):
    """By the way that the refusal names. The same worker's drain of the former name must not be
    taken for a lost one."""
    chat_server_update(ROOT, server(), window=4)
    simulator.faults(latency=0.02)
    ids = chats(200)
    send = send_to(ids)

    def steps() -> None:
        for name in ("chat-north", "chat-south", "chat-east"):
            taken = len(simulator.journalled())
            until(partial(has_journalled, simulator, taken + 10))
            chat_server_hold(ROOT, server(), "A new name")
            until(nothing_is_on_the_wire)
            rename(simulator, name)
            chat_server_release(ROOT, server())
        until(lambda: statuses(send) == {"delivered": 200})

    with_workers(number, steps)
    assert Counter(entry["interaction_id"] for entry in simulator.journalled()) == Counter(ids)
    assert set(app_names(simulator)) == {"chat-east", "chat-north", "chat-south"}
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 2])
def test_renamed_without_being_held_between_two_deliveries(number, simulator, chats, send_to):
    """At a low pace its drain mostly waits, with nothing on the wire, and holds the lease."""
    chat_server_update(ROOT, server(), pace_per_second=8, burst=1, window=1)
    simulator.control("answer_to", names=["chat-east", "chat-north", "chat-south"])
    ids = chats(7)
    send = send_to(ids)

    def steps() -> None:
        for name in ("chat-north", "chat-south"):
            taken = len(simulator.journalled())
            until(partial(has_journalled, simulator, taken + 2))
            until(partial(renamed_now, name))
        until(lambda: statuses(send) == {"delivered": 7})

    with_workers(number, steps)
    assert Counter(entry["interaction_id"] for entry in simulator.journalled()) == Counter(ids)
    assert_ledger_agrees()


def renamed_now(name: str) -> bool:
    try:
        chat_server_rename(ROOT, server(), name)
    except Conflict as refused:
        if refused.code != "chat_server_sending":
            raise
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_a_drain_of_the_former_name_can_claim_nothing_more(simulator, chats, send_to):
    from uuid import uuid4

    from console.interactions.services import Lease, LeaseLost
    from console.sends.engine.record import drain_step

    send = send_to(chats(2))
    lease = lease_take("chat-east", uuid4())
    assert isinstance(lease, Lease)
    rename(simulator, "chat-north")
    with pytest.raises(LeaseLost):
        drain_step(lease, claim=uuid4(), room=2)
    assert not Claim.objects.exists()
    work()
    assert statuses(send) == {"delivered": 2}


@pytest.mark.django_db(transaction=True)
def test_sends_made_and_chats_told_of_while_it_is_renamed_lose_nothing(
    simulator, chats, send_to, make_notice
):
    """In threads, with real commits: nothing is ever left under a name that nobody drains."""
    key = make_notice("Hello").notice.key
    ids = chats(12)
    errors: list[BaseException] = []
    stop = threading.Event()

    def in_thread(act) -> threading.Thread:
        def run() -> None:
            try:
                while not stop.is_set():
                    act()
            except BaseException as error:
                errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [
        in_thread(lambda: send_to(ids[:6], notice=key)),
        in_thread(lambda: send_to(ids[6:], notice=key)),
        in_thread(lambda: feed_apply(ROOT, [upsert(pk) for pk in ids])),
        in_thread(deliveries_follow),
    ]
    try:
        for number in range(12):
            chat_server_rename(ROOT, server(), f"chat-{number}")
            until(partial(more_sends_than, number))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert set(Interaction.objects.values_list("chat_server_name", flat=True)) == {"chat-11"}
    assert set(Outbox.objects.values_list("chat_server_name", flat=True)) == {"chat-11"}
    assert set(statuses()) == {"pending"}, "and nothing is skipped as unknown"
    simulator.control("answer_to", names=["chat-11"])
    work()
    assert set(statuses()) == {"delivered"}
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
def test_a_delivery_follows_its_chat_to_a_renamed_chat_server(
    simulator, start_simulator, chats, send_to
):
    chat_server_create(ROOT, name="chat-west", url=start_simulator("chat-north").url)
    (chat,) = chats(1)
    send = send_to([chat])
    chat_server_rename(ROOT, ChatServer.objects.get(name="chat-west"), "chat-north")
    feed_apply(ROOT, [upsert(chat, user_data={"ChatServerAppName": "chat-west"})])
    drain()
    work()
    assert send.deliveries.get().chat_server_name == "chat-north"
    assert statuses(send) == {"delivered": 1}


# --- Chats ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_feed_that_goes_on_with_the_former_name_means_the_same(chat_server, make_interaction):
    make_interaction("before")
    chat_server_rename(ROOT, chat_server, "chat-north")
    make_interaction("after", user_data={"ChatServerAppName": "chat-east"})
    feed_apply(ROOT, [upsert("before", user_data={"ChatServerAppName": "chat-east"})])
    feed_apply(ROOT, [upsert("new", user_data={"ChatServerAppName": "chat-north"})])
    names = dict(Interaction.objects.values_list("pk", "chat_server_name"))
    assert names == dict.fromkeys(["before", "after", "new"], "chat-north")
    assert unregistered_chat_servers(ROOT) == []
    for name in ("chat-east", "chat-north"):
        found = interactions_visible(ROOT, InteractionFilter(chat_server=name))
        assert found.count() == 3


@pytest.mark.django_db
def test_by_its_former_name_one_learns_the_present_one(chat_server):
    chat_server_rename(ROOT, chat_server, "chat-north")
    with pytest.raises(NotFound, match="It is chat-north now") as refused:
        chat_server_get(ROOT, "chat-east")
    assert refused.value.code == "chat_server_renamed"
    assert chat_server_get(ROOT, "chat-north").live_count == 0  # type: ignore[attr-defined]


# --- History -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_history_is_found_by_each_of_its_names(simulator, chats, send_to, auditor):
    first, second = chats(2)
    send_to([first])
    work()
    rename(simulator, "chat-north")
    send_to([second])
    work()
    for name, number in (("chat-east", 2), ("chat-north", 2), ("chat-west", 0)):
        chosen = DeliveryFilter.from_mapping({"chat_server": name})
        assert len(history_search(auditor.to_actor(), chosen)[:1000]) == number


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("counted_before", [True, False])
def test_its_outcomes_are_counted_on_under_the_present_name(
    counted_before, simulator, chats, send_to
):
    first, second = chats(2)
    send_to([first])
    work()
    if counted_before:
        outcomes_count()
    rename(simulator, "chat-north")
    send_to([second])
    work()
    outcomes_count()
    assert outcome_totals() == [("chat-north", "delivered", 2)]


# --- Names ---------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("chat-east", "name_unchanged"),
        ("chat-west", "name_taken"),
        ("CHAT-WEST", "name_taken"),
        ("chat-old", "former_name"),
        ("Chat-Old", "former_name"),
        ("chat/north", "invalid_name"),
        ("Größe", "invalid_name"),
        ("  ", "invalid_name"),
        ("x" * 129, "invalid_name"),
    ],
)
def test_a_name_that_it_can_not_have(name, code, chat_server):
    other = chat_server_create(ROOT, name="chat-old", url="esp+json://h:1")
    chat_server_rename(ROOT, other, "chat-west")
    with pytest.raises(ConsoleError) as refused:
        chat_server_rename(ROOT, chat_server, name)
    assert (refused.value.code, refused.value.details["field"]) == (code, "name")
    assert ChatServer.objects.filter(name="chat-east").exists()
    assert FormerName.objects.get().name == "chat-old"


@pytest.mark.django_db
def test_it_can_have_a_former_name_of_its_own_again(chat_server):
    for name in ("chat-north", "chat-south", "chat-east", "Chat-East"):
        chat_server_rename(ROOT, server(), name)
    assert server().name == "Chat-East"
    former = set(FormerName.objects.values_list("name", flat=True))
    assert former == {"chat-north", "chat-south", "chat-east"}


@pytest.mark.django_db
def test_nobody_registers_a_former_name(chat_server):
    chat_server_rename(ROOT, chat_server, "chat-north")
    with pytest.raises(Conflict, match="chat-east was the name of the Chat Server chat-north"):
        chat_server_create(ROOT, name="chat-east", url="esp+json://h:1")


@pytest.mark.django_db
def test_only_administrators_rename_and_remove(chat_server, supervisor, auditor):
    for person in (supervisor, auditor):
        with pytest.raises(PermissionRefused):
            chat_server_rename(person.to_actor(), chat_server, "chat-north")
        with pytest.raises(PermissionRefused):
            chat_server_remove(person.to_actor(), chat_server)
    assert server().name == "chat-east"


# --- Removing ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_points_to_it_keeps_it_and_is_counted(simulator, chats, send_to):
    first, second, third = chats(3)
    send_to([first, second])
    send_to([third], undo_seconds=5)
    leased_step(server(), room=1)
    with pytest.raises(Conflict) as refused:
        chat_server_remove(ROOT, server())
    assert refused.value.code == "chat_server_in_use"
    assert refused.value.message == (
        "The Chat Server chat-east is in use. Live chats: 3. Deliveries that wait: 2. "
        "Deliveries on the wire: 1."
    )
    numbers = {"live_interactions": 3, "waiting": 2, "on_the_wire": 1}
    assert numbers.items() <= refused.value.details.items()
    feed_apply(ROOT, [upsert(pk, type="stopped") for pk in (first, second, third)])
    with pytest.raises(Conflict, match=r"Live chats: 0\. Deliveries that wait: 2\."):
        chat_server_remove(ROOT, server())


@pytest.mark.django_db(transaction=True)
def test_removed_it_leaves_its_history(simulator, chats, send_to, auditor):
    (chat,) = chats(1)
    send = send_to([chat])
    work()
    feed_apply(ROOT, [upsert(chat, type="stopped")])
    chat_server_rename(ROOT, server(), "chat-north")
    chat_server_remove(ROOT, server())
    assert not ChatServer.objects.exists()
    assert not FormerName.objects.exists()
    assert send.deliveries.get().chat_server_name == "chat-east"
    chosen = DeliveryFilter.from_mapping({"chat_server": "chat-east"})
    assert len(history_search(auditor.to_actor(), chosen)[:1000]) == 1
    entry = AuditEntry.objects.get(action="chat_server.removed")
    assert (entry.target_ref, without_rows(entry)) == ("chat-north", {"url": simulator.url})
    drain("chat-north")  # as a job that was left would
    chat_server_create(ROOT, name="chat-east", url="esp+json://h:1")


@pytest.mark.django_db
def test_what_is_gone_can_be_neither_renamed_nor_removed(chat_server):
    chat_server_remove(ROOT, server())
    for again in (
        lambda: chat_server_remove(ROOT, chat_server),
        lambda: chat_server_rename(ROOT, chat_server, "chat-north"),
    ):
        with pytest.raises(NotFound):
            again()


@pytest.mark.django_db
def test_a_held_one_that_is_renamed_stays_held(chat_server):
    chat_server_hold(ROOT, chat_server, "A new name")
    chat_server_rename(ROOT, chat_server, "chat-north")
    assert (server().held_reason, server().name) == ("A new name", "chat-north")
    with pytest.raises(InvalidInput):
        chat_server_rename(ROOT, server(), "chat-north")
