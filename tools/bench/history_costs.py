"""What searches of the history cost in the database of the settings: the blocks of 8 kB that each
reads, and its time. `make scale` fills such a database.

`python -m tools.bench.history_costs` prints them as JSON. It only reads.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from random import Random
from statistics import median
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()

import psycopg
from django.db import connection
from django.db.models import Max, Min

from console.actors import Actor, Permission
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery
from console.sends.selectors import deliveries_visible, history_search
from tools.scale.filling import BEGIN, PAST_SERVER, PERSON, RARE_SERVER
from tools.scale.words import RARE

A_PAGE, TIMES = 101, 3
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


PEOPLE = {"auditor": AUDITOR, "supervisor": SUPERVISOR}
NEWEST, MIDDLE, OLDEST = "newest", "middle", "oldest"


@dataclass
class Cost:
    blocks: int
    seconds: float
    rows: int


@dataclass
class Measured:
    """Costs by "search, who searches, which page", of so many deliveries; and the seconds of a
    look-up by id."""

    deliveries: int
    look_up: float
    costs: dict[str, Cost] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> "Measured":
        given = json.loads(text)
        costs = {name: Cost(**cost) for name, cost in given["costs"].items()}
        return cls(given["deliveries"], given["look_up"], costs)


def measured() -> Measured:
    first, last = Delivery.objects.aggregate(a=Min("pk"), b=Max("pk")).values()
    found = Measured(deliveries=last - first + 1, look_up=_look_up(first, last))
    pages = {
        NEWEST: {"order": "-pk"},
        MIDDLE: {"order": "-pk", "pk__lt": (first + last) // 2},
        OLDEST: {"order": "pk"},
    }
    for name, given in SEARCHES.items():
        for who, actor in PEOPLE.items():
            for page, place in pages.items():
                search = history_search(actor, DeliveryFilter.from_mapping(given))
                search = search.order_by(place["order"])
                if "pk__lt" in place:
                    search = search.filter(pk__lt=place["pk__lt"])
                found.costs[f"{name}, {who}, {page}"] = _cost(partial(_page, search))
    return found


def _look_up(first: int, last: int) -> float:
    """Return the median seconds of reading a delivery by its id."""
    chance = Random(17)
    ids = [chance.randint(first, last) for _ in range(50)]
    return median(_cost(partial(_one, pk)).seconds for pk in ids)


def _one(pk: int) -> list[Any]:
    return list(deliveries_visible(AUDITOR).filter(pk=pk))


def _page(found: Any) -> list[Any]:
    return list(found[:A_PAGE])


def _cost(do: Callable[[], list[Any]]) -> Cost:
    """The second time, when what it reads is in memory: the blocks are the same. The seconds are
    the median of a few times, for a look-up as for a search: whatever else the machine does makes
    both longer."""
    do()
    with _Blocks() as read:
        seconds, rows = _timed(do)
        blocks = read()
    again = [_timed(do)[0] for _ in range(TIMES - 1)]
    return Cost(blocks, median([seconds, *again]), len(rows))


def _timed(do: Callable[[], list[Any]]) -> tuple[float, list[Any]]:
    began = time.perf_counter()
    rows = do()
    return time.perf_counter() - began, rows


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


if __name__ == "__main__":
    json.dump(asdict(measured()), sys.stdout)
