"""The event stream through ASGI, fed by PostgreSQL: what is published is heard, by who may."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from http.cookies import SimpleCookie
from typing import Any, Self
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from console.accounts.models import User
from console.accounts.services.sessions import sessions_end
from console.asgi import application
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.database import notifications
from console.database.clock import database_now
from console.live.events import (
    HEARD_SECONDS,
    MARGIN_SECONDS,
    TOPIC_LIMIT,
    Heard,
    _hub,
    end_streams,
)
from console.live.topics import refused_topics
from console.sends.plan.sending import send_create
from console.sends.plan.testing import send_test_create
from console.sends.plan.values import SendOrder
from tests.support.signing_in import sign_in

DEADLINE_SECONDS = 60


def connected(*missed: str) -> str:
    """What a stream begins with: what its page has missed, and that it follows from now on."""
    told = "".join(f"data: {topic}\n\n" for topic in missed)
    return f": connected\nretry: 3000\n\n{told}event: alive\ndata: 10\n\n"


CONNECTED = connected()

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cookie(supervisor: User) -> str:
    client = Client()
    sign_in(client, supervisor)
    jar: SimpleCookie = client.cookies
    return f"{settings.SESSION_COOKIE_NAME}={jar[settings.SESSION_COOKIE_NAME].value}"


class Stream:
    """A page that follows topics, by its cookie."""

    def __init__(
        self, topics: list[str], cookie: str = "", last: str = "", since: float | str = ""
    ) -> None:
        self.last = last
        self.communicator = ApplicationCommunicator(
            application,
            {
                "type": "http",
                "http_version": "1.1",
                "method": "GET",
                "path": "/events/",
                "raw_path": b"/events/",
                "query_string": urlencode(
                    [*(("topic", topic) for topic in topics), ("since", since)]
                ).encode(),
                "headers": [
                    (b"host", b"localhost"),
                    (b"cookie", cookie.encode()),
                    *([(b"last-event-id", last.encode())] if last else []),
                ],
            },
        )
        self.status = 0
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await self.communicator.send_input({"type": "http.request", "body": b""})
        start = await self.communicator.receive_output(DEADLINE_SECONDS)
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.communicator.send_input({"type": "http.disconnect"})
        await self.communicator.wait(DEADLINE_SECONDS)

    async def read(self, seconds: float = DEADLINE_SECONDS) -> str:
        """What comes next, without ids. The last of those is left in `last`."""
        part: dict[str, Any] = await self.communicator.receive_output(seconds)
        said = bytes(part.get("body", b"")).decode()
        for number in re.findall(r"id: (\S+)\n", said):
            assert number != self.last, "an id of before"
            self.last = number
        return re.sub(r"id: \S+\n", "", said)

    async def hears(self, publish: Callable[[], Awaitable[None]]) -> str:
        """The first event. Published again and again: the stream may not listen yet."""

        async def keep_publishing() -> None:
            while True:
                await publish()
                await asyncio.sleep(0.05)

        publishing = asyncio.create_task(keep_publishing())
        try:
            return await self.read()
        finally:
            publishing.cancel()


async def publish(*topics: str) -> None:
    def now() -> None:
        notifications.publish(*topics)

    await sync_to_async(now)()


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        try:
            await story()
        finally:
            end_streams()
            listeners = (task for task in asyncio.all_tasks() if "_listen" in repr(task.get_coro()))
            await asyncio.gather(*listeners, return_exceptions=True)

    # What is not async runs in this thread then, with this test's own connection.
    async_to_sync(whole)()


def test_what_is_published_is_heard(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board", "chat-servers"], cookie) as stream:
            assert stream.status == 200
            assert stream.headers["Content-Type"] == "text/event-stream"
            assert stream.headers["Cache-Control"] == "no-store"
            assert "default-src 'self'" in stream.headers["Content-Security-Policy"]
            assert await stream.read() == CONNECTED
            assert await stream.hears(lambda: publish("chat-servers")) == "data: chat-servers\n\n"

    run(story)


def test_who_comes_back_is_told_that_anything_may_have_changed(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
            assert await stream.hears(lambda: publish("board")) == "data: board\n\n"
        assert stream.last
        async with Stream(["board"], cookie, stream.last) as stream:
            assert await stream.read() == connected("*")

    run(story)


def test_only_the_topics_that_are_followed_are_heard(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board"], cookie) as board, Stream(["sends"], cookie) as sends:
            await board.read()
            await sends.read()
            # Each hears its own, though everything is published to both.
            everything = ("chat-servers", "sends", "board")
            assert await board.hears(lambda: publish(*everything)) == "data: board\n\n"
            assert await sends.hears(lambda: publish(*everything)) == "data: sends\n\n"

    run(story)


def test_nothing_is_heard_before_the_commit_nor_after_a_rollback(cookie: str) -> None:
    def rolled_back() -> None:
        with transaction.atomic():
            notifications.publish("sending")
            transaction.set_rollback(True)

    async def story() -> None:
        async with Stream(["board", "sending"], cookie) as stream:
            await stream.read()
            await stream.hears(lambda: publish("board"))
            await sync_to_async(rolled_back)()
            await publish("board")
            assert await stream.read() == "data: board\n\n"

    run(story)


def test_a_stream_ends_with_the_sessions_of_its_person(cookie: str, supervisor: User) -> None:
    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
            await stream.hears(lambda: publish("board"))
            await sync_to_async(sessions_end)(supervisor)
            while said := await stream.read():
                assert said == "data: board\n\n"
        # It comes back, as browsers do, and is nobody's now.
        async with Stream(["board"], cookie) as again:
            assert again.status == 302

    run(story)


@pytest.mark.parametrize("ended", ["row", "time", "role"])
def test_a_stream_ends_whoever_ended_its_session(
    cookie: str, supervisor: User, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    """Nobody told of it: by an operator's SQL, by nobody's doing anything, or for another role."""
    monkeypatch.setattr("console.live.events.SESSION_SECONDS", 0.2)

    def end() -> None:
        if ended == "row":
            Session.objects.all().delete()
        elif ended == "time":
            Session.objects.update(expire_date=timezone.now())
        else:
            User.objects.filter(pk=supervisor.pk).update(roles=["editor"])

    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
            await stream.hears(lambda: publish("board"))
            await sync_to_async(end)()
            while said := await stream.read():
                assert "board" in said or "alive" in said

    run(story)


def test_signing_out_ends_the_stream(supervisor: User) -> None:
    client = Client()
    sign_in(client, supervisor)
    own = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    async def story() -> None:
        async with Stream(["board"], own) as stream:
            await stream.read()
            await stream.hears(lambda: publish("board"))
            await sync_to_async(client.post)("/accounts/logout/")
            while said := await stream.read():
                assert said == "data: board\n\n"

    run(story)


def test_topics_are_for_who_may_see_what_they_tell_of(
    supervisor: User,
    outsider: User,
    editor: User,
    auditor: User,
    administrator: User,
    approver: User,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
    chat_server: Any,
) -> None:
    chat = make_interaction(queue="sales")
    key = make_notice().notice.key
    send = send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=[chat.pk]))
    make_interaction("t1", test=True)
    author = editor.to_actor()
    draft = version_create(
        author,
        notice_create(author, key="draft", kind="message", title="Draft"),
        VersionContent(default_locale="en", bodies={"en": "Hi"}),
    )
    tried = send_test_create(author, draft, interactions=["t1"])
    everybody = {supervisor, outsider, editor, auditor, administrator, approver}
    may = {
        "sending": everybody,
        "board": {supervisor, outsider},
        "sends": {supervisor, outsider, auditor, administrator, approver},
        "chat-servers": everybody - {editor, approver},
        "webhooks": {administrator},
        "mail": {administrator},
        "waiting": {supervisor, outsider, approver},
        "incidents": {supervisor, outsider, auditor, administrator, approver},
        f"send-{send.pk}": {supervisor, auditor, administrator},
        f"of-chat-{chat.pk}": {supervisor},  # of another team's queue for the outsider
        "of-chat-nowhere": set(),
        "of-chat-": set(),
        # A test is followed by its author, who sees no other send.
        f"send-{tried.pk}": {editor, auditor, administrator},
        "send-999": set(),
        "import-1": set(),
        "sessions-1": set(),
        "*": set(),
        "anything": set(),
    }
    for topic, people in may.items():
        allowed = {person for person in everybody if not refused_topics(person.to_actor(), [topic])}
        assert allowed == people, topic


def test_a_refused_topic_refuses_the_stream(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board", "webhooks", "send-999"], cookie) as stream:
            assert stream.status == 403
            assert "You may not follow send-999, webhooks." in await stream.read()

    run(story)


def test_strangers_are_sent_to_sign_in() -> None:
    async def story() -> None:
        async with Stream(["board"]) as stream:
            assert stream.status == 302
            assert stream.headers["Location"].startswith("/accounts/login/")

    run(story)


@pytest.mark.parametrize("topics", [[], [f"topic-{n}" for n in range(TOPIC_LIMIT + 1)]])
def test_a_stream_follows_a_few_topics(cookie: str, topics: list[str]) -> None:
    async def story() -> None:
        async with Stream(topics, cookie) as stream:
            assert stream.status == 400
            assert str(TOPIC_LIMIT) in await stream.read()

    run(story)


def test_doubled_topics_are_one(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board"] * (TOPIC_LIMIT + 1), cookie) as stream:
            assert stream.status == 200

    run(story)


def test_an_open_page_holds_no_connection_to_the_database(cookie: str) -> None:
    def sessions() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchone()[0])

    async def story() -> None:
        async with AsyncExitStack() as pages:
            for _ in range(3):
                page = await pages.enter_async_context(Stream(["board"], cookie))
                await page.read()
            await page.hears(lambda: publish("board"))
            # The one that listens for all of them; PostgreSQL takes a moment to end others.
            async with asyncio.timeout(DEADLINE_SECONDS):
                while await sync_to_async(sessions)() != 1:
                    await asyncio.sleep(0.05)

    run(story)


def test_who_comes_as_the_last_one_leaves_hears_all_the_same() -> None:
    topics = frozenset({"board"})

    async def story() -> None:
        hub = _hub()
        with hub.stream(topics) as first:
            await published_until_heard(first)
        # As a page is loaded anew: nothing happens in between.
        with hub.stream(topics) as second:
            assert await published_until_heard(second) == "board"

    run(story)


async def published_until_heard(queue: "asyncio.Queue[str]") -> str:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while queue.empty():
            await publish("board")
            await asyncio.sleep(0.05)
    return queue.get_nowait()


def test_what_changes_once_a_stream_is_connected_is_not_lost(cookie: str) -> None:
    async def story() -> None:
        for _ in range(3):
            async with Stream(["board"], cookie) as stream:
                assert await stream.read() == CONNECTED
                await publish("board")
                assert await stream.read() == "data: board\n\n"

    run(story)


def test_a_lost_database_makes_every_page_look_anew(
    cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.database.notifications.RECONNECT_SECONDS", 0.01)

    def cut_off() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
            await sync_to_async(cut_off)()
            # Whatever happened meanwhile was not heard.
            assert await stream.read() == "data: *\n\n"
            await publish("board")
            assert await stream.read() == "data: board\n\n"

    run(story)


def milliseconds() -> int:
    """The present time, as a page's `since`."""
    return int(1000 * database_now().timestamp())


