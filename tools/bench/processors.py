"""How long a delivery keeps a processor busy, and where: what stands between engine and client.

The event loop and the database threads of a worker take turns. PostgreSQL and the simulator are
processes of their own. With few cores all share them, so each has a say in the engine's rate.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from django.db import connection

from tools.bench.measures import bare_client, create_send, drain, warm_up
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

LOOP, THREADS, DATABASE, SIMULATOR = PLACES = (
    *("event loop", "database threads"),
    *("PostgreSQL", "simulator"),
)
# How long PostgreSQL may take to end the sessions of before.
SETTLE_SECONDS = 0.3

Busy = dict[str, float]


def processors(world: World) -> list[Row]:
    """Microseconds of a processor a delivery, with answers that differ."""
    ids = world.chats(world.medium)
    world.simulator.faults(numbered=True)
    warm_up(world)
    simulator = psutil.Process(world.simulator.process.pid)
    engine: list[Busy] = []
    client: list[Busy] = []
    for number in range(world.rounds):
        _seconds, send = create_send(ids)
        engine.append(_busy(simulator, len(ids), lambda: drain(send)))  # noqa: B023 - called at once
        client.append(_busy(simulator, len(ids), lambda: bare_client(world.simulator.url, ids)))
        say(f"processors: round {number + 1} of {world.rounds}, {_told([engine[-1]])}")
    world.simulator.faults(numbered=False)
    return [
        row(
            "processors",
            "a delivery keeps processors busy, answers that differ: engine : bare ESP client",
            [
                Pair(sum(one.values()), sum(other.values()))
                for one, other in zip(engine, client, strict=True)
            ],
            unit="µs",
            goal=Goal(most=2.5),
            note=f"engine: {_told(engine)}\nbare ESP client: {_told(client)}",
        )
    ]


def _told(rounds: list[Busy]) -> str:
    medians = {place: statistics.median(one[place] for one in rounds) for place in PLACES}
    return ", ".join(f"{place} {value:.1f} µs" for place, value in medians.items())


def _busy(simulator: psutil.Process, number: int, work: Callable[[], object]) -> Busy:
    before = _seconds(simulator)
    work()
    after = _seconds(simulator)
    return {place: 1e6 * (after[place] - before[place]) / number for place in PLACES}


def _seconds(simulator: psutil.Process) -> Busy:
    """Of a processor's time, so far. The event loop runs in this thread."""
    time.sleep(SETTLE_SECONDS)
    loop = time.thread_time()
    return {
        LOOP: loop,
        THREADS: time.process_time() - loop,
        DATABASE: seconds_of_postgresql(),
        SIMULATOR: sum(simulator.cpu_times()[:2]),
    }


def seconds_of_postgresql() -> float:
    """Return the processor time of its processes that have ended, and of those that there are."""
    folder = Path(connection.settings_dict["HOST"])
    server = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
    times = server.cpu_times()
    return (
        times.children_user
        + times.children_system
        + sum(sum(child.cpu_times()[:2]) for child in server.children())
    )
