"""Open boards beside the feed: what each change costs, and how soon it is on a board.

10,000 live chats of four teams, most of them of one; 200 changes a second, ten at a time; 200
boards, 50 of each team, in a process of their own (`board_clients`).
"""

import json
import random
import subprocess
import sys
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
from django.db import connection
from django.test import Client as DjangoClient
from django.utils import timezone

from console.accounts.models import Team
from console.accounts.services import api_client_create, team_create, user_create
from console.actors import system_actor
from console.interactions.models import Interaction
from tests.support.signing_in import sign_in
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, percentile_95, row
from tools.bench.served import Visitor, served
from tools.bench.world import ROOT, World, user_data

LIVE = 10_000
# How large a part of the chats each team has.
TEAMS = {"north": 0.55, "east": 0.25, "south": 0.15, "west": 0.05}
PEOPLE, BOARDS_EACH = 5, 10
A_SECOND, IN_A_CALL, MOST_TENS = 200, 10, 100
# Of the changes of a call: so many are on pages that boards show, one chat comes, and one ends.
ON_PAGES = 5
# Chats in the first rows stay, so that their changes must come to each board of their team.
PAGE, STAYS = 100, 80
SETTLE_SECONDS = 3.0


@dataclass
class Told:
    """A change that each board of its team must show: its mark, and when it was sent."""

    team: int
    chat: str
    mark: int
    at: float


@dataclass
class Feed:
    """Says changes as a feed does, one call after the other: the ten of each moment, with all that
    has come while the call before was under way."""

    api: Visitor
    queues: list[deque[str]]
    marks: int = 0
    comes: int = 0
    told: list[Told] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    accepted: int = 0
    refused: list[str] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(17))

    def run(self, seconds: float) -> float:
        """Tell for so long. Answers the changes that were taken a second."""
        self.told, self.seconds, self.refused, self.accepted = [], [], [], 0
        self.api.http.close()  # the server has ended what lay idle, and another begins
        tens, said, took = round(seconds * A_SECOND / IN_A_CALL), 0, 0.0
        begun = time.monotonic()
        while said < tens:
            late = time.monotonic() - begun - said * IN_A_CALL / A_SECOND
            time.sleep(max(0.0, -late))
            due = min(tens - said, 1 + max(0, int(late * A_SECOND / IN_A_CALL)), MOST_TENS)
            took = time.monotonic() - begun
            self._call([event for _ in range(due) for event in self._ten()])
            said += due
        return self.accepted / max(seconds, took)  # up to the last call, which may end later

    def _ten(self) -> list[dict[str, Any]]:
        return [
            *(self._change(on_page=True) for _ in range(ON_PAGES)),
            *(self._change(on_page=False) for _ in range(IN_A_CALL - ON_PAGES - 2)),
            self._come(),
            self._end(),
        ]

    def _call(self, events: list[dict[str, Any]]) -> None:
        begun = time.monotonic()
        try:
            answer = json.loads(self.api.ask("/api/v1/interactions/events/", {"events": events}))
        except (RuntimeError, OSError) as error:  # its changes do not count as taken
            self.refused.append(str(error))
            self.api.http.close()
            return
        finally:
            self.seconds.append(time.monotonic() - begun)
        if answer["rejected"]:
            raise RuntimeError(f"the feed was refused {answer['rejected'][0]}")
        self.accepted += answer["accepted"]

    def _change(self, *, on_page: bool) -> dict[str, Any]:
        if on_page:
            team = self.chance.randrange(len(self.queues))
            chat = self.queues[team][self.chance.randrange(STAYS)]
        else:
            team = self._any_team()
            own = self.queues[team]
            chat = own[self.chance.randrange(PAGE, len(own))]
        self.marks += 1
        if on_page:
            self.told.append(Told(team, chat, self.marks, time.monotonic()))
        return _event(chat, agent=f"mark-{self.marks}")

    def _come(self) -> dict[str, Any]:
        team = self._any_team()
        self.comes += 1
        chat = f"0001BOARD{self.comes:07}"
        self.queues[team].append(chat)
        return _event(chat, **_facts(team, chat))

    def _end(self) -> dict[str, Any]:
        """Mostly some chat; now and then one on a page, where the next comes in."""
        team = self._any_team()
        own = self.queues[team]
        is_on_page = self.chance.random() < 0.2
        place = self.chance.randrange(*((STAYS, PAGE) if is_on_page else (PAGE, len(own))))
        chat = own[place]
        del own[place]
        return _event(chat, "stopped")

    def _any_team(self) -> int:
        return self.chance.choices(range(len(TEAMS)), [*TEAMS.values()])[0]


