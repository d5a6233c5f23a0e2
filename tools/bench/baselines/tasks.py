"""One Celery task a delivery, on a Redis that is started for it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import redis

from tools.bench.baselines import deliveries
from tools.bench.measures import engine_rate, in_rounds
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import STOP_SECONDS, World, last_lines, process

Pool = tuple[str, int]
# The best of these on this machine, by a trial before the first round.
POOLS: tuple[Pool, ...] = (("threads", 8), ("prefork", 2), ("prefork", 4), ("prefork", 8))
DEADLINE_SECONDS = 120
TITLE = "engine : one Celery task a delivery, on Redis"
NO_REDIS = "No redis-server on PATH, and so no figure. On Debian: apt-get install redis-server"
_numbers = count(1)


def celery(world: World) -> list[Row]:
    """Only draining is timed; the tasks are in Redis before a worker may take them."""
    program = shutil.which("redis-server")
    if program is None:
        return [Row("celery", TITLE, note=NO_REDIS)]
    ids, few = world.chats(world.medium), world.chats(world.small)
    with _redis(program) as url:
        os.environ |= {"BENCH_REDIS_URL": url, "BENCH_ESP_URL": world.simulator.url}
        pool = min(POOLS, key=lambda pool: _trial(world, pool, few))
        with _worker(world.folder, pool) as worker:
            rounds = in_rounds(
                "celery", world, lambda: Pair(engine_rate(ids), len(few) / worker.drain(few))
            )
    return [
        row(
            "celery",
            TITLE,
            rounds,
            unit="deliveries/s",
            goal=Goal(least=5),
            note=f"The worker has {pool[1]} {pool[0]}, which did best here.",
            deliveries=[len(ids), len(few)],
        )
    ]


def _trial(world: World, pool: Pool, ids: Sequence[str]) -> float:
    with _worker(world.folder, pool) as worker:
        seconds = worker.drain(ids)
    say(f"celery: trial with {pool[1]} {pool[0]}: {len(ids) / seconds:.0f} a second")
    return seconds


class _Worker:
    """A running Celery worker, told over Redis which queue to take from."""

    def __init__(self) -> None:
        from tools.bench.baselines.celery_app import app, send_one

        self.app = app
        self.send_one = send_one

    def await_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self.app.control.ping(timeout=1):
            if time.monotonic() > deadline:
                raise RuntimeError("the Celery worker does not answer")

    def drain(self, ids: Sequence[str]) -> float:
        """Seconds from the moment when the worker may begin to the last outcome."""
        keys = deliveries.make(ids)
        queue = f"bench-{next(_numbers)}"
        with self.app.producer_pool.acquire(block=True) as producer:
            for key in keys:
                self.send_one.apply_async((key,), queue=queue, producer=producer)
        started = time.time()
        self.app.control.add_consumer(queue)
        _await_outcomes(keys)
        seconds = deliveries.last_finished_at(keys).timestamp() - started
        self.app.control.cancel_consumer(queue, reply=True)
        return seconds


def _await_outcomes(keys: Sequence[int]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while left := deliveries.pending(keys):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} of {len(keys)} tasks did not do their work")
        time.sleep(0.05)


@contextmanager
def _worker(folder: Path, pool: Pool) -> Iterator[_Worker]:
    kind, number = pool
    command = (
        *("-m", "celery", "-A", "tools.bench.baselines.celery_app", "worker"),
        *("--pool", kind, "--concurrency", str(number), "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "--queues", "warm-up"),
    )
    log = folder / "celery.log"
    with process(*command, log=log):
        worker = _Worker()
        try:
            worker.await_ready()
            worker.drain([f"warm{number}" for number in range(200)])  # opens what it keeps open
            yield worker
        except RuntimeError as error:
            raise RuntimeError(f"{error}; its log ends with: {last_lines(log)}") from error


@contextmanager
def _redis(program: str) -> Iterator[str]:
    """Redis on a free loopback port, with nothing written to disk: that favours Celery."""
    with tempfile.TemporaryDirectory(prefix="bench-redis-") as folder:
        port = _free_port()
        started = subprocess.Popen(
            [
                *(program, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder),
                *("--save", "", "--appendonly", "no", "--daemonize", "no"),
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            _await_redis(started, port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            started.terminate()
            started.wait(STOP_SECONDS)


def _await_redis(started: "subprocess.Popen[Any]", port: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        if started.poll() is not None:
            raise RuntimeError(f"redis-server ended at once, with status {started.returncode}")
        try:
            with redis.Redis("127.0.0.1", port) as client:
                client.ping()
            return
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
