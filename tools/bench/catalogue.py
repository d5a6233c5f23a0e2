"""A large catalogue beside a small one: how long its pages and its search take, and its import."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import connection
from django.test import Client as DjangoClient

from console.accounts.models import User
from console.accounts.services import api_client_create, user_create
from console.actors import Actor, system_actor
from console.catalogue.transfer.importing import catalogue_import, catalogue_restore
from console.catalogue.transfer.plans import Plan
from tests.support.signing_in import sign_in
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, percentile_95, row
from tools.bench.served import Visitor, served
from tools.bench.world import World

SMALL, LARGE = 1000, 20_000
VERSIONS = 3
VISITS = 40
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECTS = ("delivery", "payment", "opening hours", "password", "return", "invoice", "weather")
# A word of many titles, a part of one key, words of the texts, and what nobody has written.
WANTED = ("delivery", "notice-00042", "invoice 77", "atrasada", "nowhere")
TEXTS = {
    "en": "Hello {{{{ data.FirstName | default: 'there' }}}}, your {subject} {number} is late.",
    "pt-BR": "Olá {{{{ data.FirstName | default: 'cliente' }}}}, {subject} {number} atrasada.",
    "de": "Guten Tag, Ihr Anliegen ({subject}, Nummer {number}) verspätet sich leider.",
}
COLUMNS = (
    *("key", "kind", "title", "category", "version", "status", "default_locale", "visibility"),
    *("author", "author_name", "created_at", "submitted_at"),
    *("reviewer", "reviewer_name", "reviewed_at", "reject_reason"),
)
PATHS = {
    "list": ("/notices/",),
    "search": tuple(f"/notices/?q={word.replace(' ', '+')}" for word in WANTED),
    "search by API": tuple(f"/api/v1/notices/?q={word.replace(' ', '+')}" for word in WANTED),
    "editor": tuple(f"/notices/notice-{number:05}/edit/" for number in range(0, SMALL, 100)),
}
Times = dict[str, list[float]]


def catalogue(world: World) -> list[Row]:
    """p95 of pages and API calls with 20,000 notices : with 1,000; and rows imported a second."""
    large = min(LARGE, world.number)
    root = system_actor("bench")
    editor = _editor()
    restored = _timed(partial(_restore, root, range(SMALL)))
    with served(world) as address:
        visitors = _visitors(address, editor)
        small = [_round(visitors) for _ in range(world.rounds)]
        restored = _timed(partial(_restore, root, range(SMALL, large)))
        say(f"catalogue: {large:,} notices, restored at {restored:,.0f} rows a second")
        big = [_round(visitors) for _ in range(world.rounds)]
    drafted = _timed(partial(_draft, editor.to_actor(), large))
    return [
        *(_row_of(name, large, big, small) for name in PATHS),
        row(
            "catalogue",
            f"import of {large:,} rows as drafts : restoring rows with their reviews",
            [Pair(drafted, restored)],
            unit="rows/s",
            goal=Goal(least=500, of="first"),
        ),
    ]


def _row_of(name: str, large: int, big: list[Times], small: list[Times]) -> Row:
    pairs = [
        Pair(1e3 * percentile_95(one[name]), 1e3 * percentile_95(other[name]))
        for one, other in zip(big, small, strict=True)
    ]
    return row(
        "catalogue",
        f"p95 of the {name} with {large:,} notices : with {SMALL:,}",
        pairs,
        unit="ms",
        goal=Goal(most=2),
    )


def _editor() -> User:
    return user_create(
        system_actor("bench"),
        username="bench-editor",
        password="a bench sits on its own",
        roles=["editor"],
    )


def _visitors(address: str, editor: User) -> dict[str, Visitor]:
    browser = DjangoClient()
    sign_in(browser, editor)
    cookies = "; ".join(f"{key}={morsel.value}" for key, morsel in browser.cookies.items())
    page = Visitor(address, {"Cookie": cookies, "Accept": "text/html"})
    _client, token = api_client_create(system_actor("bench"), name="catalogue", scopes=["read"])
    api = Visitor(address, {"Authorization": f"Bearer {token}", "Accept": "application/json"})
    return {name: api if "API" in name else page for name in PATHS}


def _round(visitors: dict[str, Visitor]) -> Times:
    """Each kind of path VISITS times, in turns; the first of each warms up."""
    times: Times = {name: [] for name in PATHS}
    for number in range(VISITS + 1):
        for name, paths in PATHS.items():
            seconds = visitors[name].timed(paths[number % len(paths)])
            if number:
                times[name].append(seconds)
    return times


def _timed(do: partial[Plan]) -> float:
    """Rows a second."""
    started = time.perf_counter()
    plan = do()
    seconds = time.perf_counter() - started
    if plan.is_refused:
        raise RuntimeError(f"rows were refused: {plan.rows[0].to_json()}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum would, in a while
    return len(plan.rows) / seconds


def _restore(actor: Actor, numbers: range) -> Plan:
    records = [record for number in numbers for record in _records(number)]
    document = {"columns": COLUMNS, "records": records}
    return catalogue_restore(actor, file_name="bench.json", content=json.dumps(document).encode())


def _records(number: int) -> Iterator[dict[str, object]]:
    subject = SUBJECTS[number % len(SUBJECTS)]
    for version in range(1, VERSIONS + 1):
        at = (BEGAN + timedelta(days=version)).isoformat()
        yield {
            "key": f"notice-{number:05}",
            "kind": "message",
            "title": f"{subject.capitalize()} {number} is late",
            "category": subject,
            "version": version,
            "status": "published" if version == VERSIONS else "superseded",
            "default_locale": "en",
            "visibility": "ALL",
            "author": "ann",
            "author_name": "Ann",
            "created_at": at,
            "submitted_at": at,
            "reviewer": "bob",
            "reviewer_name": "Bob",
            "reviewed_at": at,
            "bodies": {
                locale: text.format(subject=subject, number=f"{number} ({version})")
                for locale, text in TEXTS.items()
            },
        }


def _draft(actor: Actor, number: int) -> Plan:
    """A new English text for every notice, as a person's file."""
    lines = ["key,body:en"]
    lines += [f'notice-{each:05},"Sorry, {each} is later still."' for each in range(number)]
    return catalogue_import(actor, file_name="bench.csv", content="\n".join(lines).encode())
