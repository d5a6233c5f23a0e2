"""Boards by differences: a page that took them shows what a fresh one shows, and nobody is told of
what they may not see."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import team_create, team_update
from console.interactions.audience.audience import Audience
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import feed_apply
from console.interactions.services.saved_views import saved_view_create
from console.live.rows import Changes
from console.sends.models import DeliveryStatus, Send
from console.web.board.differences import CountsKey, ListKey
from console.web.kept import _drawn
from tests.live.boards import Desk, Page
from tests.support.compact import compact
from tests.support.factories import ROOT, make_send, upsert

pytestmark = pytest.mark.django_db

QUERIES = {
    "all": "",
    "second page": "page=2",
    "newest first": "sort=waiting",
    "by customer": "sort=customer",
    "by agent, downwards": "sort=-agent",
    "a queue": "queue=sales",
    "a word": "q=ann",
    "a language": "locale=pt-br",
    "conditions": "audience=data.Plan%3Agold+not+online%3Afalse",
    "a queue, second page": "queue=sales&page=2&sort=customer",
}
# What depends on the time or on sends is queried again at a pace of its own.
AT_A_PACE = {
    "waiting": "waiting_longer_than=600",
    "earlier sends": "audience=received%3Anotice%2Fhello",
}
STEPS = 14


class Feed:
    """Makes chats, changes and ends them by chance, mostly few of them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.at = timezone.now() - timedelta(hours=1)
        self.numbers = 0
        self.known: list[str] = []

    def some(self) -> frozenset[str]:
        """Answers whose chats have changed, as the feed tells it."""
        events = [self._event() for _ in range(self.chance.choice((1, 1, 2, 5)))]
        assert feed_apply(ROOT, events).rejected == []
        return frozenset(event["interaction"]["id"] for event in events)

    def _event(self) -> dict[str, Any]:
        self.at += timedelta(seconds=1)
        kind, chat = "upsert", ""
        if self.known and self.chance.random() < 0.7:
            chat = self.chance.choice(self.known)
            kind = "stopped" if self.chance.random() < 0.25 else "upsert"
        else:
            self.numbers += 1
            chat = f"chat{self.numbers:03}"
            self.known.append(chat)
        return {
            "type": kind,
            "occurred_at": self.at.isoformat(),
            "interaction": {"id": chat, **(self._facts() if kind == "upsert" else {})},
        }

    def _facts(self) -> dict[str, Any]:
        choice = self.chance.choice
        offered = {
            "queue": choice(("sales", "sales", "billing", "returns")),
            "agent": choice(("", "ann", "Bob", "ärger")),
            "locale": choice(("en", "pt-BR", "pt_br", "")),
            "test": choice((None, None, None, True, False)),
            "received_at": (self.at - timedelta(minutes=choice((1, 30)))).isoformat(),
            "user_data": {
                "FirstName": choice(("Ann", "bert", "Éva", "<b>Zoë</b>")),
                "Plan": choice(("gold", "silver")),
                "IsOnline": choice(("0", "1")),
            },
        }
        chosen = {name: value for name, value in offered.items() if self.chance.random() < 0.5}
        return {name: value for name, value in chosen.items() if value is not None}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.web.board.listing.PAGE_SIZE", 4)
    monkeypatch.setattr("console.web.board.differences.PAGE_SIZE", 4)
    # Numbers come with each change, so that they can be compared.
    monkeypatch.setattr("console.web.board.differences.COUNT_SECONDS", 0)
    monkeypatch.setattr("console.web.board.differences.COUNT_VIEWS_SECONDS", 0)


@pytest.mark.parametrize("seed", range(3))
def test_who_took_the_differences_shows_what_a_fresh_page_shows(
    seed: int, supervisor: User, outsider: User, browse: Callable[..., Client]
) -> None:
    feed, desk = Feed(seed), Desk()
    for _ in range(12):
        feed.some()
    pages = {}
    for person in (supervisor, outsider):
        for name, query in QUERIES.items():
            page = pages[f"{name} of {person}"] = Page(browse(person), query)
            desk.follow(person.to_actor(), page)
    loads = {name: page.loads for name, page in pages.items()}

    for _ in range(STEPS):
        # Several changes may come within one window.
        changed = feed.some() | (feed.some() if feed.chance.random() < 0.3 else frozenset())
        desk.step(Changes(chats=changed))
        for name, page in pages.items():
            rows, total = page.fresh()
            assert list(page.rows) == list(rows), name
            assert page.rows == rows, name
            assert page.total == total, name

    # Only where a list became empty, or was it, is another page to be loaded.
    loaded = sum(page.loads - loads[name] for name, page in pages.items())
    assert loaded < STEPS * len(pages) / 10


