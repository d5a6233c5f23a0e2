"""Lists by their rows through the event stream: who gets what, and who is too slow."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.test import Client

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import team_update, user_update
from console.accounts.services.directory import user_follow_groups
from console.actors import Actor
from console.database import notifications
from console.live import events, rows
from console.live.rows import Changes, Drawn, Lists
from console.web.board import differences
from console.web.board.rows import LONG_WAIT_SECONDS
from tests.live.test_events import DEADLINE_SECONDS, Stream, run
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def cookie_of(person: User) -> str:
    client = Client()
    sign_in(client, person)
    jar: SimpleCookie = client.cookies
    return f"{settings.SESSION_COOKIE_NAME}={jar[settings.SESSION_COOKIE_NAME].value}"


@pytest.fixture
def cookie(supervisor: User) -> str:
    return cookie_of(supervisor)


class Board(Stream):
    """A page with the board, and what it was told."""

    def __init__(self, cookie: str, query: str = "", topics: Collection[str] = ()) -> None:
        super().__init__([*topics], cookie)
        asked = self.communicator.scope["query_string"].decode()
        self.communicator.scope["query_string"] = f"{asked}&rows={query}".encode()

    async def said(self, name: str) -> tuple[dict[str, Any], bytes]:
        """The next message that has this in it, and its bytes as they came."""
        while True:
            part = await self.read()
            for event in part.split("\n\n"):
                _kind, found, data = event.partition("event: rows\ndata: ")
                if found and name in (said := json.loads(data)):
                    return said, data.encode()


async def fed(make: Callable[..., Any], *args: Any, **chat: Any) -> None:
    await sync_to_async(make)(*args, **chat)


def test_a_change_comes_to_all_boards_as_the_same_bytes(
    supervisor: User,
    team: Team,
    make_user: Callable[..., User],
    make_interaction: Callable[..., Any],
) -> None:
    make_interaction("a", queue="sales")
    cookies = [
        cookie_of(person)
        for person in (supervisor, make_user("cora", Role.SUPERVISOR, teams=[team]))
    ]

    async def story() -> None:
        async with AsyncExitStack() as pages:
            boards = [await pages.enter_async_context(Board(each)) for each in [*cookies, *cookies]]
            for board in boards:
                assert board.status == 200
                assert (await board.said("sync"))[0]["sync"].startswith("a ")
            await fed(make_interaction, "a", queue="sales", agent="mia")
            told = [await board.said("rows") for board in boards]
            assert len({data for _said, data in told}) == 1
            assert "mia" in told[0][0]["rows"]

    run(story)


def test_of_another_teams_chats_nothing_comes(
    cookie: str, outsider: User, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("open", queue="returns")
    others = cookie_of(outsider)

    async def story() -> None:
        async with Board(cookie) as ours, Board(others) as theirs:
            await ours.said("sync")
            await theirs.said("sync")
            await fed(make_interaction, "a", queue="sales", agent="undercover")
            assert "undercover" in (await ours.said("rows"))[0]["rows"]
            await fed(make_interaction, "open", queue="returns", agent="mia")
            said, _data = await theirs.said("rows")
            assert "mia" in said["rows"]
            assert "undercover" not in said["rows"]

    run(story)


def test_a_page_may_follow_topics_as_well(
    cookie: str, make_interaction: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with Board(cookie, topics=["sending"]) as board:
            await board.said("sync")
            await sync_to_async(notifications.publish)("sending")
            while "data: sending" not in await board.read():
                pass
            await fed(make_interaction, "a", queue="sales")
            assert "reload" in (await board.said("reload"))[0]  # the list was empty

    run(story)


def test_the_page_of_a_chat_hears_of_that_chat_alone(
    cookie: str, make_interaction: Callable[..., Any]
) -> None:
    """A busy feed does not make each open page of a chat load again and again."""
    for chat in "ab":
        make_interaction(chat, queue="sales")

    async def story() -> None:
        async with Stream(["board", "of-chat-a"], cookie) as page:
            assert (await page.read()).startswith(": connected")
            await fed(make_interaction, "b", queue="sales", agent="mia")
            await fed(make_interaction, "a", queue="sales", agent="mia")
            await sync_to_async(notifications.publish)("board")
            assert await page.read() == "data: of-chat-a\n\n"
            assert await page.read() == "data: board\n\n"

    run(story)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("queue%3Dsales%26page%3D2", 200),
        ("waiting_longer_than%3Dsoon", 400),
        ("q%3D" + "x" * 20_001, 400),
        # What can't be used lists nothing, as on the page.
        ("audience%3Dteam%3Anowhere", 200),
    ],
)
def test_a_list_is_named_by_its_address(cookie: str, query: str, status: int) -> None:
    async def story() -> None:
        async with Board(cookie, query) as board:
            assert board.status == status

    run(story)


def test_a_list_is_for_who_may_see_live_chats(editor: User) -> None:
    theirs = cookie_of(editor)

    async def story() -> None:
        async with Board(theirs) as board:
            assert board.status == 403
            assert "You may not follow board." in await board.read()

    run(story)


@pytest.mark.parametrize("change", ["role", "teams", "members", "directory"])
def test_whose_rights_change_gets_nothing_more_by_the_old_ones(
    cookie: str,
    supervisor: User,
    team: Team,
    make_interaction: Callable[..., Any],
    change: str,
) -> None:
    """The stream ends at once; the page connects again, and is told by the new ones."""
    make_interaction("a", queue="sales")

    def now() -> None:
        if change == "role":
            user_update(ROOT, supervisor, roles=[Role.SUPERVISOR, Role.EDITOR])
        elif change == "teams":
            user_update(ROOT, supervisor, teams=[])
        elif change == "directory":
            roles = [Role.SUPERVISOR]
            user_follow_groups(supervisor, roles=roles, teams=[], ruled_teams=[team.name])
        else:
            team_update(ROOT, team, name=team.name, queues=team.queues, members=[])

    async def story() -> None:
        async with Board(cookie) as board:
            await board.said("sync")
            await sync_to_async(now)()
            await fed(make_interaction, "a", queue="sales", agent="undercover")
            told = ""
            while part := await board.read():
                told += part
            assert change == "role" or "undercover" not in told
        async with Board(cookie) as again:
            sync = (await again.said("sync"))[0]["sync"]
            assert bool(sync) == (change == "role")

    run(story)


def test_rights_that_nobody_told_of_end_the_stream_at_the_next_look(
    cookie: str, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.live.events.SESSION_SECONDS", 0.2)

    async def story() -> None:
        async with Board(cookie) as board:
            await board.said("sync")
            await sync_to_async(supervisor.teams.clear)()
            while await board.read():
                pass

    run(story)


def test_a_lost_database_makes_every_list_be_read_anew(
    cookie: str, make_interaction: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not heard comes all the same."""
    monkeypatch.setattr("console.database.notifications.RECONNECT_SECONDS", 0.01)
    chat = make_interaction("a", queue="sales")

    def cut_off() -> None:
        from django.db import connection

        chat.agent = "mia"
        chat.save()  # and tells nobody
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async def story() -> None:
        async with Board(cookie) as board:
            await board.said("sync")
            await sync_to_async(cut_off)()
            assert "mia" in (await board.said("rows"))[0]["rows"]

    run(story)


