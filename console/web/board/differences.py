"""The live board by differences: what changes is read once for all boards, and drawn once for all
who see the same (console.live.rows).

A list is as its `ListKey` says: the rights of those who see it, the language, and the board's
address. Nobody's name is in it, so that nothing of a person can be in what others get. Only an
audience that means other chats for each person (what was sent before) is read as the person.

Most changes are judged by the chats that changed. The ids of the page are queried again only if a
change may have moved them. An audience that depends on the time (waiting) or on sends is queried
again every REFRESH_SECONDS instead, once for all its boards. Counts are taken at a pace of their
own.
"""

import json
import random
import time
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import translation

from console.actors import Actor, Permission
from console.database.clock import near_now
from console.errors import ConsoleError
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction, SavedView
from console.interactions.saved_views import saved_views, saved_views_by_id, views_counted
from console.interactions.selectors import chats_by_id, interactions_visible, is_listed, is_seen
from console.live.rows import Changes, Drawn, Shown
from console.sends.last_notices import SentNotice, last_sent
from console.web.board import columns
from console.web.board.chosen import Chosen, read_chosen
from console.web.board.listing import PAGE_SIZE, list_query, selection_context
from console.web.board.rows import LONG_WAIT_SECONDS, LOOKED_AT, SHOWN_LIMIT, Row, State

# Conditions that are about the chat alone, for all who have the same rights.
OF_THE_CHAT = frozenset(
    {
        *("queue", "agent", "language", "chat_server", "team", "online", "state", "media_type"),
        *("customer", "id", "text", "data"),
    }
)
OF_THE_TIME = frozenset({"waiting"})
REFRESH_SECONDS = 3.0
COUNT_SECONDS = 2.0
COUNT_VIEWS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ListKey:
    """All that a list depends on. `query` is the board's address without blanks."""

    actor: Actor
    language: str
    query: str


@dataclass(frozen=True, slots=True)
class CountsKey:
    """All that the numbers of the saved views depend on."""

    actor: Actor
    views: tuple[int, ...]


class Board:
    """Draws boards (console.live.rows.Face)."""

    def shown(self, actor: Actor, query: str, language: str) -> list[Shown]:
        """Return the list of this address and the numbers above it. Raises ConsoleError."""
        given = QueryDict(query)
        chosen = read_chosen(actor, given)
        sort = columns.known_sort(given.get("sort", ""))
        page = max(1, _number(given.get("page", "")))
        # Of what can't be read now nobody knows whether it depends on who asks.
        reader = actor if chosen.refusal else _reader(actor, [chosen.whole])
        key = ListKey(reader, language, urlencode(list_query(chosen, sort, page)))
        return [BoardList(key), _counts(actor)]

    def step(self, lists: Collection[Any], changes: Changes) -> Mapping[Hashable, Drawn]:
        step = Step(changes)
        return {each.key: drawn for each in lists if (drawn := each.step(step)) is not None}


def _number(written: str) -> int:
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 7 else 1


def _fields(audiences: Iterable[Audience | None]) -> frozenset[str]:
    return frozenset(one.field for each in audiences if each for one in each.conditions)


def _reader(actor: Actor, audiences: Iterable[Audience | None]) -> Actor:
    """Return as whom a list is read: nobody by name, unless it depends on who that is."""
    if _fields(audiences) <= OF_THE_CHAT | OF_THE_TIME:
        return replace(actor, ref="", name="", owner_ref="")
    return actor


def _counts(actor: Actor) -> "BoardCounts":
    views = list(saved_views(actor))
    reader = _reader(actor, map(_audience, views))
    return BoardCounts(CountsKey(reader, tuple(each.pk for each in views)))


def _audience(view: SavedView) -> Audience | None:
    try:
        return Audience.from_mapping(view.audience)
    except ConsoleError:
        return None


def _message(**said: Any) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


RELOAD = _message(reload=True)


