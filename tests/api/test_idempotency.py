"""Idempotency-Key: the same request twice is one send, however close they come."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from console.accounts.models import ApiClient
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from console.sends.models import Delivery, Send
from tests.support.calling import Caller, by_token

REQUEST = {"notice": "greeting", "interactions": ["a1", "b1"], "why": "Twice"}


@pytest.fixture
def world(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
) -> None:
    make_notice("Hello", key="greeting")
    make_notice("Hello again", key="other")
    make_interaction("a1")
    make_interaction("b1")


def test_the_same_key_and_body_answer_with_the_same_send(
    world: None, program: Callable[..., Caller]
) -> None:
    sender = program("send")
    first = sender.post("sends/", REQUEST, Idempotency_Key="order-7")
    again = sender.post("sends/", REQUEST, Idempotency_Key="order-7")
    reordered = sender.post("sends/", dict(reversed(REQUEST.items())), Idempotency_Key="order-7")
    assert first == again == reordered
    assert Send.objects.count() == 1
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"notice": "other"},
        {"interactions": ["a1"]},
        {"interactions": ["b1", "a1"]},
        {"why": "Once"},
        {"visibility": "INT"},
        {"nickname": "Desk"},
        {"scheduled_at": "2999-01-01T00:00:00Z"},
        {"interactions": None, "filter": {"queue": "billing"}},
    ],
)
def test_the_same_key_with_another_body_is_a_conflict(
    world: None, program: Callable[..., Caller], change: dict[str, Any]
) -> None:
    sender = program("send")
    first = sender.post("sends/", REQUEST, Idempotency_Key="order-7")
    other = {k: v for k, v in {**REQUEST, **change}.items() if v is not None}
    status, answer = sender("POST", "sends/", other, Idempotency_Key="order-7")
    assert (status, answer["code"]) == (409, "idempotency_key_reused")
    assert answer["details"] == {"send": first["id"]}
    assert Send.objects.count() == 1


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("order-7", '"order-7"'),
        ('"order-7"', "order-7"),
        ('"order-7"', ' "order-7" '),
        (r'"a \"b\" \\ c"', r'"a \"b\" \\ c"'),
        (r'a "b" \ c', r'"a \"b\" \\ c"'),
    ],
)
def test_quotes_are_no_part_of_the_key(
    world: None, program: Callable[..., Caller], first: str, again: str
) -> None:
    sender = program("send")
    made = sender.raw("POST", "sends/", REQUEST, Idempotency_Key=first)
    replayed = sender.raw("POST", "sends/", REQUEST, Idempotency_Key=again)
    assert "Idempotent-Replayed" not in made.headers
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert json.loads(made.content) == json.loads(replayed.content)
    assert Send.objects.count() == 1


def test_once_says_that_it_was_made_before(world: None, program: Callable[..., Caller]) -> None:
    sender = program("send")
    one = {"notice": "greeting", "interactions": ["a1"], "once": True}
    answers = [sender.raw("POST", "sends/", one) for _ in range(2)]
    assert [a.headers.get("Idempotent-Replayed") for a in answers] == [None, "true"]


def test_a_key_is_each_callers_own(world: None, program: Callable[..., Caller]) -> None:
    first = program("send").post("sends/", REQUEST, Idempotency_Key="order-7")
    other = program("send").post("sends/", {**REQUEST, "why": "x"}, Idempotency_Key="order-7")
    assert first["id"] != other["id"]


def test_without_a_key_every_request_is_a_send(world: None, program: Callable[..., Caller]) -> None:
    sender = program("send")
    ids = {sender.post("sends/", REQUEST)["id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_dry_run_uses_no_key_up(world: None, program: Callable[..., Caller]) -> None:
    sender = program("send")
    dry = {**REQUEST, "dry_run": True}
    sender.post("sends/", dry, status=200, Idempotency_Key="order-7")
    assert not Send.objects.exists()
    sender.post("sends/", {**REQUEST, "why": "Real"}, Idempotency_Key="order-7")


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({}, {"Idempotency_Key": ""}),
        ({}, {"Idempotency_Key": " "}),
        ({}, {"Idempotency_Key": "x" * 256}),
        ({"time_zone": "Nowhere/At-all"}, {}),
    ],
)
def test_a_dry_run_lets_nothing_pass_that_its_send_refuses(
    world: None, program: Callable[..., Caller], given: dict[str, str], header: dict[str, str]
) -> None:
    sender = program("send")
    codes = {
        sender("POST", "sends/", {**REQUEST, **given, "dry_run": dry_run}, **header)[1]["code"]
        for dry_run in (True, False)
    }
    assert codes in ({"invalid_idempotency_key"}, {"unknown_time_zone"})


def test_a_refused_request_uses_no_key_up(world: None, program: Callable[..., Caller]) -> None:
    sender = program("send")
    sender.post("sends/", {**REQUEST, "notice": "none"}, status=404, Idempotency_Key="order-7")
    sender.post("sends/", REQUEST, Idempotency_Key="order-7")


@pytest.mark.parametrize(
    "key",
    ["", " ", "x" * 256, "a\tb", "\u00a0", '""', '"', '"a', '"a"b', '"a\\b"', '"a";b=c', '" "'],
)
def test_a_key_that_is_none(world: None, program: Callable[..., Caller], key: str) -> None:
    status, answer = program("send")("POST", "sends/", REQUEST, Idempotency_Key=key)
    assert (status, answer["code"]) == (400, "invalid_idempotency_key")
    assert not Send.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bodies", ["the same", "different ones"])
def test_two_at_the_same_moment_are_one_send(
    world: None, make_client: Callable[..., tuple[ApiClient, str]], bodies: str
) -> None:
    _client, token = make_client("send")
    callers = 4
    start = Barrier(callers)

    def ask(number: int) -> tuple[int, Any]:
        body = REQUEST if bodies == "the same" else {**REQUEST, "why": f"Number {number}"}
        try:
            start.wait(60)
            return by_token(token)("POST", "sends/", body, Idempotency_Key="order-7")
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        answers = list(pool.map(ask, range(callers)))
    assert Send.objects.count() == 1
    assert Delivery.objects.count() == 2
    created = [answer["id"] for status, answer in answers if status == 201]
    conflicts = [answer["code"] for status, answer in answers if status == 409]
    assert set(created) == {Send.objects.get().pk}
    if bodies == "the same":
        assert len(created) == callers
    else:
        assert (len(created), conflicts) == (1, ["idempotency_key_reused"] * 3)
