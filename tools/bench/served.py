"""The console as it runs: web server and worker as processes of their own, asked over HTTP."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.db import connection
from django.test import Client as DjangoClient

from console.accounts.models import User
from console.accounts.services import api_client_create, user_create
from console.actors import system_actor
from console.esp.client import Client
from console.sends.models import OPEN_STATUSES, Send, SendStatus
from tests.support.signing_in import sign_in
from tools.bench.measures import create_send, requests, require_delivered
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, percentile_95, row
from tools.bench.world import NOTICE, World, process, worker

DEADLINE_SECONDS = 600
# A round of "single" is the median of so many.
SINGLES = 20
# Between them the system is idle.
PAUSE_SECONDS = 0.05
FEWEST_CYCLES, MOST_IDLE_CYCLES = 5, 100


class Visitor:
    """Keeps one HTTP connection open, as browsers and programs do."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        self.http = HTTPConnection(urlsplit(address).netloc, timeout=DEADLINE_SECONDS)
        self.headers = dict(headers)

    def ask(self, path: str, body: Any = None) -> bytes:
        """The whole answer to GET, or to POST of a body as JSON."""
        if body is None:
            return self._read(path, self._get(path))
        headers = {**self.headers, "Content-Type": "application/json"}
        self.http.request("POST", path, json.dumps(body), headers)
        return self._read(path, self.http.getresponse())

    def _get(self, path: str) -> HTTPResponse:
        try:
            self.http.request("GET", path, headers=self.headers)
            return self.http.getresponse()
        except RemoteDisconnected:  # the server ended what lay idle for a while, as it may
            self.http.close()
            self.http.request("GET", path, headers=self.headers)
            return self.http.getresponse()

    def _read(self, path: str, answer: HTTPResponse) -> bytes:
        content = answer.read()
        if answer.status not in (200, 201, 202):
            raise RuntimeError(f"{path} answered {answer.status}: {content[:300]!r}")
        return content

    def timed(self, path: str) -> float:
        started = time.perf_counter()
        self.ask(path)
        return time.perf_counter() - started


@contextmanager
def served(world: World) -> Iterator[str]:
    """A web server and a worker; answers where the pages are."""
    command = ("manage.py", "serve", "--port", "0")
    log = world.folder / "serve.log"
    with process(*command, ready="Serving on ", log=log) as line, worker(world.folder):
        yield line.split()[2]


def person(address: str) -> tuple[Visitor, User]:
    """Somebody who is signed in and may see all that is visited."""
    name = f"bench{User.objects.count()}"
    user = user_create(
        system_actor("bench"),
        username=name,
        password="a bench sits on its own",
        roles=["supervisor", "auditor"],
    )
    browser = DjangoClient()
    sign_in(browser, user)
    cookies = "; ".join(f"{key}={morsel.value}" for key, morsel in browser.cookies.items())
    return Visitor(address, {"Cookie": cookies, "Accept": "text/html"}), user


def program(address: str) -> Visitor:
    """An API client."""
    name = f"bench at {time.time()}"
    _client, token = api_client_create(system_actor("bench"), name=name, scopes=["send", "read"])
    return Visitor(address, {"Authorization": f"Bearer {token}", "Accept": "application/json"})


# --- One send ----------------------------------------------------------------------------------


def single(world: World) -> list[Row]:
    """From the API's answer to Chat Server's journal, beside the least that it could take."""
    (chat,) = world.chats(1)
    rounds: list[Pair] = []
    asked: list[float] = []
    with served(world) as address, _Floor(world.simulator.url) as floor:
        api = program(address)
        for _ in range(3):  # warms up
            one_send(world, api, chat)
            floor.seconds()
        for number in range(world.rounds):
            sends, floors = [], []
            for _ in range(SINGLES):
                time.sleep(PAUSE_SECONDS)
                sends.append(one_send(world, api, chat))
                time.sleep(PAUSE_SECONDS)
                floors.append(floor.seconds())
            after_answer = statistics.median(after for after, _whole in sends)
            asked.append(1e3 * statistics.median(whole for _after, whole in sends))
            rounds.append(Pair(1e3 * after_answer, 1e3 * statistics.median(floors)))
            say(f"single: round {number + 1} of {world.rounds}, ratio {rounds[-1].ratio:.2f}")
    return [
        row(
            "single",
            "single send, from the API's answer to the journal : commit + round trip",
            rounds,
            unit="ms",
            goal=Goal(most=3),
            note=f"From the request itself it is {statistics.median(asked):.1f} ms.",
            milliseconds_from_request=asked,
        )
    ]


def one_send(world: World, api: Visitor, chat: str) -> tuple[float, float]:
    """Seconds to the journal, from the answer and from the request. The first is below 0 where
    the worker was faster than the answer."""
    journal = world.simulator.journal
    before = journal.stat().st_size if journal.exists() else 0
    requested = time.time()
    answer = json.loads(api.ask("/api/v1/sends/", {"notice": NOTICE, "interactions": [chat]}))
    answered = time.time()
    deadline = time.monotonic() + 30
    while not journal.exists() or journal.stat().st_size == before:
        if time.monotonic() > deadline:
            raise RuntimeError("the send did not arrive")
        time.sleep(0.001)
    arrived = world.simulator.journalled_last()["at"]
    await_finished(Send.objects.get(pk=answer["id"]))
    return arrived - answered, arrived - requested