# --- What is told, and to whom it is too much -----------------------------------------------------


@dataclass
class Numbers:
    """A list that tells a number with each change, in as many bytes as it is asked to."""

    key: str
    due_in: float | None = None
    number: int = 0
    size: int = 10
    seen: list[Changes] = field(default_factory=list)


class Counting:
    """Draws lists of numbers."""

    fails = 0

    def shown(self, actor: Actor, query: str, language: str) -> list[Any]:
        return [Numbers(query)]

    def step(self, lists: Collection[Any], changes: Changes) -> Mapping[Hashable, Drawn]:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("not now")
        for each in lists:
            each.number += 1
            each.seen.append(changes)
        return {each.key: self._drawn(each) for each in lists}

    def _drawn(self, each: Numbers) -> Drawn:
        message = f'{{"n": {each.number}, "x": "{"x" * each.size}"}}'.encode()
        return Drawn([message], f'{{"begin": {each.number}}}'.encode())


@pytest.fixture
def face(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(rows, "_faces", [counting])
    monkeypatch.setattr(rows, "WINDOW_SECONDS", 0.001)
    return counting


def tell(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await story()

    async_to_sync(bounded)()


async def stepped(lists: Lists, shown: Numbers, times: int = 1) -> None:
    """Until so many more changes were told, one by one."""
    for _ in range(times):
        before = shown.number
        lists.heard(["a"])
        while shown.number == before or lists.is_busy:
            await asyncio.sleep(0.001)


def test_a_slow_page_is_told_that_it_missed_some(
    face: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And costs no more memory, however slow it is."""
    monkeypatch.setattr(rows, "BEHIND_BYTES", 5_000)
    monkeypatch.setattr(rows, "RING_BYTES", 8_000)

    async def story() -> None:
        lists, shown = Lists(), Numbers("one", size=1_000)
        with (
            lists.followed([shown], lambda: None) as slow,
            lists.followed([shown], lambda: None) as quick,
        ):
            await stepped(lists, shown)
            assert b'"begin"' in slow.take()
            quick.take()
            await stepped(lists, shown, 3)
            assert slow.take().count(b"event: rows") == quick.take().count(b"event: rows") == 3
            for _ in range(30):
                await stepped(lists, shown)
                assert quick.take().count(b"event: rows") == 1
                (group,) = slow.groups
                assert sum(len(message) for _at, message in group.ring) <= 8_000

            # Nothing is said of what it missed: it compares what it shows with what there is.
            missed = slow.take()
            assert missed == (
                b'event: rows\ndata: {"missed": true}\n\n'
                + f'event: rows\ndata: {{"begin": {shown.number}}}\n\n'.encode()
            )
            assert slow.take() == b""
            await stepped(lists, shown)
            assert slow.take() == quick.take() != b""

    tell(story)


def test_what_changed_while_a_page_was_on_its_way_comes_first(face: Counting) -> None:
    async def story() -> None:
        lists, shown = Lists(), Numbers("one")
        with lists.followed([shown], lambda: None):
            await stepped(lists, shown, 3)
            with lists.followed([Numbers("one")], lambda: None) as later:
                told = later.take().decode()
        assert told.index('"n": 2') < told.index('"n": 3') < told.index('"begin": ')

    tell(story)


def test_changes_are_gathered(face: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        lists, shown = Lists(), Numbers("one")
        with lists.followed([shown], lambda: None):
            await stepped(lists, shown)
            monkeypatch.setattr(rows, "WINDOW_SECONDS", 0.2)
            await stepped(lists, shown)
            before = shown.number
            for each in range(50):
                lists.heard([f"chat{each}"])
                await asyncio.sleep(0)
            lists.heard(sends=True)
            await stepped(lists, shown)
            assert shown.number == before + 1
            assert len(shown.seen[-1].chats) == 51
            assert shown.seen[-1].sends
            # Of very many nobody reads each, and of something else nobody can.
            lists.heard([f"chat{each}" for each in range(rows.CHANGES_MOST + 1)])
            await stepped(lists, shown)
            assert shown.seen[-1].everything
            lists.heard()
            await stepped(lists, shown)
            assert shown.seen[-1].everything

    tell(story)


def test_a_list_that_is_due_is_looked_at(face: Counting) -> None:
    async def story() -> None:
        lists, shown = Lists(), Numbers("one", due_in=0.05)
        with lists.followed([shown], lambda: None):
            while shown.number < 3:
                await asyncio.sleep(0.01)
        assert not any(each.chats or each.everything for each in shown.seen)

    tell(story)


def test_a_step_that_fails_is_made_up_for(face: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AGAIN_SECONDS", 0.01)

    async def story() -> None:
        lists, shown = Lists(), Numbers("one")
        with lists.followed([shown], lambda: None):
            await stepped(lists, shown)
            face.fails = 2
            await stepped(lists, shown)
            assert shown.seen[-1].everything

    tell(story)


def test_a_step_is_followed_by_a_rest_as_long(face: Counting) -> None:
    at: list[tuple[float, float]] = []

    def slow(lists: Collection[Any], changes: Changes) -> Mapping[Hashable, Drawn]:
        begun = time.monotonic()
        time.sleep(0.05)
        told = Counting.step(face, lists, changes)
        at.append((begun, time.monotonic()))
        return told

    face.step = slow

    async def story() -> None:
        lists, shown = Lists(), Numbers("one")
        with lists.followed([shown], lambda: None):
            await stepped(lists, shown, 4)
        for (_begun, ended), (begun, _ended) in pairwise(at):
            assert begun - ended >= 0.05

    tell(story)


def test_nothing_is_kept_of_a_list_that_nobody_follows(face: Counting) -> None:
    async def story() -> None:
        lists, shown = Lists(), Numbers("one")
        with lists.followed([shown], lambda: None):
            await stepped(lists, shown)
        number = shown.number
        lists.heard(["a"])
        await asyncio.sleep(0.05)
        assert shown.number == number
        again = Numbers("one")
        with lists.followed([again], lambda: None):
            await stepped(lists, again)
        assert again.number > 0

    tell(story)


# --- What docs/live.md says ----------------------------------------------------------------------


def test_the_document_has_the_figures_of_the_code() -> None:
    said = " ".join((Path(__file__).parents[2] / "docs" / "live.md").read_text("utf-8").split())
    for words in (
        f"gathers changes for {rows.WINDOW_SECONDS:g} seconds",
        f"queried again every {differences.REFRESH_SECONDS:g} seconds",
        f"has waited for {LONG_WAIT_SECONDS // 60} minutes",
        f"list's chats | counted at most every {differences.COUNT_SECONDS:g} seconds",
        f"saved views | counted at most every {differences.COUNT_VIEWS_SECONDS:g} seconds",
        f"keeps its messages for {rows.RING_SECONDS:g} seconds",
        f"by more than {rows.BEHIND_BYTES // 1024} KiB",
        f"a group | {rows.RING_BYTES // 1024} KiB",
        f"beyond those | {rows.BEHIND_BYTES // 1024} KiB",
    ):
        assert words in said
    assert events.SESSION_SECONDS == 60  # "within a minute"


# --- What is told by NOTIFY -----------------------------------------------------------------------


def heard_of(ids: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(notifications, "publish", lambda *topics: told.extend(topics))
    notifications.publish_chats(ids)
    return told


def test_changed_chats_are_told_by_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard_of(["b", "a", "b"], monkeypatch) == ["chats b a"]
    assert heard_of([], monkeypatch) == []
    assert notifications.changed_chats("chats b a") == ["b", "a"]
    assert notifications.changed_chats("board") == []
    assert notifications.changed_chats("of-chat-chats") == []


def test_many_changed_chats_are_told_in_parts_and_very_many_as_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [f"{each:064}" for each in range(1000)]
    told = heard_of(ids, monkeypatch)
    assert 1 < len(told) <= notifications.PAYLOADS_MOST
    assert max(map(len, told)) < 8000
    assert [chat for each in told for chat in notifications.changed_chats(each)] == ids
    assert heard_of([f"{each:064}" for each in range(5000)], monkeypatch) == ["board"]


def test_a_feeds_batch_of_a_thousand_can_be_told() -> None:
    """PostgreSQL takes each of its payloads."""
    notifications.publish_chats(f"{each:064}" for each in range(1000))
