"""The event stream: tells open pages which topics changed (console.database.notify).

One connection to PostgreSQL listens for the whole process and hands each topic to the streams that
follow it. An event carries the topic's name and nothing else: the page loads anew what its person
may see. Topics are for those who may see what they tell of, and a stream ends with its session.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from console.accounts.selectors import actor_by_ref, session_seconds_left
from console.database.connections import give_back_connections
from console.database.listen import LISTENING, LOST, listen
from console.database.notify import CHANNEL, sessions_topic
from console.live.topics import refused_topics
from console.site.access import actor_of

TOPIC_LIMIT = 20
# As often as this something is said, so that a page can tell a quiet server from one that hangs.
KEEP_ALIVE_SECONDS = 10.0
LISTENING_SECONDS = 2.0
# As often as this it is seen whether the session is still good, whoever ended it.
SESSION_SECONDS = 60.0
RETRY_SECONDS = 30  # of whoever has too many
RECONNECT_MS = 3000  # as browsers do it, said to all others too
# Ids are this process's own. Nothing is kept to be told again: who comes back is told EVERYTHING.
_BOOT, _numbers = secrets.token_hex(4), count(1)
# Told to every stream when the connection to PostgreSQL was lost: anything may have changed.
EVERYTHING = "*"
# Told to every stream when the server stops; no topic is empty.
END = ""
# By name, since the browser tells the page nothing of comments; how often it comes is its data.
ALIVE = f"event: alive\ndata: {KEEP_ALIVE_SECONDS:g}\n\n".encode()


class Hub:
    """The streams of one event loop and the one listener that feeds them."""

    def __init__(self) -> None:
        self._people: Counter[int] = Counter()
        self._streams: dict[asyncio.Queue[str], frozenset[str]] = {}
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._ended = False

    def has_room_for(self, person: int) -> bool:
        """Whether one more stream of theirs is not too many."""
        return self._people[person] < settings.STREAM_LIMIT

    @contextmanager
    def stream_of(self, person: int) -> Iterator[None]:
        """Count a stream of theirs while the context lasts."""
        self._people[person] += 1
        try:
            yield
        finally:
            self._people[person] -= 1
            if not self._people[person]:
                del self._people[person]

    @contextmanager
    def stream(self, topics: frozenset[str]) -> Any:
        """A queue of the topics that change while the context lasts."""
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self._streams[queue] = topics
        if self._ended:  # asked for while the server stops: over as soon as it has begun
            queue.put_nowait(END)
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        try:
            yield queue
        finally:
            del self._streams[queue]
            if not self._streams:
                self._listener.cancel()
                # It takes a moment to end, and who comes meanwhile must not count on it.
                self._listener = None
                self._listening.clear()

    async def listening(self) -> None:
        """Until PostgreSQL tells of changes: what a page loads after this does not stay stale.

        Not for ever: a stream that was there when the database came back is told EVERYTHING.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTENING_SECONDS):
                await self._listening.wait()

    async def _listen(self) -> None:
        is_first = True
        async for topic in listen(CHANNEL):
            if topic is LOST:
                self._listening.clear()
            elif topic == LISTENING:
                self._listening.set()
                if not is_first:
                    self._publish(EVERYTHING)
                is_first = False
            else:
                self._publish(topic)

    def end(self) -> None:
        """End all streams for good, even those that are behind with reading."""
        self._ended = True
        for queue in self._streams:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(END)

    def _publish(self, topic: str) -> None:
        for queue, topics in self._streams.items():
            if (topic in topics or topic == EVERYTHING) and not queue.full():
                queue.put_nowait(topic)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def _hub() -> Hub:
    loop = asyncio.get_running_loop()
    for closed in [known for known in _hubs if known.is_closed()]:
        del _hubs[closed]
    return _hubs.setdefault(loop, Hub())


class Following:
    """What one who follows topics hears of them."""

    def __init__(self, hub: Hub, queue: asyncio.Queue[str]) -> None:
        self._hub = hub
        self._queue = queue

    async def begun(self) -> None:
        """Until PostgreSQL tells of changes, see `Hub.listening`."""
        await self._hub.listening()

    async def next(self) -> str:
        """Wait for a topic, and take all that were heard since the last time for one; END where
        the server stops."""
        topic = await self._queue.get()
        while topic != END and not self._queue.empty():
            topic = self._queue.get_nowait()
        return topic


@contextmanager
def following(*topics: str) -> Iterator[Following]:
    """Hear of topics while the context lasts, in a coroutine of the web server."""
    hub = _hub()
    with hub.stream(frozenset(topics)) as queue:
        yield Following(hub, queue)


def end_streams() -> None:
    """End the streams of the running event loop: its server stops, and they would hold it up."""
    _hub().end()


async def events(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """GET /events/?topic=board&topic=send-12: server-sent events, each with a topic as data."""
    topics = frozenset(request.GET.getlist("topic"))
    if not 0 < len(topics) <= TOPIC_LIMIT:
        return HttpResponse(f"Ask for 1 to {TOPIC_LIMIT} topics.", status=400)
    person = (await request.auser()).pk or 0
    refused = await sync_to_async(_refused)(request, topics)
    if refused:
        return HttpResponse(f"You may not follow {', '.join(refused)}.", status=403)
    if not _hub().has_room_for(person):
        return HttpResponse(
            "Too many pages of yours follow what happens. Close some.",
            status=429,
            headers={"Retry-After": str(RETRY_SECONDS)},
        )
    await sync_to_async(give_back_connections)()
    comes_back = bool(request.headers.get("Last-Event-ID"))
    key = request.session.session_key or ""
    response = StreamingHttpResponse(
        _stream(person, topics, key, comes_back), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    # A proxy that buffers would hold the events back (nginx reads this).
    response["X-Accel-Buffering"] = "no"
    return response


def _refused(request: HttpRequest, topics: frozenset[str]) -> list[str]:
    """Those that this person may not follow: all while a password of theirs has to be chosen."""
    if getattr(request.user, "must_change_password", False):
        return sorted(topics)
    return refused_topics(actor_of(request), topics)


def _event(topic: str) -> bytes:
    return f"id: {_BOOT}-{next(_numbers)}\ndata: {topic}\n\n".encode()


def _seconds_left(key: str, person: int, topics: frozenset[str]) -> float:
    """For how long a stream may go on without another look; 0 where its session has ended, or
    something of what it follows is not for its person any more."""
    try:
        left = session_seconds_left(key)
        actor = actor_by_ref(f"user:{person}") if left > 0 else None
        if actor is None or refused_topics(actor, topics):
            return 0
        return min(left, SESSION_SECONDS)
    finally:
        give_back_connections()


async def _stream(
    person: int, topics: frozenset[str], key: str, comes_back: bool
) -> AsyncIterator[bytes]:
    hub = _hub()
    if not hub.has_room_for(person):  # others of theirs began meanwhile
        return
    over = sessions_topic(person)
    clock = asyncio.get_running_loop().time
    with hub.stream_of(person), hub.stream(topics | {over}) as queue:
        await hub.listening()
        yield f": connected\nretry: {RECONNECT_MS}\n\n".encode()
        if comes_back:
            yield _event(EVERYTHING)
        look_at = clock() + SESSION_SECONDS
        while True:
            if clock() >= look_at:
                left = await sync_to_async(_seconds_left)(key, person, topics)
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
            yield _event(topic)
