"""The event stream: tells open pages which topics changed (console.database.notifications).

One connection to PostgreSQL listens for the whole process and passes each topic to the streams that
follow it. An event carries only the topic's name: the page loads anew what its person may see. A
person may follow only topics about what they may see. A stream ends with its session.

A page says of which moment its content is. It is told of what has changed since then, also before
its stream began.
"""

import asyncio
import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import get_language

from console.accounts.selectors import actor_by_ref, session_seconds_left
from console.actors import Actor
from console.database.clock import counted_from
from console.database.connections import give_back_connections
from console.database.notifications import (
    BOARD,
    CHANNEL,
    LISTENING,
    LOST,
    SENDS,
    changed_chats,
    chat_topic,
    listen,
    sessions_topic,
)
from console.errors import ConsoleError
from console.live.rows import Lists, Shown, shown_for
from console.live.topics import refused_topics
from console.site.access import actor_of

TOPIC_LIMIT = 20
# Of a list's address, which may have an audience in it.
ROWS_LENGTH = 20_000
# How often a stream sends something, so that a page can tell a quiet server from one that hangs.
KEEP_ALIVE_SECONDS = 10.0
LISTENING_SECONDS = 2.0
# For how long the process goes on listening without a stream: a person goes from page to page.
LINGER_SECONDS = 60.0
# For how long it is known when a topic was heard of. What is older than that gets EVERYTHING.
HEARD_SECONDS = 600.0
# By how much two ways to tell the same moment may differ.
MARGIN_SECONDS = 0.2
# How often the session is checked, since it may end elsewhere.
SESSION_SECONDS = 60.0
RETRY_SECONDS = 30  # for a person with too many streams
RECONNECT_MS = 3000  # the default of browsers, made explicit for other clients
# A page without a server's time says none.
MOMENT = r"[0-9]{0,15}"
# Ids are unique to this process. Events are not stored: a page that reconnects gets EVERYTHING.
_BOOT, _numbers = secrets.token_hex(4), count(1)
# Anything may have changed: the connection to PostgreSQL was lost, the stream reads too slowly, or
# its page is of a moment of which the process does not know.
EVERYTHING = "*"
# Sent to every stream when the server stops. No topic is empty.
END = ""
# In the queue of a stream whose lists have something to tell. No topic has a blank in it.
ROWS = " rows"
# A named event, since browsers hide comments from the page. The data is its interval.
ALIVE = f"event: alive\ndata: {KEEP_ALIVE_SECONDS:g}\n\n".encode()


class Heard:
    """Which topics this process heard of, and when, by `time.monotonic`: those of the last minutes.

    `unbroken_since` is the moment from which nothing was missed; None while nothing is heard.
    """

    def __init__(self) -> None:
        self.unbroken_since: float | None = None
        self._last: dict[str, float] = {}  # the oldest first

    def begin(self) -> None:
        """Nothing is missed from now on."""
        self.unbroken_since = time.monotonic()

    def forget(self) -> None:
        """What changes from now on is not heard."""
        self.unbroken_since = None
        self._last.clear()

    def add(self, topics: Iterable[str]) -> None:
        now = time.monotonic()
        for topic in topics:
            self._last.pop(topic, None)
            self._last[topic] = now
        while (oldest := next(iter(self._last), None)) and self._last[oldest] < now - HEARD_SECONDS:
            del self._last[oldest]

    def since(self, moment: float, topics: Iterable[str]) -> list[str]:
        """Return those of `topics` that were heard of since `moment`; EVERYTHING if that is not
        known."""
        known = self.unbroken_since
        moment -= MARGIN_SECONDS
        if known is None or moment < max(known, time.monotonic() - HEARD_SECONDS):
            return [EVERYTHING]
        return sorted(topic for topic in topics if self._last.get(topic, -1.0) >= moment)


