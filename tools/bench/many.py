"""One worker with many Chat Servers beside the same with few, and the connections that it keeps."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection

from tests.support.simulators import running_simulator
from tools.bench.measures import create_send
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.served import await_finished
from tools.bench.world import WINDOW, World, make_chats_at, register_chat_server, worker

FEW, MANY = 4, 200
DELIVERIES = 20_000
# A connection that nobody uses is closed after 30 s (console.sends.engine.dispatcher).
IDLE_SECONDS = 40.0
NAME = "notice-console-bench-worker"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"


def many(world: World) -> list[Row]:
    """Deliveries a second of one send, with as many connections as PostgreSQL has by default."""
    number = min(world.number, DELIVERIES)
    names = [f"many-{n:03}" for n in range(MANY)]
    with running_simulator("many", world.folder / "many.jsonl") as simulator:
        simulator.control("answer_to", names=names)
        for name in names:
            register_chat_server(
                name, simulator.url, window=WINDOW, pace_per_second=100_000, burst=100_000
            )
        of_few, of_many = _chats(names[:FEW], number), _chats(names, number)
        with _named(), worker(world.folder):
            _rate(of_many[:MANY])  # all is connected
            rounds = []
            most = 0
            for round_ in range(world.rounds):
                rounds.append(Pair(_rate(of_many), _rate(of_few)))
                most = max(most, _connections())
                say(f"many: round {round_ + 1} of {world.rounds}, ratio {rounds[-1].ratio:.3f}")
            time.sleep(IDLE_SECONDS)
            kept = _connections()
    return [
        row(
            "many",
            f"one worker with {MANY} Chat Servers : with {FEW}, {len(of_many):,} deliveries",
            rounds,
            unit="deliveries/s",
            goal=Goal(least=0.8),
        ),
        row(
            "many",
            f"connections that it keeps when idle : right after {MANY} Chat Servers",
            [Pair(kept, most)],
            unit="connections",
            goal=Goal(most=10, of="first"),
        ),
    ]


@contextmanager
def _named() -> Iterator[None]:
    """PostgreSQL knows the sessions of processes that are started here by a name."""
    os.environ["PGAPPNAME"] = NAME
    try:
        yield
    finally:
        del os.environ["PGAPPNAME"]


def _chats(names: Sequence[str], number: int) -> list[str]:
    """So many chats at these Chat Servers, in turn."""
    each, first = number // len(names), len(names) * 1000
    ids = make_chats_at({name: range(first, first + each) for name in names})
    return [ids[server * each + n] for n in range(each) for server in range(len(names))]


def _rate(ids: Sequence[str]) -> float:
    _seconds, send = create_send(ids)
    started = time.perf_counter()
    await_finished(send)
    return len(ids) / (time.perf_counter() - started)


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS, [NAME])
        (number,) = cursor.fetchone()
    return int(number)
