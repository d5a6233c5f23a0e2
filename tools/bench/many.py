"""One worker with many Chat Servers beside the same with few, and the connections that it keeps."""

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psutil
from django.db import connection

from console.sends.models import Send
from tests.support.simulators import running_simulator
from tools.bench.measures import create_send
from tools.bench.processors import DATABASE, SIMULATOR, Busy, seconds_of_postgresql
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.served import await_finished
from tools.bench.world import WINDOW, World, make_chats_at, register_chat_server, worker

FEW, MANY = 4, 200
DELIVERIES = 20_000
# A connection that nobody uses is closed after 30 s (console.sends.engine.dispatcher).
IDLE_SECONDS = 40.0
# The worker writes every ten seconds what the search of the history reads.
SEARCHABLE_SECONDS = 60.0
# The jobs of a minute begin at its seconds 0 and 30 (console.sends.tasks, console.audit.tasks).
EVERY_SECONDS, QUIET = 30.0, (4.0, 20.0)
NAME = "notice-console-bench-worker"
WORKER = "worker"
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
            processes = {WORKER: _worker(), SIMULATOR: psutil.Process(simulator.process.pid)}
            _take(of_many[:MANY], processes)  # all is connected
            rounds: list[tuple[_Taken, _Taken]] = []
            most = 0
            for index in range(world.rounds):
                # Each comes first in turn: tables grow, and the machine has other work.
                order = (of_many, of_few) if index % 2 == 0 else (of_few, of_many)
                taken = [_take(ids, processes) for ids in order]
                rounds.append((taken[index % 2], taken[1 - index % 2]))
                most = max(most, _connections())
                ratio = rounds[-1][0].rate / rounds[-1][1].rate
                say(f"many: round {index + 1} of {world.rounds}, ratio {ratio:.3f}")
            time.sleep(IDLE_SECONDS)
            kept = _connections()
    return [
        row(
            "many",
            f"one worker with {MANY} Chat Servers : with {FEW}, {len(of_many):,} deliveries",
            [Pair(many.rate, few.rate) for many, few in rounds],
            unit="deliveries/s",
            goal=Goal(least=0.8),
        ),
        row(
            "many",
            f"a delivery keeps processors busy, {FEW} Chat Servers : {MANY}",
            [Pair(sum(few.busy.values()), sum(many.busy.values())) for many, few in rounds],
            unit="µs",
            note=f"{FEW}: {_told([few.busy for _many, few in rounds])}\n"
            f"{MANY}: {_told([many.busy for many, _few in rounds])}",
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


class _Taken(NamedTuple):
    """Deliveries a second, and how long each keeps processors busy in each place, in µs."""

    rate: float
    busy: Busy


def _take(ids: Sequence[str], processes: dict[str, psutil.Process]) -> _Taken:
    _await_quiet()
    _seconds, send = create_send(ids)
    before, started = _busy(processes), time.perf_counter()
    await_finished(send)
    seconds = time.perf_counter() - started
    after = _busy(processes)
    _await_searchable(send)
    busy = {place: 1e6 * (after[place] - before[place]) / len(ids) for place in after}
    return _Taken(len(ids) / seconds, busy)


def _await_quiet() -> None:
    """Wait for a moment at which none of the jobs runs that the worker has each minute: moving what
    is over, checkpoints and the tree. A send would be hit by them or not, as chance has it."""
    while not QUIET[0] <= time.time() % EVERY_SECONDS <= QUIET[1]:
        time.sleep(0.1)


def _await_searchable(send: Send) -> None:
    """Wait until the search of the history has the send, which is none of the next one's work."""
    give_up = time.monotonic() + SEARCHABLE_SECONDS
    while not Send.objects.filter(pk=send.pk, is_searchable=True).exists():
        if time.monotonic() > give_up:
            raise TimeoutError(f"send {send.pk} is not searchable after {SEARCHABLE_SECONDS:g} s")
        time.sleep(0.2)


def _busy(processes: dict[str, psutil.Process]) -> Busy:
    """Seconds of a processor's time, so far."""
    busy = {place: sum(process.cpu_times()[:2]) for place, process in processes.items()}
    return {**busy, DATABASE: seconds_of_postgresql()}


def _told(rounds: Sequence[Busy]) -> str:
    medians = {place: statistics.median(one[place] for one in rounds) for place in rounds[0]}
    return ", ".join(f"{place} {value:.1f} µs" for place, value in medians.items())


def _worker() -> psutil.Process:
    """Return the worker's process, which is a child of this one."""
    (found,) = [each for each in psutil.Process().children() if "worker" in each.cmdline()]
    return found


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS, [NAME])
        (number,) = cursor.fetchone()
    return int(number)