def await_finished(send: Send) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not Send.objects.filter(pk=send.pk, status=SendStatus.FINISHED).exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"send {send.pk} did not finish")
        time.sleep(0.01)
    require_delivered(send)


class _Floor:
    """One small commit, then one ESP request with its answer: no send can cost less."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> "_Floor":
        parameters = connection.get_connection_params()
        kept = {name: parameters[name] for name in ("host", "user", "dbname")}
        self.database = psycopg.connect(**kept, autocommit=True)
        self.database.execute("CREATE TABLE IF NOT EXISTS bench_floor (n bigint NOT NULL)")
        self.runner = asyncio.Runner()
        self.client = Client(self.url)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.runner.run(self.client.close())
        self.runner.close()
        self.database.close()

    def seconds(self) -> float:
        (request,) = requests(["floor"])
        started = time.perf_counter()
        self.database.execute("INSERT INTO bench_floor VALUES (1)")
        outcome = self.runner.run(self.client.request(request))
        seconds = time.perf_counter() - started
        if outcome.kind != "accepted":
            raise RuntimeError(f"the client got {outcome}")
        return seconds


# --- Pages while it sends ----------------------------------------------------------------------

Visit = tuple[Visitor, str, str]
Times = dict[str, list[float]]


def pages(world: World) -> list[Row]:
    """How long pages and API calls take while a large send drains, and when nothing does."""
    ids = world.chats(world.number)
    found: dict[str, list[Pair]] = {"pages": [], "API calls": []}
    each: dict[str, list[Pair]] = {}
    with served(world) as address:
        browser, user = person(address)
        api = program(address)
        _cycle(_visits(browser, api, create_send(ids[:1], user.to_actor())[1]), {})  # warms up
        for number in range(world.rounds):
            _seconds, send = create_send(ids, user.to_actor())
            visits = _visits(browser, api, send)
            busy = _while_open(visits, send)
            await_finished(send)
            idle = _in_peace(visits, cycles=len(next(iter(busy.values()))))
            _compare(visits, busy, idle, found, each)
            ratios = ", ".join(f"{kind} {pairs[-1].ratio:.2f}" for kind, pairs in found.items())
            say(f"pages: round {number + 1} of {world.rounds}, {ratios}")
    return [
        row(
            "pages",
            f"p95 of {kind} while {len(ids):,} deliveries drain : idle",
            pairs,
            unit="ms",
            goal=Goal(most=3),
            note=_worst(medians := {k: _medians(p) for k, p in each.items() if _kind(k) == kind}),
            each=medians,
        )
        for kind, pairs in found.items()
    ]


def _worst(each: dict[str, dict[str, float]]) -> str:
    """A slow page must not hide a quick one that became slow."""
    path = max(each, key=lambda path: each[path]["ratio"])
    figures = each[path]
    return (
        f"The highest ratio of one alone has {path}: {figures['busy_ms']:.0f} : "
        f"{figures['idle_ms']:.0f} ms, {figures['ratio']:.1f}."
    )


def _visits(browser: Visitor, api: Visitor, send: Send) -> list[Visit]:
    """Visitor, path, and what the path is called whatever the send."""
    paths = ("/board/", "/sends/", "/sends/{}/", "/history/")
    calls = ("/api/v1/interactions/", "/api/v1/sends/", "/api/v1/sends/{}/")
    return [
        *((browser, path.format(send.pk), path) for path in paths),
        *((api, path.format(send.pk), path) for path in calls),
    ]


def _kind(path: str) -> str:
    return "API calls" if path.startswith("/api/") else "pages"


def _cycle(visits: list[Visit], times: Times) -> None:
    for visitor, path, name in visits:
        times.setdefault(name, []).append(visitor.timed(path))


def _while_open(visits: list[Visit], send: Send) -> Times:
    """Cycles that were over before the send was."""
    times: Times = {}
    while True:
        cycle: Times = {}
        _cycle(visits, cycle)
        if not send.deliveries.filter(status__in=OPEN_STATUSES).exists():
            break
        for name, seconds in cycle.items():
            times.setdefault(name, []).extend(seconds)
    cycles = min(map(len, times.values()), default=0)
    if cycles < FEWEST_CYCLES:
        raise RuntimeError(
            f"the send was over after {cycles} visits of each page; take a larger --number"
        )
    return times


def _in_peace(visits: list[Visit], *, cycles: int) -> Times:
    times: Times = {}
    for _ in range(min(max(cycles, 20), MOST_IDLE_CYCLES)):
        _cycle(visits, times)
    return times


def _compare(
    visits: list[Visit],
    busy: Times,
    idle: Times,
    found: dict[str, list[Pair]],
    each: dict[str, list[Pair]],
) -> None:
    for _visitor, _path, name in visits:
        each.setdefault(name, []).append(_p95_ms(busy[name], idle[name]))
    for kind, pairs in found.items():
        of_kind = [name for name in busy if _kind(name) == kind]
        pairs.append(
            _p95_ms(
                [second for name in of_kind for second in busy[name]],
                [second for name in of_kind for second in idle[name]],
            )
        )


def _p95_ms(busy: list[float], idle: list[float]) -> Pair:
    return Pair(1e3 * percentile_95(busy), 1e3 * percentile_95(idle))


def _medians(pairs: list[Pair]) -> dict[str, float]:
    return {
        "busy_ms": statistics.median(pair.first for pair in pairs),
        "idle_ms": statistics.median(pair.second for pair in pairs),
        "ratio": statistics.median(pair.ratio for pair in pairs),
    }
