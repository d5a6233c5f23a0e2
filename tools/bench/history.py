"""Searches of a short and of a long history, as the blocks that each reads.

Blocks of 8 kB are what a search costs whatever else the machine does. The two histories are made
alike (tools.scale): years of sends, skewed. Beside the blocks stands the time of each search as a
multiple of a look-up of one delivery by its id in the same history.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import psycopg
from django.db import connection

from console.actors import Actor, Permission
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery
from console.sends.selectors import deliveries_visible, history_search
from tools.bench.measures import create_send
from tools.bench.progress import say
from tools.bench.results import Row
from tools.bench.world import World
from tools.scale.filling import BEGIN, PAST_SERVER, PERSON, RARE_SERVER, fill, searchable
from tools.scale.words import RARE

SHORT = 100_000
A_PAGE = 101
BLOCKS_MOST, RATIO_MOST, TIMES_MOST = 2000, 2.0, 20.0
WEEK = {"from": "2024-11-20", "until": "2024-11-27"}
TODAY = {"from": f"{BEGIN.year + 3}-11-28"}
SEARCHES: dict[str, dict[str, str]] = {
    "all": {},
    "a word that is nowhere": {"q": "xylophonist"},
    "a rare word": {"q": RARE},
    "a common word": {"q": "agent"},
    "a name": {"q": "Martin"},
    "a name in Cyrillic": {"q": "дмитрий"},
    "a Chinese name, two characters": {"q": "王小"},
    "a Japanese word": {"q": "担当者"},
    "an Arabic name": {"q": "محمد"},
    "a notice's title": {"q": "number 20"},
    "a part of a chat's id": {"q": "00abcd"},
    "delivered": {"status": "delivered"},
    "failed": {"status": "failed"},
    "unknown": {"status": "unknown"},
    "cancelled (there is none)": {"status": "cancelled"},
    "unresolved": {"resolution": "unresolved"},
    "a rare old notice": {"notice": "years-12"},
    "a common notice": {"notice": "years-1"},
    "a version that is nowhere": {"version": "9"},
    "a person": {"actor": f"user:{PERSON + 9}"},
    "a rare person": {"actor": "Agent 079"},
    "a common name": {"actor": "Martin"},
    "a program": {"actor": "client:7"},
    "nobody": {"actor": "Nobody"},
    "a Chat Server of the past": {"chat_server": PAST_SERVER},
    "a rare Chat Server": {"chat_server": RARE_SERVER},
    "a Chat Server": {"chat_server": "east"},
    "a week two years ago": WEEK,
    "the last days": TODAY,
    "a week before anything": {"until": "2020-01-01"},
    "failed at a rare Chat Server": {"status": "failed", "chat_server": RARE_SERVER},
    "failed at one of the past": {"status": "failed", "chat_server": PAST_SERVER},
    "cancelled of a common notice": {"status": "cancelled", "notice": "years-1"},
    "unknown of a person": {"status": "unknown", "actor": f"user:{PERSON}"},
    "a notice by a person": {"notice": "years-2", "actor": f"user:{PERSON + 3}"},
    "an old notice by a program": {"notice": "years-12", "actor": "client:7"},
    "nowhere and failed": {"q": "xylophonist", "status": "failed"},
    "a word, unknown, a rare Chat Server": {
        "q": "agent",
        "status": "unknown",
        "chat_server": RARE_SERVER,
    },
    "a name of an old notice": {"q": "Martin", "notice": "years-12"},
    "a name in a week": {"q": "Martin", **WEEK},
    "failed in a week": {"status": "failed", **WEEK},
    "a person at a Chat Server in a week": {"actor": "Martin", "chat_server": "west", **WEEK},
}
AUDITOR = Actor("user:0", "Auditor", frozenset(Permission), sees_all_teams=True)
SUPERVISOR = Actor(f"user:{PERSON + 60}", "Supervisor", frozenset({Permission.SEND}))


@dataclass
class Cost:
    blocks: int
    seconds: float
    rows: int


@dataclass
class Measured:
    """Costs by search, who searches and from which end; and seconds of a look-up by id."""

    costs: dict[tuple[str, str, str], Cost] = field(default_factory=dict)
    look_up: float = 0.0


def history(world: World) -> list[Row]:
    """Blocks that searches read in a long history : in a short one."""
    long = max(world.history, SHORT)
    create_send(world.chats(1))
    short_ones = _measured(SHORT)
    long_ones = _measured(long)
    return [_row(key, long, long_ones, short_ones) for key in long_ones.costs]


def _row(key: tuple[str, str, str], number: int, long: Measured, short: Measured) -> Row:
    name, who, end = key
    first, second = long.costs[key], short.costs[key]
    times = first.seconds / long.look_up
    ratio = first.blocks / max(second.blocks, 1)
    return Row(
        "history",
        f"{name}, {who}, {end} ({first.rows} rows) of {number:,} : of {SHORT:,}",
        unit="blocks",
        first=first.blocks,
        second=second.blocks,
        ratio=ratio,
        goal=f"≤ {BLOCKS_MOST:,} blocks or ratio ≤ {RATIO_MOST:g}; ≤ {TIMES_MOST:g} look-ups",
        is_met=(first.blocks <= BLOCKS_MOST or ratio <= RATIO_MOST) and times <= TIMES_MOST,
        note=f"{1e3 * first.seconds:.1f} ms, {times:.1f} look-ups by id.",
        details={"times": times, "milliseconds": 1e3 * first.seconds},
    )


def _measured(number: int) -> Measured:
    say(f"history: {number:,} deliveries …")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE sends_historyfact, sends_historypart, sends_origin")
        cursor.execute("DELETE FROM sends_delivery WHERE id > (SELECT min(id) FROM sends_delivery)")
        cursor.execute("DELETE FROM sends_send WHERE id > (SELECT min(id) FROM sends_send)")
        cursor.execute("DELETE FROM catalogue_noticeversion WHERE id > 1000")
        cursor.execute("DELETE FROM catalogue_cannednotice WHERE id > 1000")
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM FULL sends_delivery")
    fill(number)
    say(f"history: {number:,} deliveries are made")
    for _ in searchable():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    say(f"history: {number:,} deliveries can be searched")
    found = Measured(look_up=_look_up())
    for name, given in SEARCHES.items():
        for who, actor in (("auditor", AUDITOR), ("supervisor", SUPERVISOR)):
            for end, order in (("newest", "-pk"), ("oldest", "pk")):
                search = history_search(actor, DeliveryFilter.from_mapping(given)).order_by(order)
                found.costs[name, who, end] = _cost(partial(_page, search))
    return found


def _look_up() -> float:
    """Return the median seconds of reading a delivery by its id."""
    ids = list(Delivery.objects.order_by("?").values_list("pk", flat=True)[:50])
    return median(_cost(partial(_one, pk)).seconds for pk in ids)


def _one(pk: int) -> list[Any]:
    return list(deliveries_visible(AUDITOR).filter(pk=pk))


def _page(found: Any) -> list[Any]:
    return list(found[:A_PAGE])


def _cost(do: Callable[[], list[Any]]) -> Cost:
    """The second time, when what it reads is in memory: the blocks are the same."""
    do()
    with _Blocks() as read:
        began = time.perf_counter()
        rows = do()
        seconds = time.perf_counter() - began
        return Cost(read(), seconds, len(rows))


class _Blocks:
    """What this session reads, as PostgreSQL counts it (18 or newer)."""

    def __enter__(self) -> Callable[[], int]:
        self._other = psycopg.connect(**connection.get_connection_params(), autocommit=True)
        before = self._count()
        return lambda: self._count() - before

    def __exit__(self, *_: object) -> None:
        self._other.close()

    def _count(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush(), pg_backend_pid()")
            (_none, pid) = cursor.fetchone()
            cursor.execute("SELECT 1")
        counted = self._other.execute(
            "SELECT sum(coalesce(hits, 0) + coalesce(reads, 0)) FROM pg_stat_get_backend_io(%s)",
            [pid],
        )
        return sum(int(number) for (number,) in counted)