def _event(chat: str, kind: str = "upsert", **facts: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"type": kind, "occurred_at": now, "interaction": {"id": chat, **facts}}


def _facts(team: int, chat: str) -> dict[str, Any]:
    return {
        "queue": f"queue-{[*TEAMS][team]}",
        "locale": "en",
        "user_data": user_data("east", chat),
    }


def board(world: World) -> list[Row]:
    """The feed without a board, and with 200."""
    queues, cookies = _fill()
    rounds = []
    with served(world) as address:
        feed = Feed(_program(address), queues)
        feed.run(3)  # warms up
        for number in range(world.rounds):
            rounds.append(_round(world, feed, address, cookies))
            say(f"board: round {number + 1} of {world.rounds}, {rounds[-1].note}")
    return _rows(rounds, len(cookies))


@dataclass
class Measured:
    """One round. Times are in milliseconds."""

    accepted: Pair
    feed: Pair
    latency: Pair
    bytes: Pair
    note: str


def _round(world: World, feed: Feed, address: str, cookies: list[str]) -> Measured:
    alone = feed.run(world.board_seconds / 2)
    alone_p95 = percentile_95(feed.seconds)
    with _boards(address, cookies) as boards:
        is_sent_rows = boards({})["rows"]
        feed.run(2)
        boards("begin")
        used = _Used(boards.pid)
        accepted = feed.run(world.board_seconds)
        time.sleep(SETTLE_SECONDS)
        said = boards("end")
        spent = used.note(world.board_seconds)
    if said["ended"]:
        raise RuntimeError(f"{said['ended']} streams ended: {said['why']}")
    late, missing = _late(feed.told, said["marks"], len(cookies) // len(TEAMS))
    changes = accepted * world.board_seconds * len(cookies)
    taken = said["stream_bytes"] + said["load_bytes"]
    note = (
        f"A change is on a board after {1e3 * late[len(late) // 2]:.0f} ms at p50, "
        f"{1e3 * percentile_95(late):.0f} at p95, {1e3 * late[-1]:.0f} at most; "
        f"{missing} of {missing + len(late)} were not seen. {_refused(feed)}"
        f"{'Rows' if is_sent_rows else 'Topics'} were sent: {taken / 1e6:.1f} MB, "
        f"{said['loads']} loads of the whole list, events {said['events']}. {spent}"
    )
    return Measured(
        Pair(accepted, alone),
        Pair(1e3 * percentile_95(feed.seconds), 1e3 * alone_p95),
        Pair(1e3 * percentile_95(late), 1e3 * late[len(late) // 2]),
        Pair(taken / changes, taken / max(1, len(late))),
        note,
    )


def _refused(feed: Feed) -> str:
    if not feed.refused:
        return ""
    return f"{len(feed.refused)} calls of the feed were not answered, as {feed.refused[0][:100]}. "


def _late(
    told: list[Told], marks: dict[str, dict[str, list[tuple[float, int]]]], boards_each: int
) -> tuple[list[float], int]:
    """After how many seconds each change was on each board of its team, and how many never came. A
    later change of the same chat stands for it."""
    late: list[float] = []
    missing = 0
    for change in told:
        for board in range(change.team * boards_each, (change.team + 1) * boards_each):
            shown = marks.get(str(board), {}).get(change.chat, [])
            place = bisect_left([mark for _at, mark in shown], change.mark)
            if place == len(shown):
                missing += 1
            else:
                late.append(max(0.0, shown[place][0] - change.at))
    return sorted(late) or [float("inf")], missing


def _rows(rounds: list[Measured], boards: int) -> list[Row]:
    return [
        row(
            "board",
            f"changes that the feed takes a second with {boards} boards : with none",
            [each.accepted for each in rounds],
            unit="changes/s",
            goal=Goal(least=199, of="first"),
            over=min,
        ),
        row(
            "board",
            f"p95 of a call of the feed with {boards} boards : with none",
            [each.feed for each in rounds],
            unit="ms",
            goal=Goal(most=2),
        ),
        row(
            "board",
            "from a change to a board that shows its chat, p95 : p50",
            [each.latency for each in rounds],
            unit="ms",
            goal=Goal(most=1000, of="first"),
        ),
        row(
            "board",
            "bytes for each change and board : for each change that a board shows",
            [each.bytes for each in rounds],
            unit="bytes",
            goal=Goal(most=2000, of="first"),
            note=rounds[-1].note,
        ),
    ]


# --- What is measured with ----------------------------------------------------------------------


def _fill() -> tuple[list[deque[str]], list[str]]:
    """Chats by team in the order of a board, and a cookie for each board, by team."""
    queues: list[deque[str]] = []
    cookies: list[str] = []
    now = timezone.now() - timedelta(minutes=30)
    for number, (name, share) in enumerate(TEAMS.items()):
        people = [_supervisor(f"{name}-{each}") for each in range(PEOPLE)]
        team = team_create(
            system_actor("bench"), name=name, queues=[f"queue-{name}"], members=people
        )
        cookies += [_cookie(person) for person in people for _ in range(BOARDS_EACH)]
        ids = [f"0001{name.upper():0>5}{each:07}" for each in range(round(LIVE * share))]
        _make_chats(ids, number, team, now)
        queues.append(deque(ids))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum would, in a while
    return queues, cookies


def _make_chats(ids: list[str], team_number: int, team: Team, now: datetime) -> None:
    Interaction.objects.bulk_create(
        (
            Interaction(
                id=chat,
                team=team,
                chat_server_name="east",
                customer_name="Zoë Martin",
                agent="mark-0",
                queue=f"queue-{team.name}",
                locale="en",
                received_at=now + timedelta(milliseconds=50 * place),
                last_event_at=now,
                facts_at=now,
                user_data=_facts(team_number, chat)["user_data"],
            )
            for place, chat in enumerate(ids)
        ),
        batch_size=5000,
    )


def _supervisor(name: str) -> Any:
    return user_create(
        system_actor("bench"),
        username=name,
        password="a bench sits on its own",
        roles=["supervisor"],
    )


def _cookie(person: Any) -> str:
    browser = DjangoClient()
    sign_in(browser, person)
    return "; ".join(f"{key}={morsel.value}" for key, morsel in browser.cookies.items())


def _program(address: str) -> Visitor:
    _client, token = api_client_create(system_actor("bench"), name="bench feed", scopes=["feed"])
    return Visitor(address, {"Authorization": f"Bearer {token}", "Accept": "application/json"})


class _Boards:
    """The process that has all boards open."""

    def __init__(self, started: "subprocess.Popen[str]") -> None:
        self.started = started
        self.pid = started.pid

    def __call__(self, order: Any) -> dict[str, Any]:
        """Its answer to an order, or to nothing: what it says of itself."""
        assert self.started.stdin is not None
        assert self.started.stdout is not None
        if order:
            self.started.stdin.write(f"{order}\n")
            self.started.stdin.flush()
        line = self.started.stdout.readline()
        if not line:
            raise RuntimeError("the boards ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def _boards(address: str, cookies: list[str]) -> Iterator[_Boards]:
    started = subprocess.Popen(
        [sys.executable, "-m", "tools.bench.board_clients"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with started:
        assert started.stdin is not None
        try:
            started.stdin.write(json.dumps({"address": address, "cookies": cookies}) + "\n")
            started.stdin.flush()
            yield _Boards(started)
        finally:
            started.kill()


class _Used:
    """What processes take between two moments."""

    def __init__(self, clients: int) -> None:
        self.processes = self._find(clients)
        self.before = {name: self._seconds(found) for name, found in self.processes.items()}

    def note(self, seconds: float) -> str:
        parts = []
        for name, found in self.processes.items():
            spent = self._seconds(found) - self.before[name]
            memory = max((each.memory_info().rss for each in found if each.is_running()), default=0)
            parts.append(
                f"{name} {spent:.1f} s of CPU ({spent / seconds:.2f} cores), {memory >> 20} MB"
            )
        return f"In {seconds:.0f} s: {'; '.join(parts)}."

    def _find(self, clients: int) -> dict[str, list[psutil.Process]]:
        own = psutil.Process()
        serving = [each for each in own.children() if "serve" in each.cmdline()]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            postgres = psutil.Process(cursor.fetchone()[0]).parent()
        assert postgres is not None
        found = {
            f"web server {number + 1}" if len(serving) > 1 else "web server": [each]
            for number, each in enumerate(serving)
        }
        return {
            **found,
            "PostgreSQL": [postgres, *postgres.children()],
            "boards": [psutil.Process(clients)],
            "feeder": [own],
        }

    def _seconds(self, found: list[psutil.Process]) -> float:
        total = 0.0
        for each in found:
            try:
                used = each.cpu_times()
                total += used.user + used.system
            except psutil.NoSuchProcess:
                continue
        return total