class Hub:
    """The streams of one event loop and the one listener that feeds them."""

    def __init__(self) -> None:
        self.lists = Lists()
        self.heard = Heard()
        self._people: Counter[int] = Counter()
        self._streams: dict[asyncio.Queue[str], frozenset[str]] = {}
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._lingering: asyncio.TimerHandle | None = None
        self._is_awaited = False
        self._ended = False

    def has_room_for(self, person: int) -> bool:
        """Return whether the person may have one more stream."""
        return self._people[person] < settings.STREAM_LIMIT

    @contextmanager
    def stream_of(self, person: int) -> Iterator[None]:
        """Count a stream of the person's while the context lasts."""
        self._people[person] += 1
        try:
            yield
        finally:
            self._people[person] -= 1
            if not self._people[person]:
                del self._people[person]

    @contextmanager
    def stream(self, topics: frozenset[str]) -> Any:
        """Yield a queue of the topics that change while the context lasts."""
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self._streams[queue] = topics
        if self._ended:  # a stream that begins while the server stops ends at once
            queue.put_nowait(END)
        self._stop_lingering()
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        try:
            yield queue
        finally:
            del self._streams[queue]
            if not self._streams:
                self._linger()

    def _linger(self) -> None:
        self._stop_lingering()
        loop = asyncio.get_running_loop()
        self._lingering = loop.call_later(0 if self._ended else LINGER_SECONDS, self._rest)

    def _stop_lingering(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _rest(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
        # It takes a moment to end, and a new stream must not rely on it.
        self._listener = None
        self._deaf()

    async def listening(self) -> None:
        """Wait until changes are heard: what a page loads after this does not stay stale.

        Gives up after a while. When they are heard, all streams get EVERYTHING.
        """
        try:
            async with asyncio.timeout(LISTENING_SECONDS):
                await self._listening.wait()
        except TimeoutError:
            self._is_awaited = True

    async def _listen(self) -> None:
        async for topic in listen(CHANNEL):
            if topic is LOST:
                self._deaf()
                self._is_awaited = True
            elif topic == LISTENING:
                self.heard.begin()
                self._listening.set()
                if self._is_awaited:
                    self._is_awaited = False
                    self._publish(EVERYTHING)
                    self.lists.heard()
            else:
                self._hear(topic)

    def _deaf(self) -> None:
        self._listening.clear()
        self.heard.forget()

    def end(self) -> None:
        """End all streams for good, even those that are behind with reading."""
        self._ended = True
        for queue in self._streams:
            _replace(queue, END)
        if not self._streams:
            self._linger()

    def _hear(self, payload: str) -> None:
        if chats := changed_chats(payload):
            topics = frozenset(map(chat_topic, chats))
            self.heard.add(topics)
            self.lists.heard(chats)
            self._publish_all(topics)
            return
        self.heard.add([payload])
        if payload == BOARD:
            self.lists.heard()
        elif payload == SENDS:
            self.lists.heard(sends=True)
        self._publish(payload)

    def _publish_all(self, changed: frozenset[str]) -> None:
        """Publish topics of which most are followed by nobody."""
        for topic in {each for topics in self._streams.values() for each in topics & changed}:
            self._publish(topic)

    def _publish(self, topic: str) -> None:
        for queue, topics in self._streams.items():
            if topic not in topics and topic != EVERYTHING:
                continue
            if queue.full():  # it reads too slowly to be told of each
                _replace(queue, END if self._ended else EVERYTHING)
            else:
                queue.put_nowait(topic)


def _replace(queue: "asyncio.Queue[str]", topic: str) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(topic)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def _hub() -> Hub:
    loop = asyncio.get_running_loop()
    for closed in [known for known in _hubs if known.is_closed()]:
        del _hubs[closed]
    return _hubs.setdefault(loop, Hub())


class Following:
    """A follower of topics."""

    def __init__(self, hub: Hub, queue: asyncio.Queue[str]) -> None:
        self._hub = hub
        self._queue = queue

    async def begun(self) -> None:
        """Wait until changes are heard, see `Hub.listening`."""
        await self._hub.listening()

    async def next(self) -> str:
        """Wait for a topic. Of several that came, return the last; END when the server stops."""
        topic = await self._queue.get()
        while topic != END and not self._queue.empty():
            topic = self._queue.get_nowait()
        return topic


@contextmanager
def following(*topics: str) -> Iterator[Following]:
    """Follow topics while the context lasts, in a coroutine of the web server."""
    hub = _hub()
    with hub.stream(frozenset(topics)) as queue:
        yield Following(hub, queue)


def end_streams() -> None:
    """End the streams of the running event loop: they would keep its server from stopping."""
    _hub().end()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A stream: whose it is, and what it follows. `session` is the key of the session, `lists` are
    followed by their rows. `since` is the moment of the page's content, by `time.monotonic`."""

    person: int
    session: str
    topics: frozenset[str]
    actor: Actor
    lists: list[Shown]
    comes_back: bool
    since: float | None

    @property
    def needed(self) -> frozenset[str]:
        """The topics that the person must be allowed to follow."""
        return self.topics | {BOARD} if self.lists else self.topics


async def events(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """GET /events/?topic=board&topic=send-12: server-sent events, each with a topic as data; with
    `rows`, also the rows of the list at this address. `since` is the moment of the page's content,
    by PostgreSQL's clock in milliseconds since 1970: what changed since then comes first."""
    topics, rows = frozenset(request.GET.getlist("topic")), request.GET.get("rows")
    if not (rows is not None or topics) or len(topics) > TOPIC_LIMIT:
        return HttpResponse(f"Ask for 1 to {TOPIC_LIMIT} topics.", status=400)
    if len(rows or "") > ROWS_LENGTH:
        return HttpResponse("The address of the list is too long.", status=400)
    if not re.fullmatch(MOMENT, request.GET.get("since", "")):
        return HttpResponse("Give since in milliseconds since 1970.", status=400)
    person = (await request.auser()).pk or 0
    asked = await sync_to_async(_read)(request, person, topics, rows)
    if isinstance(asked, HttpResponse):
        return asked
    if not _hub().has_room_for(person):
        return HttpResponse(
            "Too many pages of yours follow what happens. Close some.",
            status=429,
            headers={"Retry-After": str(RETRY_SECONDS)},
        )
    await sync_to_async(give_back_connections)()
    response = StreamingHttpResponse(_stream(asked), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    # Keeps a proxy from buffering the events (nginx reads this).
    response["X-Accel-Buffering"] = "no"
    return response


def _read(
    request: HttpRequest, person: int, topics: frozenset[str], rows: str | None
) -> _Asked | HttpResponse:
    """Return what is asked for, or why it is refused."""
    needed = topics if rows is None else topics | {BOARD}
    refused = _refused(request, needed)
    if refused:
        return HttpResponse(f"You may not follow {', '.join(refused)}.", status=403)
    actor = actor_of(request)
    try:
        lists = [] if rows is None else shown_for(actor, rows, get_language() or "en")
    except ConsoleError as refusal:
        return HttpResponse(refusal.message, status=400)
    return _Asked(
        person=person,
        session=request.session.session_key or "",
        topics=topics,
        actor=actor,
        lists=lists,
        comes_back=bool(request.headers.get("Last-Event-ID")),
        since=counted_from(float(since)) if (since := request.GET.get("since")) else None,
    )


def _refused(request: HttpRequest, topics: frozenset[str]) -> list[str]:
    """Return the topics that this person may not follow: all while they must choose a password."""
    if getattr(request.user, "must_change_password", False):
        return sorted(topics)
    return refused_topics(actor_of(request), topics)


def _event(topic: str) -> bytes:
    return f"id: {_BOOT}-{next(_numbers)}\ndata: {topic}\n\n".encode()


def _seconds_left(asked: _Asked) -> float:
    """Return how long a stream may go on before the next check; 0 if its session has ended, its
    person has other rights than before, or may no longer follow one of its topics."""
    try:
        left = session_seconds_left(asked.session)
        actor = actor_by_ref(f"user:{asked.person}") if left > 0 else None
        if actor is None or refused_topics(actor, asked.needed):
            return 0
        if asked.lists and actor != asked.actor:
            return 0
        return min(left, SESSION_SECONDS)
    finally:
        give_back_connections()


async def _stream(asked: _Asked) -> AsyncIterator[bytes]:
    hub = _hub()
    if not hub.has_room_for(asked.person):  # other streams of theirs began meanwhile
        return
    over = sessions_topic(asked.person)
    clock = asyncio.get_running_loop().time
    with (
        hub.stream_of(asked.person),
        hub.stream(asked.topics | {over}) as queue,
        hub.lists.followed(asked.lists, partial(_wake, queue)) as rows,
    ):
        await hub.listening()
        missed = _missed(hub, asked, over)
        told = b"".join(_event(topic) for topic in missed if topic != over)
        yield f": connected\nretry: {RECONNECT_MS}\n\n".encode() + told + ALIVE
        # What the person may see was read before anything was heard of changes: once more.
        is_unsure = asked.lists or not {over, EVERYTHING}.isdisjoint(missed)
        look_at = clock() + (0 if is_unsure else SESSION_SECONDS)
        while True:
            if clock() >= look_at:
                left = await sync_to_async(_seconds_left)(asked)
                if left <= 0:
                    return
                look_at = clock() + left
            try:
                async with asyncio.timeout(min(KEEP_ALIVE_SECONDS, look_at - clock())):
                    topic = await queue.get()
            except TimeoutError:
                yield ALIVE
                continue
            if topic in (END, over):
                return
            if topic == EVERYTHING:
                look_at = clock()
            if topic != ROWS:
                yield _event(topic)
            if changed := rows.take():
                yield changed


def _missed(hub: Hub, asked: _Asked, over: str) -> list[str]:
    """Return what a page is to load anew as its stream begins."""
    if asked.comes_back:
        return [EVERYTHING]
    return [] if asked.since is None else hub.heard.since(asked.since, asked.topics | {over})


def _wake(queue: "asyncio.Queue[str]") -> None:
    """Let the stream look for rows. One with something in its queue does so anyway."""
    if queue.empty():
        queue.put_nowait(ROWS)
