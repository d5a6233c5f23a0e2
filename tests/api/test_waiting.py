"""`Prefer: wait=N` and `once`: how workflows ask for a notice and hear what became of it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.db import connection
from django.utils import timezone

from console.accounts.models import ApiClient
from console.accounts.services import api_client_create
from console.api.http import waiting
from console.api.http.waiting import preferred_wait
from console.asgi import application
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_update
from console.live import events
from console.sends.control.pausing import send_cancel
from console.sends.models import Send
from tests.support.calling import Caller
from tests.support.demos import until
from tests.support.factories import ROOT
from tests.support.serving import serving
from tests.support.simulators import running_simulator
from tests.support.working import work

REQUEST = {"notice": "greeting", "interactions": ["a1"], "why": "From a strategy"}
DEADLINE_SECONDS = 60


@pytest.fixture
def world(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
) -> ChatServer:
    make_notice("Hello", key="greeting")
    make_interaction("a1")
    make_interaction("b1")
    return chat_server


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("wait=5", 5),
        ("WAIT = 5", 5),
        ('wait="5"', 5),
        ("wait=5; a=b", 5),
        ("respond-async, wait=5", 5),
        ('foo="a, wait=9", wait=5', 5),
        ("wait=5, wait=9", 5),
        ("wait=11", 10),
        ("wait=999999999", 10),
        ("wait=0", 0),
        ("wait", 0),
        ("wait=", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=soon, wait=5", 0),
        ("wait=٥", 0),
        ("waiting=5", 0),
        (",;=\"'", 0),
    ],
)
def test_what_a_preference_asks_for(header: str, seconds: int) -> None:
    assert preferred_wait(header) == seconds


@pytest.mark.parametrize("rest", ["a" * 4000 + "(", "a =" + " " * 4000 + '"', ", a=b" * 800])
def test_a_preference_too_long_to_be_one_is_passed_over_at_once(rest: str) -> None:
    """Reading one holds up everybody else of the process."""
    began = time.process_time()
    assert preferred_wait(f"wait=5, {rest}") == 0
    assert time.process_time() - began < 0.1


# --- Waiting -------------------------------------------------------------------------------------


class Asking:
    """One POST to sends/ through ASGI, in the loop of the test."""

    def __init__(self, token: str, prefer: str, **changes: Any) -> None:
        body = json.dumps({**REQUEST, **changes}).encode()
        self.body = body
        self.communicator = ApplicationCommunicator(
            application,
            {
                "type": "http",
                "http_version": "1.1",
                "method": "POST",
                "path": "/api/v1/sends/",
                "raw_path": b"/api/v1/sends/",
                "query_string": b"",
                "headers": [
                    (b"host", b"localhost"),
                    (b"authorization", f"Bearer {token}".encode()),
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    (b"prefer", prefer.encode()),
                ],
            },
        )

    async def answer(
        self, meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[dict[str, str], Any]:
        """The headers and the body of a 201; `meanwhile` is done once it waits."""
        await self.communicator.send_input({"type": "http.request", "body": self.body})
        start = await self.communicator.receive_output(DEADLINE_SECONDS)
        if meanwhile is not None:
            await until_somebody_waits()
            await meanwhile()
        content, more = b"", True
        while more:
            part = await self.communicator.receive_output(DEADLINE_SECONDS)
            content += part.get("body", b"")
            more = part.get("more_body", False)
        await self.communicator.wait(DEADLINE_SECONDS)
        assert start["status"] == 201, content
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return headers, json.loads(content)


async def worker() -> None:
    """In a thread with a loop and a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    await asyncio.to_thread(run)


async def until_somebody_waits() -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not events._hub()._streams:
            await asyncio.sleep(0.005)


@pytest.mark.django_db(transaction=True)
def test_the_answer_comes_with_the_outcome(world: ChatServer, tmp_path: Path) -> None:
    _client, token = api_client_create(
        ROOT, name="Strategy", scopes=["send"], allowed_notices=["greeting"]
    )
    with running_simulator("chat-east", tmp_path / "journal.jsonl") as simulator:
        chat_server_update(ROOT, world, url=simulator.url)
        started = time.monotonic()
        headers, answer = async_to_sync(Asking(token, "wait=10").answer)(worker)
        assert time.monotonic() - started < 10
    assert headers["preference-applied"] == "wait=10"
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "private, no-store"
    assert (answer["status"], answer["counts"]["delivered"]) == ("finished", 1)
    (delivery,) = answer["deliveries"]
    assert (delivery["interaction"], delivery["status"]) == ("a1", "delivered")
    assert delivery["answer"] is not None


@pytest.mark.django_db(transaction=True)
def test_what_will_not_be_known_soon_is_answered_at_once(
    world: ChatServer, make_client: Callable[..., tuple[ApiClient, str]], settings: Any
) -> None:
    _client, token = make_client("send")
    settings.APPROVAL_ABOVE = 1
    cases: list[tuple[dict[str, Any], str]] = [
        ({"interactions": ["gone"]}, "finished"),  # skipped: there is no such chat
        ({"scheduled_at": (timezone.now() + timedelta(days=1)).isoformat()}, "scheduled"),
        ({"interactions": ["a1", "b1"], "allow_repeat": True}, "awaiting_approval"),
    ]
    for changes, status in cases:
        started = time.monotonic()
        headers, answer = async_to_sync(Asking(token, "wait=9", **changes).answer)()
        assert time.monotonic() - started < 9
        assert answer["status"] == status
        assert headers["preference-applied"] == "wait=9"
        assert len(answer["deliveries"]) == answer["counts"]["total"]