def a_minute_goes_by() -> None:
    """For what the process has heard, and since when it listens."""
    heard = _hub().heard
    assert heard.unbroken_since
    heard.unbroken_since -= 60
    heard._last = {topic: at - 60 for topic, at in heard._last.items()}


def test_a_page_is_told_what_changed_before_its_stream_began(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
            a_minute_goes_by()
            before = await sync_to_async(milliseconds)()
            await publish("board", "chat-servers")
            assert await stream.read() == "data: board\n\n"
            # Each page of that moment is told, and no page with newer content.
            for topics in (["board"], ["sends"], ["board", "chat-servers", "sends"]):
                missed = [topic for topic in topics if topic != "sends"]
                async with Stream(topics, cookie, since=before) as late:
                    assert await late.read() == connected(*missed)
            a_minute_goes_by()
            after = await sync_to_async(milliseconds)()
            async with Stream(["board", "chat-servers"], cookie, since=after) as new:
                assert await new.read() == CONNECTED

    run(story)


def test_the_process_goes_on_listening_between_two_pages(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
            a_minute_goes_by()
        before = await sync_to_async(milliseconds)()
        async with Stream(["board"], cookie, since=before) as stream:
            assert await stream.read() == CONNECTED

    run(story)


def test_what_nobody_listened_to_may_have_changed(
    cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        before = await sync_to_async(milliseconds)()
        # Nobody had listened by then.
        async with Stream(["board"], cookie, since=before) as stream:
            assert await stream.read() == connected("*")
            await publish("board")
            assert await stream.read() == "data: board\n\n"
        # It has heard of everything since, but does not remember it for ever.
        monkeypatch.setattr("console.live.events.HEARD_SECONDS", 0.0)
        async with Stream(["board"], cookie, since=before) as stream:
            assert await stream.read() == connected("*")

    run(story)


def test_after_a_rest_the_process_knows_of_nothing(
    cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.live.events.LINGER_SECONDS", 0.0)

    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
        await asyncio.sleep(0)
        before = await sync_to_async(milliseconds)()
        async with Stream(["board"], cookie, since=before) as stream:
            assert await stream.read() == connected("*")

    run(story)


def test_a_page_whose_database_came_late_looks_anew(
    cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told that it is connected, though nothing was heard yet."""
    monkeypatch.setattr("console.live.events.LISTENING_SECONDS", 0.0)

    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            assert await stream.read() == CONNECTED
            assert await stream.read() == "data: *\n\n"

    run(story)


def test_a_stream_that_reads_too_slowly_looks_anew() -> None:
    async def story() -> None:
        hub = _hub()
        topics = [f"send-{number}" for number in range(101)]
        with hub.stream(frozenset(topics)) as queue:
            await hub.listening()
            await publish(*topics)
            async with asyncio.timeout(DEADLINE_SECONDS):
                while queue.empty() or queue._queue[-1] != "*":
                    await asyncio.sleep(0.01)
            assert queue.qsize() == 1

    run(story)


def test_of_each_topic_the_last_time_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("console.live.events.time.monotonic", lambda: now)
    heard = Heard()
    assert heard.since(now, ["a"]) == ["*"]
    heard.begin()
    for now in range(1001, 1006):
        heard.add([f"at {now}", "each time"])
    assert heard.since(1001 + MARGIN_SECONDS, ["at 1001", "at 1002", "never"]) == [
        "at 1001",
        "at 1002",
    ]
    assert heard.since(1002 + MARGIN_SECONDS, ["at 1001", "each time"]) == ["each time"]
    assert heard.since(1005.5 + MARGIN_SECONDS, ["each time"]) == []
    now += HEARD_SECONDS - 2
    heard.add(["each time"])
    assert len(heard._last) == 4, "those of more than ten minutes ago are forgotten"
    assert heard.since(1002, ["each time"]) == ["*"]


@pytest.mark.parametrize("since", ["yesterday", "-1", "1e9", "1.5", "9" * 16])
def test_since_is_in_milliseconds(cookie: str, since: str) -> None:
    async def story() -> None:
        async with Stream(["board"], cookie, since=since) as stream:
            assert stream.status == 400
            assert await stream.read() == "Give since in milliseconds since 1970."

    run(story)


def test_streams_end_when_the_server_stops(cookie: str) -> None:
    async def story() -> None:
        async with Stream(["board"], cookie) as stream:
            await stream.read()
            end_streams()
            last = await stream.communicator.receive_output(DEADLINE_SECONDS)
            assert (last.get("body", b""), last.get("more_body", False)) == (b"", False)

    run(story)
