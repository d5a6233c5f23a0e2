"""The drains of many Chat Servers begin and end in few calls, and none depends on the others."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from console.interactions.models import ChatServer
from console.interactions.services import Lease, chat_server_create
from console.sends.engine import dispatcher
from console.sends.engine.dispatcher import Begun, Dispatch, _begin, _end, _end_alone
from console.sends.models import Claim, Delivery
from tests.support.factories import ROOT
from tests.support.working import (
    DEADLINE_SECONDS,
    assert_ledger_agrees,
    lease_take,
    leased_step,
    statuses,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def many(simulator, make_interaction, send_to):
    """A send to a chat at each of these Chat Servers, all of one address."""

    def make(names, chats_each=1):
        url = ChatServer.objects.get().url
        simulator.control("answer_to", names=names)
        for name in names:
            chat_server_create(ROOT, name=name, url=url)
        ids = [
            make_interaction(f"{name}x{number}", user_data={"ChatServerAppName": name}).pk
            for name in names
            for number in range(chats_each)
        ]
        return send_to(ids)

    return make


def taken(name: str, worker: UUID) -> Lease:
    lease = lease_take(name, worker)
    assert isinstance(lease, Lease)
    return lease


def holders() -> dict[str, bool]:
    rows = ChatServer.objects.exclude(name="chat-east").values_list("name", "drain_holder")
    return {name: holder is not None for name, holder in rows}


def test_each_begins_as_it_would_alone(many):
    many(["a", "b", "c", "d"])
    leased_step(ChatServer.objects.get(name="b"), room=1)
    another = uuid4()
    taken("c", another)
    ChatServer.objects.filter(name="d").update(enabled=False)

    found = dict(zip("xdcba", _begin([*"xdcba"], uuid4()), strict=True))

    assert (found["x"], found["d"], found["c"]) == (None, None, None)
    assert isinstance(found["a"], Begun)
    assert isinstance(found["b"], Begun)
    assert (found["a"].lease.server.name, found["a"].has_left) == ("a", False)
    assert (found["b"].lease.server.name, found["b"].has_left) == ("b", True)
    assert holders() == {"a": True, "b": True, "c": True, "d": False}
    assert ChatServer.objects.get(name="c").drain_holder == another


def test_a_locked_chat_server_does_not_hold_up_the_end_of_others(many):
    many(["a", "b"])
    worker = uuid4()
    leases = [taken("a", worker), taken("b", worker)]
    with psycopg.connect(**connection.get_connection_params()) as person:
        person.execute("SELECT FROM interactions_chatserver WHERE name = 'a' FOR UPDATE")
        assert _end(leases) == [None, True]
        assert holders() == {"a": True, "b": False}
    assert _end_alone(leases[0])
    assert holders() == {"a": False, "b": False}


def test_a_lease_that_was_lost_is_not_given_back(many):
    many(["a", "b"])
    first, second = taken("a", uuid4()), taken("b", uuid4())
    ChatServer.objects.filter(name="a").update(drain_holder=None)
    another = taken("a", uuid4())
    assert _end([first, second]) == [True, True]
    assert holders() == {"a": True, "b": False}
    _end([another])
    assert holders() == {"a": False, "b": False}


def test_a_chat_server_that_was_removed_meanwhile_has_nothing_due(many):
    many(["a"])
    lease = taken("a", uuid4())
    Delivery.objects.all().delete()
    ChatServer.objects.filter(name="a").delete()
    assert _end([lease]) == [None]
    assert not _end_alone(lease)


def test_forty_begin_and_end_in_few_calls(many, simulator, monkeypatch):
    names = [f"s{number:02}" for number in range(40)]
    send = many(names, chats_each=2)
    calls: Counter[str] = Counter()
    monkeypatch.setattr(dispatcher, "_begin", _counting(_begin, calls))

    async def run() -> None:
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            for name in names:
                dispatch.wake(name)
            await dispatch.settled()

    asyncio.run(run())
    assert statuses(send) == {"delivered": 80}
    assert Counter(entry["interaction_id"] for entry in simulator.journalled()) == Counter(
        send.deliveries.values_list("interaction_id", flat=True)
    )
    assert not any(holders().values())
    assert not Claim.objects.exists()
    assert_ledger_agrees()
    # Shares of a quarter of those who wait: 10, 8, 6, 4, 3, 3, 2, 1, 1, 1 and 1.
    assert calls["_begin"] < 20


def _counting(function, calls):
    def counted(items, **options):
        calls[function.__name__] += 1
        return function(items, **options)

    return counted