@pytest.mark.django_db(transaction=True)
def test_when_the_time_is_over_the_answer_is_what_is_known(
    world: ChatServer, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    _client, token = make_client("send")
    started = time.monotonic()
    headers, answer = async_to_sync(Asking(token, "wait=1").answer)()
    assert time.monotonic() - started >= 1
    assert headers["preference-applied"] == "wait=1"
    assert answer["status"] == "running"
    assert [delivery["status"] for delivery in answer["deliveries"]] == ["pending"]


@pytest.mark.django_db(transaction=True)
def test_a_server_that_stops_answers_at_once(
    world: ChatServer, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    _client, token = make_client("send")

    async def stop() -> None:
        events.end_streams()

    started = time.monotonic()
    _headers, answer = async_to_sync(Asking(token, "wait=10").answer)(stop)
    assert time.monotonic() - started < 10
    assert answer["status"] == "running"


@pytest.mark.django_db(transaction=True)
def test_where_too_many_wait_the_answer_comes_at_once(
    world: ChatServer,
    make_client: Callable[..., tuple[ApiClient, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "WAITERS_MOST", 0)
    _client, token = make_client("send")
    headers, answer = async_to_sync(Asking(token, "wait=10").answer)()
    assert "preference-applied" not in headers
    assert (answer["status"], "deliveries" in answer) == ("running", False)


def test_without_asgi_the_preference_is_not_applied(
    world: ChatServer, program: Callable[..., Caller]
) -> None:
    response = program("send").raw("POST", "sends/", REQUEST, Prefer="wait=5")
    assert response.status_code == 201
    assert "Preference-Applied" not in response.headers
    assert "deliveries" not in json.loads(response.content)


@pytest.mark.django_db(transaction=True)
def test_who_waits_holds_no_connection_to_the_database(
    world: ChatServer, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    """Six wait at a server that has two connections, and a seventh is served meanwhile."""
    _client, token = make_client("send")
    own = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    body = json.dumps({**REQUEST, "allow_repeat": True})
    with serving(CONSOLE_DATABASE_POOL_SIZE="2") as server, ThreadPoolExecutor(6) as pool:
        address = server.address
        assert address
        asking = []
        for _ in range(6):  # one after the other, or some would be told that it is busy
            ask = partial(server.ask, "/api/v1/sends/", "POST", body, Prefer="wait=10", **own)
            asking.append(pool.submit(ask))
            until(lambda: Send.objects.count() == len(asking))
        assert server.ask("/api/v1/sends/?status=running", **own).status == 200
        assert not any(future.done() for future in asking)
        for send in Send.objects.all():
            send_cancel(ROOT, send)  # so that nobody waits for longer
        answers = [future.result(DEADLINE_SECONDS) for future in asking]
    assert {answer.status for answer in answers} == {201}
    assert {answer.headers["Preference-Applied"] for answer in answers} == {"wait=10"}


# --- Once ----------------------------------------------------------------------------------------


def test_once_is_one_send_for_a_notice_in_a_chat(
    world: ChatServer, program: Callable[..., Caller]
) -> None:
    workflow = program("send")
    once = {**REQUEST, "once": True}
    first = workflow.post("sends/", once)
    assert workflow.post("sends/", once) == first
    assert workflow.post("sends/", {**once, "interactions": ["b1"]})["id"] != first["id"]
    assert program("send").post("sends/", {**once, "allow_repeat": True})["id"] != first["id"]
    assert workflow.post("sends/", {**REQUEST, "allow_repeat": True})["id"] != first["id"]
    assert Send.objects.count() == 4


def test_once_with_something_else_in_it_is_a_conflict(
    world: ChatServer, program: Callable[..., Caller]
) -> None:
    workflow = program("send")
    first = workflow.post("sends/", {**REQUEST, "once": True})
    other = {**REQUEST, "once": True, "visibility": "INT"}
    status, answer = workflow("POST", "sends/", other)
    assert (status, answer["code"]) == (409, "idempotency_key_reused")
    assert answer["details"] == {"send": first["id"]}
    assert "into this chat once" in answer["message"]


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"interactions": ["a1", "b1"]}, {}),
        ({"interactions": None, "filter": {"queue": "billing"}}, {}),
        ({}, {"Idempotency_Key": "mine"}),
    ],
)
def test_what_once_does_not_go_with(
    world: ChatServer,
    program: Callable[..., Caller],
    changes: dict[str, Any],
    headers: dict[str, str],
) -> None:
    body = {k: v for k, v in {**REQUEST, "once": True, **changes}.items() if v is not None}
    status, answer = program("send")("POST", "sends/", body, **headers)
    assert (status, answer["code"]) == (400, "invalid_once")
    assert not Send.objects.exists()


def test_a_dry_run_of_once_writes_nothing(
    world: ChatServer, program: Callable[..., Caller]
) -> None:
    program("send").post("sends/", {**REQUEST, "once": True, "dry_run": True}, status=200)
    assert not Send.objects.exists()
