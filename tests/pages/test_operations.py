"""The page of queue and server health: who sees it, and that it tells the truth."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from console.accounts.models import User
from console.interactions.models import ChatServer, InteractionPoll
from console.sends.control.pausing import send_pause
from console.sends.models import SendingStop, Worker
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

pytestmark = pytest.mark.django_db


def text_of(client: Client) -> str:
    """What a reader of the page reads, on one line."""
    answer = client.get("/operations/")
    assert answer.status_code == 200
    html = re.sub(r"<(script|style|head|nav)\b.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def worker(*, silent_seconds: float = 0, **values: Any) -> Worker:
    now = timezone.now()
    return Worker.objects.create(
        pk=uuid4(),
        **{"host": "ada", "pid": 4711, "started_at": now} | values,
        seen_at=now - timedelta(seconds=silent_seconds),
    )


@pytest.fixture
def send(supervisor: User, chat_server: Any, make_interaction: Any, make_notice: Any) -> Any:
    ids = [make_interaction(f"c{number}").pk for number in range(3)]
    key = make_notice("Hi", key="hello").notice.key
    return send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=ids))


@pytest.mark.parametrize("person", ["supervisor", "auditor", "administrator"])
def test_whoever_sees_chat_servers_sees_it(
    person: str, request: pytest.FixtureRequest, browse: Callable[[User], Client]
) -> None:
    client = browse(request.getfixturevalue(person))
    assert client.get("/operations/").status_code == 200
    assert 'href="/operations/"' in client.get("/help/").content.decode()


@pytest.mark.parametrize("person", ["editor", "approver"])
def test_others_do_not(
    person: str, request: pytest.FixtureRequest, browse: Callable[[User], Client]
) -> None:
    client = browse(request.getfixturevalue(person))
    assert client.get("/operations/").status_code == 403
    assert "/operations/" not in client.get("/help/").content.decode()


def test_it_needs_a_sign_in() -> None:
    assert "/accounts/login/" in Client().get("/operations/")["Location"]


def test_an_empty_site_says_what_to_do(administrator: User, browse: Any) -> None:
    text = text_of(browse(administrator))
    assert "No Chat Server is registered" in text
    assert "Nothing is under way" in text
    assert "No worker is running: nothing is sent." in text
    assert "manage.py worker" in text


def test_queue_pace_and_progress(send: Any, administrator: User, browse: Any) -> None:
    worker(chat_servers=["chat-east"])
    text = text_of(browse(administrator))
    assert "Due now (deliveries) 3" in text
    assert re.search(r"chat-east Not tried yet 3 0:0\d 0 / 32 0 50/s \d+ msg", text)
    assert re.search(rf"Send {send.pk} Notice hello \S+ now 0 / 3 Sending", text)
    assert re.search(r"ada 4711 Alive now now chat-east", text)
    assert "No worker is running" not in text
    send_pause(administrator.to_actor(), send)
    assert "For later (deliveries) 3" in text_of(browse(administrator))


def test_it_follows_what_happens(send: Any, administrator: User, browse: Any) -> None:
    html = browse(administrator).get("/operations/").content.decode()
    (topics,) = re.findall(r'id="operations" data-live-topic="([^"]+)"', html)
    assert topics.split() == ["sends", "chat-servers", "sending", f"send-{send.pk}"]


def test_a_chat_server_that_fails_says_why_and_when_next(
    chat_server: Any, administrator: User, browse: Any
) -> None:
    retry_at = timezone.now() + timedelta(seconds=20)
    ChatServer.objects.update(
        health="unhealthy",
        health_detail="Connection <refused>.",
        failures_in_a_row=4,
        retry_at=retry_at,
        health_since=timezone.now() - timedelta(minutes=3),
    )
    text = text_of(browse(administrator))
    assert "Unreachable 3 min ago" in text
    assert re.search(r"Connection <refused>\. 4 failures in a row\. Next try: in \d+ sec", text)


def test_a_lost_worker_is_named(administrator: User, browse: Any) -> None:
    worker(host="bob", silent_seconds=120, chat_servers=["chat-east"])
    worker(host="cy", is_stopping=True)
    text = text_of(browse(administrator))
    assert re.search(r"bob 4711 Lost 2 min ago now – It ended without a word", text)
    assert re.search(r"cy 4711 Stopping now now –", text)


def test_a_stop_is_told(administrator: User, browse: Any) -> None:
    SendingStop.objects.create(
        reason="Drill", actor_ref="user:1", actor_name="Ada", stopped_at=timezone.now()
    )
    assert "Sending Stopped" in text_of(browse(administrator))


def test_nobody_sees_others_sends_here(
    send: Any, supervisor: User, outsider: User, browse: Any
) -> None:
    assert f"Send {send.pk}" in text_of(browse(supervisor))
    seen_by_outsider = text_of(browse(outsider))
    assert f"Send {send.pk}" not in seen_by_outsider
    assert "Due now (deliveries) 3" in seen_by_outsider


# --- The poller ----------------------------------------------------------------------------------


def poll(**values: Any) -> None:
    told = {"address": "ixn1:4420", "seen": 1200, "new": 3, "changed": 20, "ended": 4}
    InteractionPoll.objects.create(
        ended_at=timezone.now() - timedelta(minutes=2), **{**told, **values}
    )


def test_the_last_poll_is_told(administrator: User, browse: Any) -> None:
    assert "poller" not in text_of(browse(administrator))
    poll()
    text = text_of(browse(administrator))
    assert "Interaction poller ixn1:4420 Status Done Last poll ended 2 min ago" in text
    assert "In the snapshot (chats) 1,200 New (chats) 3 Changed (chats) 20 Ended (chats) 4" in text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"failure": "No connection to <ixn1>.", "failures_in_a_row": 2},
            "Failed .* No connection to <ixn1>. 2 failures in a row.",
        ),
        ({"withheld": 40, "seen": 60}, "In doubt .* 40 live chats are missing .* --however-many"),
        ({"withheld": 2, "seen": 0}, "In doubt .* is empty, and 2 live chats .* --however-many"),
        ({"withheld": 1, "is_whole": False}, "In doubt .* did not come as a whole"),
        ({"rejected": 2}, "2 chats could not be taken over"),
        ({"unconfirmed": 5}, "5 live chats were in no snapshot ever"),
        ({"ended_at": None}, "None yet"),
    ],
    ids=[
        *("failed", "too many", "empty", "not whole", "rejected", "unconfirmed", "first one runs"),
    ],
)
def test_what_is_wrong_with_a_poll_is_said(
    values: dict[str, Any], says: str, administrator: User, browse: Any
) -> None:
    InteractionPoll.objects.create(**{"address": "ixn1:4420", "ended_at": timezone.now(), **values})
    assert re.search(f"Interaction poller .*{says}", text_of(browse(administrator)))


def test_a_poll_that_is_overdue_is_said(administrator: User, browse: Any, settings: Any) -> None:
    poll()
    settings.POLL = replace(settings.POLL, interval=60)
    assert "Status Done" in text_of(browse(administrator))
    settings.POLL = replace(settings.POLL, interval=30)
    text = text_of(browse(administrator))
    assert "Status Late" in text
    assert "Look whether a worker is alive" in text


def test_that_no_worker_ever_polled_is_said(
    administrator: User, browse: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.POLL = replace(settings.POLL, interval=30)
    an_hour_ago = time.monotonic() - 3600
    monkeypatch.setattr("console.interactions.selectors.PROCESS_BEGAN", an_hour_ago)
    assert "Interaction poller Status Late Last poll ended –" in text_of(browse(administrator))