class Step:
    """What one step reads and draws, for all lists together."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.at = time.monotonic()
        self._chats: dict[str, Interaction | None] = {}
        self._last: dict[str, SentNotice | None] = {}
        self._totals: dict[Hashable, int] = {}
        self.read(changes.chats)

    def read(self, ids: Iterable[str]) -> None:
        """Read those of these chats that are not read yet."""
        missing = [each for each in ids if each not in self._chats]
        if missing:
            with_user_data = any(name.startswith("user_data") for name in LOOKED_AT)
            found = chats_by_id(missing, with_user_data=with_user_data)
            self._chats |= {each: found.get(each) for each in missing}

    def chat(self, interaction_id: str) -> Interaction | None:
        return self._chats[interaction_id]

    def rows(self, actor: Actor, states: Mapping[str, State]) -> list[Row]:
        """Return rows of chats that were read. Of a chat that the actor must not see it has none of
        the data."""
        missing = [each for each in states if each not in self._last]
        if missing:
            found = last_sent(missing)
            self._last |= {each: found.get(each) for each in missing}
        rows = []
        for each, state in states.items():
            last, chat = self._last[each], self._chats[each]
            if chat is None or not is_seen(actor, chat):
                rows.append(Row(each, None, State.GONE))
            else:
                rows.append(Row(each, chat, state, last.for_actor(actor) if last else None))
        return rows

    def total(self, actor: Actor, chosen: Chosen | None = None) -> int:
        """Return the number of live chats, counted once for all that list the same."""
        same = (actor, urlencode(chosen.query) if chosen else "")
        if same not in self._totals:
            found = interactions_visible(actor, chosen).select_related(None).order_by()
            self._totals[same] = found.count()
        return self._totals[same]


@dataclass(slots=True)
class _Pace:
    """When something is done again. It is not done at the same moment as for all others."""

    seconds: float
    at: float = 0.0

    def is_due(self, now: float) -> bool:
        return now >= self.at

    def done(self, now: float) -> None:
        self.at = now + self.seconds * random.uniform(0.75, 1.25)  # noqa: S311


class BoardList:
    """One list: which chats its page has, and which revision of each row was told last."""

    def __init__(self, key: ListKey) -> None:
        self.key = key
        self._is_judged = True
        self._is_read = False
        self._refusal = ""
        self._page: list[str] = []
        # What the rows of the page are sorted by.
        self._places: dict[str, tuple[object, ...]] = {}
        # Of the page, and of the last rows that left it: a board may still show them.
        self._revisions: dict[str, str] = {}
        # Rows that will be marked for a long wait, and since when they wait.
        self._waits: dict[str, datetime] = {}
        self._total = -1
        self._selection = ""
        self._is_miscounted = False
        self._refresh = _Pace(REFRESH_SECONDS)
        self._count = _Pace(COUNT_SECONDS)
        self._look_at: float | None = None

    @property
    def due_in(self) -> float | None:
        dues = [
            *([self._look_at] if self._look_at is not None else []),
            *([self._refresh.at] if not self._is_judged else []),
            *([self._count.at] if self._is_miscounted else []),
        ]
        return min(dues) - time.monotonic() if dues else None

    def step(self, step: Step) -> Drawn | None:
        """Bring the list up to date. Return None if nothing is to be told."""
        with translation.override(self.key.language):
            view = _View(self.key)
            self._is_judged = view.is_judged
            was_read, before = self._is_read, (bool(self._page), self._refusal)
            said = self._rows(step, view) | self._numbers(step, view)
            self._refusal = view.chosen.refusal
            if not was_read:
                return Drawn([], self._begin())
            if before != (bool(self._page), self._refusal):
                # There is another kind of list to show, or none.
                return Drawn([RELOAD], self._begin())
            return Drawn([_message(**said)], self._begin()) if said else None

    def _begin(self) -> bytes:
        sync = " ".join(f"{each} {self._revisions[each]}" for each in self._page)
        return _message(sync=sync, total=self._total, selection=self._selection)

    # --- Rows ------------------------------------------------------------------------------------

    def _rows(self, step: Step, view: "_View") -> dict[str, Any]:
        """Return which rows changed, and the ids of the page if they did."""
        before = self._page
        is_whole = self._is_whole(step)
        if is_whole or self._may_have_moved(step, view):
            self._page = view.ids()
            step.read(self._page)
        touched = self._touched(step, before, is_whole=is_whole)
        step.read(touched)
        states = self._states(step, view, touched)
        # A board may have forgotten a row that was not on the page for a while.
        comes = set(self._page).difference(before)
        drawn = []
        for row in step.rows(self.key.actor, states):
            revision = row.revision
            if self._revisions.get(row.id) != revision or row.id in comes:
                self._revisions[row.id] = revision
                if self._is_read:
                    drawn.append(row.html(may_send=self.key.actor.may(Permission.SEND)))
        self._remember(step, view, touched)
        self._is_read = True
        said = {"rows": "".join(drawn)} if drawn else {}
        return said | ({"ids": " ".join(self._page)} if self._page != before else {})

    def _is_whole(self, step: Step) -> bool:
        """Whether the page is queried whatever has changed."""
        is_due = not self._is_judged and self._refresh.is_due(step.at)
        if step.changes.everything or not self._is_read or is_due:
            self._refresh.done(step.at)
            return True
        return False

    def _may_have_moved(self, step: Step, view: "_View") -> bool:
        """Whether the page may have other rows than before, or in another order."""
        if view.number > 1 and self._is_judged and step.changes.chats:
            return True  # whatever was before the page is not known
        seen = [each for each in step.changes.chats if self._is_about(step, each)]
        if not seen:
            return False
        if not self._is_judged:
            return any(not self._is_listed(step, each) for each in seen if each in self._places)
        listed = view.matching([each for each in seen if self._is_listed(step, each)])
        return any(
            each not in listed or self._place(step, each, view) != self._places[each]
            if each in self._places
            else each in listed and self._is_within(step, each, view)
            for each in seen
        )

    def _is_about(self, step: Step, each: str) -> bool:
        chat = step.chat(each)
        return each in self._revisions or (chat is not None and is_seen(self.key.actor, chat))

    def _is_listed(self, step: Step, each: str) -> bool:
        chat = step.chat(each)
        return chat is not None and is_listed(self.key.actor, chat)

    def _is_within(self, step: Step, each: str, view: "_View") -> bool:
        """Whether a chat that is not on the first page may come to it. Python can't sort texts as
        PostgreSQL does; times and ids it can."""
        if len(self._page) < PAGE_SIZE or view.sort.removeprefix("-") != "waiting":
            return True
        place, last = self._place(step, each, view), self._places.get(self._page[-1])
        if last is None:
            return True
        return place < last if view.sort == "-waiting" else place > last

    def _place(self, step: Step, each: str, view: "_View") -> tuple[object, ...]:
        chat = step.chat(each)
        return tuple(getattr(chat, name) for name in view.sorts_by)

    def _touched(self, step: Step, before: list[str], *, is_whole: bool) -> list[str]:
        """Return whose rows may look different."""
        known = [*dict.fromkeys([*self._page, *self._revisions])]
        if is_whole or step.changes.sends:
            return known
        moved = set(before) ^ set(self._page)
        long = near_now() - timedelta(seconds=LONG_WAIT_SECONDS)
        over = {each for each, since in self._waits.items() if since <= long}
        return [each for each in known if each in step.changes.chats | moved | over]

    def _states(self, step: Step, view: "_View", touched: list[str]) -> dict[str, State]:
        """Return in which state each of these rows is."""
        on_page = set(self._page)
        states = dict.fromkeys(touched, State.LIVE)
        aside = [each for each in touched if each not in on_page]
        listed = view.matching([each for each in aside if self._is_listed(step, each)])
        for each in aside:
            chat = step.chat(each)
            if chat is not None and not chat.is_live:
                states[each] = State.ENDED
            elif each not in listed:
                states[each] = State.LEFT
        return states

    def _remember(self, step: Step, view: "_View", touched: list[str]) -> None:
        """Keep what the next step compares with: of the page, and of the last that left it."""
        on_page = set(self._page)
        read = {each for each in touched if each in on_page and step.chat(each) is not None}
        self._places = {k: v for k, v in self._places.items() if k in on_page} | {
            each: self._place(step, each, view) for each in read
        }
        left = [each for each in self._revisions if each not in on_page][-SHOWN_LIMIT:]
        self._revisions = {each: self._revisions.get(each, "") for each in [*left, *self._page]}
        long = near_now() - timedelta(seconds=LONG_WAIT_SECONDS)
        waits = {k: v for k, v in self._waits.items() if k in on_page and k not in read}
        for each in read:
            chat = step.chat(each)
            if chat is not None and chat.is_live:
                waits[each] = chat.received_at
        self._waits = {each: since for each, since in waits.items() if since > long}
        soonest = min(self._waits.values(), default=None)
        self._look_at = (
            None if soonest is None else time.monotonic() + (soonest - long).total_seconds() + 0.05
        )

    # --- Numbers ---------------------------------------------------------------------------------

    def _numbers(self, step: Step, view: "_View") -> dict[str, Any]:
        """Return the number of all chats of the list, if it is another, with what says it."""
        changes = step.changes
        if changes.everything or changes.chats or self._total < 0 or not self._is_judged:
            self._is_miscounted = True
        if not (self._is_miscounted and self._count.is_due(step.at)):
            return {}
        self._is_miscounted = False
        self._count.done(step.at)
        total = step.total(self.key.actor, view.chosen)
        if total == self._total:
            return {}
        self._total, self._selection = total, view.selection(total)
        return {"total": total, "selection": self._selection}


class _View:
    """What a list's address says now: it may name what has another meaning than before."""

    def __init__(self, key: ListKey) -> None:
        self.actor = key.actor
        given = QueryDict(key.query)
        self.chosen = read_chosen(key.actor, given)
        self.sort = columns.known_sort(given.get("sort", ""))
        self.number = _number(given.get("page", ""))
        self.is_judged = not self.chosen.refusal and _fields([self.chosen.whole]) <= OF_THE_CHAT
        fields = columns.BY_NAME[self.sort.removeprefix("-")].fields
        self.sorts_by = [name.removeprefix("-") for name in fields]

    def ids(self) -> list[str]:
        """Return the ids of the page, in order."""
        chats = columns.sorted_chats(interactions_visible(self.actor, self.chosen), self.sort)
        first = (self.number - 1) * PAGE_SIZE
        return list(chats.values_list("pk", flat=True)[first : first + PAGE_SIZE])

    def matching(self, listed: Collection[str]) -> set[str]:
        """Return those of these live chats that the conditions hold for."""
        if not listed or not self.chosen.condition:
            return set(listed)
        found = interactions_visible(self.actor, self.chosen).filter(pk__in=list(listed))
        return set(found.order_by().values_list("pk", flat=True))

    def selection(self, total: int) -> str:
        """Return the bar below the list, which says how many chats there are."""
        page = Paginator(range(total), PAGE_SIZE).get_page(self.number)
        context = selection_context(self.chosen, self.sort, page)
        context["may"] = {"send": self.actor.may(Permission.SEND)}
        return render_to_string("board/_selection.html", context).strip()


@dataclass(slots=True)
class BoardCounts:
    """How many chats the saved views have, and all together."""

    key: CountsKey
    _is_miscounted: bool = True
    _told: bytes = b""
    _count: _Pace = field(default_factory=lambda: _Pace(COUNT_VIEWS_SECONDS))

    @property
    def due_in(self) -> float | None:
        return self._count.at - time.monotonic() if self._is_miscounted else None

    def step(self, step: Step) -> Drawn | None:
        if step.changes != Changes():
            self._is_miscounted = True
        if not (self._is_miscounted and self._count.is_due(step.at)):
            return None
        self._is_miscounted = False
        self._count.done(step.at)
        told = _message(views=self._numbers(step))
        if told == self._told:
            return None
        is_first, self._told = not self._told, told
        return Drawn([] if is_first else [told], told)

    def _numbers(self, step: Step) -> dict[str, int]:
        if not self.key.views:
            return {"all": step.total(self.key.actor)}
        total, found = views_counted(self.key.actor, saved_views_by_id(self.key.views))
        numbers = {str(each.view.pk): each.number for each in found if not each.refusal}
        return {"all": total, **numbers}