@pytest.mark.parametrize("query", AT_A_PACE)
def test_what_depends_on_more_than_the_chat_follows_at_a_pace(
    query: str,
    supervisor: User,
    make_notice: Callable[..., Any],
    browse: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_notice(key="hello")
    feed, desk = Feed(7), Desk()
    for _ in range(12):
        feed.some()
    page = Page(browse(supervisor), AT_A_PACE[query])
    key, _counts = desk.follow(supervisor.to_actor(), page)
    shown = desk.lists[key]
    assert shown.due_in is not None
    # It is due at a moment, not at once and not with each change.
    assert 1 < shown.due_in < 5
    for _ in range(5):
        feed.some()
    monkeypatch.setattr(shown, "_refresh", type(shown._refresh)(3, at=0))  # type: ignore[attr-defined]

    desk.step(Changes())

    assert page.rows == page.fresh()[0]
    assert 1 < (shown.due_in or 0) < 5


def delivered(send: Send) -> None:
    """Its deliveries have arrived."""
    send.deliveries.update(status=DeliveryStatus.DELIVERED, finished_at=timezone.now())


def test_a_sends_end_shows_the_last_notice(
    supervisor: User,
    chat_server: ChatServer,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    chat = make_interaction("a", queue="sales")
    desk, page = Desk(), Page(browse(supervisor))
    desk.follow(supervisor.to_actor(), page)
    make_notice(key="hello")
    delivered(make_send(supervisor, "hello", [chat.pk]))

    desk.step(Changes(sends=True))

    assert "Notice hello" in page.rows["a"]
    assert page.rows == page.fresh()[0]


def test_a_row_is_marked_when_its_chat_has_waited_long(
    supervisor: User, make_interaction: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    """Nothing changes then, and nobody tells of it."""
    came = datetime.now(UTC) - timedelta(seconds=280)
    make_interaction("a", queue="sales", received_at=came.isoformat())
    desk, page = Desk(), Page(browse(supervisor))
    key, _counts = desk.follow(supervisor.to_actor(), page)
    assert "waiting--long" not in page.rows["a"]
    due = desk.lists[key].due_in
    assert due is not None
    assert 5 < due < 25
    shown: Any = desk.lists[key]
    Interaction.objects.filter(pk="a").update(received_at=came - timedelta(seconds=30))
    shown._waits["a"] -= timedelta(seconds=30)  # as if so much time had gone

    desk.step(Changes())

    assert "waiting--long" in page.rows["a"]
    assert desk.lists[key].due_in is None


# --- Who is told what ----------------------------------------------------------------------------


def test_nobody_is_told_of_chats_that_they_may_not_see(
    supervisor: User,
    outsider: User,
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    make_interaction("open", queue="returns")
    make_interaction("ours", queue="sales", user_data={"FirstName": "Secretly"})
    desk = Desk()
    page = Page(browse(outsider))
    desk.follow(outsider.to_actor(), page)
    assert [*page.rows] == ["open"]

    make_interaction("ours", queue="sales", agent="hidden-agent")
    drawn = desk.step(Changes(chats=frozenset({"ours"})))
    assert all(not each.messages for each in drawn.values())

    # A chat that they have seen goes to another team: of what is new nothing is said.
    changed = upsert("open", queue="sales", agent="hidden-agent")
    assert feed_apply(ROOT, [changed, upsert("next", queue="returns")]).accepted == 2
    drawn = desk.step(Changes(chats=frozenset({"open", "next"})))
    said = b"".join(message for each in drawn.values() for message in each.messages)
    assert b"not yours to see any more" in said
    assert b"hidden-agent" not in said
    assert b"Secretly" not in said
    assert [*page.rows] == ["next"]
    make_interaction("open", queue="sales", agent="hidden-still")
    drawn = desk.step(Changes(chats=frozenset({"open"})))
    assert b"hidden" not in b"".join(m for each in drawn.values() for m in each.messages)


def test_the_last_notice_of_another_teams_has_no_title(
    supervisor: User,
    outsider: User,
    team: Team,
    chat_server: ChatServer,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    """The two boards show the same chat, and are told different things of it."""
    chat = make_interaction("open", queue="returns")
    version = make_notice(key="inside")
    version.notice.team = team
    version.notice.save()
    desk = Desk()
    pages = {person: Page(browse(person)) for person in (supervisor, outsider)}
    for person, page in pages.items():
        desk.follow(person.to_actor(), page)
    delivered(make_send(supervisor, "inside", [chat.pk]))

    desk.step(Changes(sends=True))

    assert "Notice inside" in pages[supervisor].rows["open"]
    assert "inside" not in pages[outsider].rows["open"]
    assert "A notice of another team" in pages[outsider].rows["open"]


def test_who_shares_a_list_has_the_same_rights_and_is_nobody_by_name(
    supervisor: User,
    team: Team,
    make_user: Callable[..., User],
    make_notice: Callable[..., Any],
) -> None:
    make_notice(key="hello")
    colleague = make_user("cora", Role.SUPERVISOR, teams=[team])
    desk = Desk()

    def keys(person: User, query: str = "", language: str = "en") -> list[Any]:
        return [each.key for each in desk.face.shown(person.to_actor(), query, language)]

    rows, counts = keys(supervisor)
    assert isinstance(rows, ListKey)
    assert isinstance(counts, CountsKey)
    assert [rows, counts] == keys(colleague)
    assert (rows.actor.ref, rows.actor.name) == ("", "")
    # What is written otherwise means the same.
    assert keys(supervisor, "sort=-waiting&page=1&q=") == keys(colleague, "shown=x")
    other = team_create(ROOT, name="Other", queues=["other"], members=[])
    others = [
        keys(supervisor, "queue=sales")[0],
        keys(supervisor, "page=2")[0],
        keys(supervisor, language="de")[0],
        keys(make_user("rita", Role.SUPERVISOR, teams=[other]))[0],
        keys(make_user("both", Role.SUPERVISOR, teams=[team, other]))[0],
        keys(make_user("more", Role.SUPERVISOR, Role.EDITOR, teams=[team]))[0],
    ]
    assert len({rows, *others}) == len(others) + 1
    # Which sends somebody sees depends on who they are.
    assert keys(supervisor, AT_A_PACE["earlier sends"])[0].actor == supervisor.to_actor()


def test_no_line_of_a_chat_is_in_its_row(
    supervisor: User,
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
    settings: Any,
) -> None:
    settings.TRANSCRIPT_LINES = 10
    make_interaction("a", queue="sales")
    desk, page = Desk(), Page(browse(supervisor))
    desk.follow(supervisor.to_actor(), page)
    lines = [
        {
            "at": timezone.now().isoformat(),
            "party": "agent",
            "nickname": "inside",
            "text": f"for {visibility} alone",
            "visibility": visibility,
        }
        for visibility in ("INT", "VIP")
    ]
    at = timezone.now().isoformat()
    told = {"type": "transcript", "occurred_at": at, "interaction": {"id": "a"}, "lines": lines}
    assert feed_apply(ROOT, [told]).rejected == []
    make_interaction("a", queue="sales", agent="ann")

    drawn = desk.step(Changes(chats=frozenset({"a"})))

    said = b"".join(message for each in drawn.values() for message in each.messages)
    assert b"ann" in said
    assert b"alone" not in said
    assert b"inside" not in said


def test_a_later_page_moves_when_a_chat_before_it_goes_to_another_team(
    outsider: User,
    team: Team,
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    """Nobody on that page has ever seen the chat, and by now they must not."""
    came = timezone.now() - timedelta(minutes=30)
    for each in range(6):
        at = (came + timedelta(seconds=each)).isoformat()
        make_interaction(f"chat{each}", queue="returns", received_at=at)
    desk, page = Desk(), Page(browse(outsider), "page=2")
    desk.follow(outsider.to_actor(), page)
    assert [*page.rows] == ["chat4", "chat5"]
    make_interaction("chat1", queue="sales")

    desk.step(Changes(chats=frozenset({"chat1"})))

    assert [*page.rows] == ["chat5"]
    assert page.total == 5


# --- What it costs -------------------------------------------------------------------------------


def test_a_change_is_read_once_and_drawn_once_for_all(
    supervisor: User,
    team: Team,
    make_user: Callable[..., User],
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.web.board.differences.COUNT_SECONDS", 60)
    monkeypatch.setattr("console.web.board.differences.COUNT_VIEWS_SECONDS", 60)
    came = timezone.now().isoformat()
    for each in range(4):
        make_interaction(f"chat{each}", queue="sales", received_at=came)
    people = [supervisor, *(make_user(f"p{n}", Role.SUPERVISOR, teams=[team]) for n in range(5))]
    desk = Desk()
    pages = [Page(browse(person), query) for person in people for query in ("", "queue=sales")]
    for number, page in enumerate(pages):
        desk.follow(people[number // 2].to_actor(), page)
    assert len(desk.lists) == 3  # two lists, and the numbers above them
    drawn: list[str] = []
    for name, draw in (
        ("console.web.board.differences.render_to_string", render_to_string),
        ("console.web.kept._drawn", _drawn),
    ):
        monkeypatch.setattr(name, lambda *args, draw=draw: drawn.append(args[0]) or draw(*args))
    make_interaction("chat1", queue="sales", agent="mia", received_at=came)

    with CaptureQueriesContext(connection) as queries:
        told = desk.step(Changes(chats=frozenset({"chat1"})))

    assert drawn == ["board/_row.html"]
    assert all("mia" in page.rows["chat1"] for page in pages)
    # The chat, its last notice, and whom the condition on the queue holds for.
    chats = [each["sql"] for each in queries if "interactions_interaction" in each["sql"]]
    assert len(queries) == 3
    assert len(chats) == 2
    sizes = [len(message) for each in told.values() for message in each.messages]
    assert max(sizes) < 2000


def test_what_nobody_shows_costs_nobody_a_message(
    supervisor: User, make_interaction: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    for each in range(6):
        make_interaction(f"chat{each}", queue="sales")
    desk, page = Desk(), Page(browse(supervisor))
    desk.follow(supervisor.to_actor(), page)
    assert "chat5" not in page.rows
    make_interaction("chat5", queue="sales", agent="ann")

    drawn = desk.step(Changes(chats=frozenset({"chat5"})))

    assert drawn == {}


# --- Numbers -------------------------------------------------------------------------------------


def test_numbers_of_saved_views_follow(
    supervisor: User, make_interaction: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    actor = supervisor.to_actor()
    view = saved_view_create(actor, name="Returns", audience=Audience.from_text("queue:returns"))
    make_interaction("a", queue="sales")
    desk, page = Desk(), Page(browse(supervisor))
    _rows, key = desk.follow(actor, page)
    make_interaction("b", queue="returns")

    drawn = desk.step(Changes(chats=frozenset({"b"})))

    assert json.loads(drawn[key].begin) == {"views": {"all": 2, str(view.pk): 1}}
    assert [*drawn[key].messages] == [drawn[key].begin]
    assert desk.step(Changes(everything=True)).get(key) is None


def test_the_bar_below_the_list_comes_with_the_number(
    supervisor: User, make_interaction: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    for each in range(4):
        make_interaction(f"chat{each}", queue="sales")
    desk, page = Desk(), Page(browse(supervisor), "queue=sales")
    key, _counts = desk.follow(supervisor.to_actor(), page)
    make_interaction("chat9", queue="sales")

    drawn = desk.step(Changes(chats=frozenset({"chat9"})))

    (message,) = drawn[key].messages
    said = json.loads(message)
    assert said["total"] == 5
    bar = browse(supervisor).get(reverse("board-rows"), {"queue": "sales"}).content.decode()
    assert compact(said["selection"]) in bar
    assert "Next" in said["selection"]


def test_a_teams_new_queue_comes_to_its_boards(
    supervisor: User,
    team: Team,
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    other = team_create(ROOT, name="Other", queues=["other"])
    make_interaction("a", queue="sales")
    make_interaction("b", queue="other")
    desk, page = Desk(), Page(browse(supervisor))
    desk.follow(supervisor.to_actor(), page)
    assert [*page.rows] == ["a"]
    team_update(ROOT, other, name="Other", queues=[])
    team_update(ROOT, team, name="Sales", queues=["sales", "other"])

    desk.step(Changes(everything=True))

    assert [*page.rows] == ["a", "b"]
