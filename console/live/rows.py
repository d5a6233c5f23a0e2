"""Lists that follow the server by their rows: what changes is read and drawn once for all who see
the same, and the same bytes go to all of them.

Pages that see a list in the same way share a *group*: its key says all that the list depends on. A
group keeps its last messages for a moment, and a page gets those that it has not got yet. A page
that is further behind is told that it has missed some, and what the list shows now; it loads the
list anew. So the memory is bounded, however slowly somebody reads: RING_BYTES a group, and
BEHIND_BYTES a stream.

What a list is and how its rows look is not known here (`draw_with`).
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from console.actors import Actor
from console.database.connections import give_back_connections

logger = structlog.get_logger("console.live")

# Changes are gathered for so long. A step that took longer is followed by a rest of its length, so
# that drawing leaves at least half of a processor to everything else.
WINDOW_SECONDS = 0.2
# Of more changes than these within one window nobody reads each.
CHANGES_MOST = 2_000
# How long a message is kept for those who have not got it yet, and how many bytes of them.
RING_SECONDS, RING_BYTES = 10.0, 512 * 1024
# Whoever is further behind has missed something.
BEHIND_BYTES = 256 * 1024
# The pages of a group get their messages so many at a time, so that other requests have their turn.
AT_ONCE, PAUSE_SECONDS = 8, 0.002
AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed: these chats; what was sent to some; or anything."""

    chats: frozenset[str] = frozenset()
    sends: bool = False
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a step made for a list: messages for its pages. `begin` is what a page is told when it
    begins to follow the list."""

    messages: Sequence[bytes]
    begin: bytes


class Shown(Protocol):
    """A list as all see it whose `key` is the same. `due_in` is after how many seconds the list has
    to be looked at though nothing changes; None if never."""

    @property
    def key(self) -> Hashable: ...

    @property
    def due_in(self) -> float | None: ...


class Face(Protocol):
    """Draws lists. Its methods run in threads, and may query the database."""

    def shown(self, actor: Actor, query: str, language: str) -> list[Shown]:
        """Return the lists of a page. Raises ConsoleError for what can't be read."""
        ...

    def step(self, lists: Collection[Any], changes: Changes) -> Mapping[Hashable, Drawn]:
        """Bring these lists up to date, and return what to tell of each, by their keys."""
        ...


_faces: list[Face] = []


def draw_with(face: Face) -> None:
    """Register what draws lists. Only the pages' part knows how they look."""
    _faces[:] = [face]


def shown_for(actor: Actor, query: str, language: str) -> list[Shown]:
    return _faces[0].shown(actor, query, language)


def event(data: bytes) -> bytes:
    """Return a message for the event stream. JSON has no line breaks of its own."""
    return b"event: rows\ndata: " + data + b"\n\n"


@dataclass(slots=True)
class Group:
    """The pages that see one list, and what it told last. `number` counts the messages."""

    shown: Shown
    followers: list["Follower"] = field(default_factory=list)
    begin: bytes = b""
    number: int = 0
    ring: deque[tuple[float, bytes]] = field(default_factory=deque)
    ring_bytes: int = 0

    def take(self, drawn: Drawn, now: float) -> None:
        self.begin = drawn.begin
        for message in drawn.messages:
            self.ring.append((now, message))
            self.ring_bytes += len(message)
            self.number += 1
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self.ring and (self.ring_bytes > RING_BYTES or self.ring[0][0] < now - RING_SECONDS):
            self.ring_bytes -= len(self.ring.popleft()[1])

    def since(self, number: int) -> list[bytes] | None:
        """Return the messages after this one; None if some of them are forgotten, or too much."""
        wanted = self.number - number
        if wanted > len(self.ring):
            return None
        found = [message for _at, message in list(self.ring)[len(self.ring) - wanted :]]
        return None if sum(map(len, found)) > BEHIND_BYTES else found


