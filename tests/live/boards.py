"""A board as a page has it: it takes what the console tells, and knows nothing else."""

import json
import re
from collections.abc import Hashable
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from console.live.rows import Changes, Drawn, Shown
from console.web.board.differences import Board
from tests.support.compact import compact

HTMX = {"HX-Request": "true"}
ROW = re.compile(r"<tr\s.*?</tr>", re.DOTALL)
# What a browser counts on by itself.
CLOCKS = re.compile(r"(<(?:span data-since|time )[^>]*>)[^<]*")


def rows_in(html: str) -> dict[str, str]:
    """The rows of a part of a page, by their chats, without what clocks show."""
    found = {}
    for row in ROW.findall(compact(html)):
        if chat := re.search(r'data-id="([^"]*)"', row):
            found[unescape(chat[1])] = CLOCKS.sub(r"\1", row)
    return found


def revision(row: str) -> str:
    found = re.search(r'data-rev="([^"]*)"', row)
    return found[1] if found else ""


class Page:
    """An open board: the rows that it has loaded, changed by what it was told since then."""

    def __init__(self, client: Client, query: str = "") -> None:
        self.client = client
        self.live = query
        self.loads = 0
        self.aside: dict[str, str] = {}
        self.load()

    def fresh(self) -> tuple[dict[str, str], int]:
        """What a page shows that is loaded now."""
        answer = self.client.get(f"{reverse('board-rows')}?{self.live}", headers=HTMX)
        html = answer.content.decode()
        total = re.search(r'data-total="(\d+)"', html)
        assert total, html[:500]
        body, _aside, _rest = html.partition("data-aside")
        live = re.search(r'data-live-rows="([^"]*)"', html)
        assert live
        self.found = unescape(live[1])
        return rows_in(body.partition("<tbody>")[2]), int(total[1])

    def load(self) -> None:
        self.loads += 1
        self.rows, self.total = self.fresh()
        self.live = self.found  # the nearest page that there is

    def take(self, message: bytes) -> None:
        said: dict[str, Any] = json.loads(message)
        if said.get("reload") or said.get("missed"):
            self.load()
            return
        changed = rows_in(said.get("rows", ""))
        known = self.rows | changed
        self.aside |= {chat: row for chat, row in changed.items() if chat not in self.rows}
        if "ids" in said:
            page = said["ids"].split()
            self.aside |= {chat: row for chat, row in known.items() if chat not in page}
            self.rows = {chat: known[chat] for chat in page}
        else:
            self.rows = {chat: known[chat] for chat in self.rows}
        if "sync" in said:
            own = " ".join(f"{chat} {revision(row)}" for chat, row in self.rows.items())
            if own != said["sync"]:
                self.load()
        self.total = said.get("total", self.total)


class Desk:
    """The console's side: all lists that somebody follows, as one process has them."""

    def __init__(self) -> None:
        self.face = Board()
        self.lists: dict[Hashable, Shown] = {}
        self.pages: dict[Hashable, list[Page]] = {}
        self.followed: dict[Page, tuple[Any, str, str]] = {}

    def follow(self, actor: Any, page: Page, language: str = "en") -> list[Hashable]:
        """Let a page follow its list. Answers the keys of its groups."""
        self.followed[page] = (actor, page.live, language)
        shown = self.face.shown(actor, page.live, language)
        for each in shown:
            self.lists.setdefault(each.key, each)
            self.pages.setdefault(each.key, []).append(page)
        for key, drawn in self.step(Changes()).items():
            if key == shown[0].key:
                page.take(drawn.begin)
        return [each.key for each in shown]

    def step(self, changes: Changes) -> dict[Hashable, Drawn]:
        """One step; what it tells goes to the pages."""
        drawn = dict(self.face.step([*self.lists.values()], changes))
        for key, each in drawn.items():
            for message in each.messages:
                for page in self.pages[key]:
                    page.take(message)
        for page, (actor, live, language) in [*self.followed.items()]:
            if page.live != live:  # it shows another list by now
                for pages in self.pages.values():
                    pages[:] = [each for each in pages if each is not page]
                self.follow(actor, page, language)
        return drawn