class Follower:
    """A page that follows some groups. `wake` is called when there is something to take."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._taken: dict[int, int | None] = {}
        self.groups: list[Group] = []

    def join(self, group: Group) -> None:
        self.groups.append(group)
        group.followers.append(self)
        self._taken[id(group)] = None

    def wake(self) -> None:
        self._wake()

    def take(self) -> bytes:
        """Return what this page has not got yet; b"" if there is nothing."""
        return b"".join(part for group in self.groups for part in self._of(group))

    def _of(self, group: Group) -> list[bytes]:
        if not group.begin:  # it is read for the first time
            return []
        taken, self._taken[id(group)] = self._taken[id(group)], group.number
        if taken is None:
            # What changed while the page was on its way to its person is among the last messages.
            recent = group.since(group.number - len(group.ring)) or []
            return [*map(event, recent), event(group.begin)]
        found = group.since(taken)
        if found is None:
            return [event(b'{"missed": true}'), event(group.begin)]
        return [event(message) for message in found]


class Lists:
    """All lists that pages of this event loop follow, and the task that keeps them up to date."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, Group] = {}
        self._chats: set[str] = set()
        self._sends = self._everything = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self.is_busy = False

    @contextmanager
    def followed(self, lists: Sequence[Shown], wake: Callable[[], None]) -> Iterator[Follower]:
        """Follow these lists while the context lasts."""
        follower = Follower(wake)
        for shown in lists:
            group = self._groups.setdefault(shown.key, Group(shown))
            follower.join(group)
            if not group.begin:
                self._changed.set()
        follower.wake()
        if lists and (self._task is None or self._task.done()):
            # It outlives the request that begins it.
            own = contextvars.Context()
            self._task = asyncio.create_task(self._keep_up(), name="rows", context=own)
        try:
            yield follower
        finally:
            for group in follower.groups:
                group.followers.remove(follower)
                if not group.followers:
                    self._groups.pop(group.shown.key, None)
            if not self._groups and self._task is not None:
                self._task.cancel()
                self._task = None

    def heard(self, chats: Collection[str] = (), *, sends: bool = False) -> None:
        """Take note of a change: of these chats, of what was sent, or of neither: of anything."""
        if not self._groups:
            return
        self._chats |= set(chats)
        self._sends = self._sends or sends
        if not (chats or sends) or len(self._chats) > CHANGES_MOST:
            self._everything = True
            self._chats.clear()
        self._changed.set()

    async def _keep_up(self) -> None:
        rest = 0.0
        while True:
            await asyncio.sleep(rest)
            await self._wait()
            begun = time.monotonic()
            try:
                self.is_busy = True
                await self._step()
            except Exception:
                logger.warning("rows are late", exc_info=True)
                self._everything = True
                self._changed.set()
                rest = AGAIN_SECONDS
            else:
                rest = max(WINDOW_SECONDS, time.monotonic() - begun)
            finally:
                self.is_busy = False

    async def _wait(self) -> None:
        """Until something changed, or a list is due."""
        dues = [due for each in self._groups.values() if (due := each.shown.due_in) is not None]
        try:
            async with asyncio.timeout(max(0.0, min(dues)) if dues else None):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _step(self) -> None:
        changes = Changes(
            chats=frozenset(self._chats), sends=self._sends, everything=self._everything
        )
        self._chats, self._sends, self._everything = set(), False, False
        self._changed.clear()
        groups = dict(self._groups)
        lists = [group.shown for group in groups.values()]
        drawn = await asyncio.get_running_loop().run_in_executor(
            self._thread, _drawn, lists, changes
        )
        now = time.monotonic()
        for key, each in drawn.items():
            group = groups[key]
            is_first = not group.begin
            group.take(each, now)
            if each.messages or is_first:
                await self._wake(group)

    async def _wake(self, group: Group) -> None:
        for number, follower in enumerate(list(group.followers), 1):
            follower.wake()
            if number % AT_ONCE == 0:
                await asyncio.sleep(PAUSE_SECONDS)


def _drawn(lists: list[Shown], changes: Changes) -> Mapping[Hashable, Drawn]:
    try:
        return _faces[0].step(lists, changes)
    finally:
        give_back_connections()
