"""One procrastinate job a delivery, on the same PostgreSQL, in one worker."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection, connections
from procrastinate import App, JobContext, PsycopgConnector

from console.esp.transports import open_channel
from tools.bench.baselines import deliveries
from tools.bench.measures import engine_rate, in_rounds
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

# The best of these on this machine, by a trial before the first round.
CONCURRENCIES = (4, 16, 32)
# Tables of its own: the console's jobs don't come between.
SCHEMA = "bench_procrastinate"
QUEUE = "bench"


def procrastinate(world: World) -> list[Row]:
    """Only draining is timed; the jobs are deferred in bulk before."""
    ids, few = world.chats(world.medium), world.chats(world.small)

    def seconds(concurrency: int) -> float:
        return asyncio.run(_drain(world.simulator.url, few, concurrency))

    def trial(concurrency: int) -> float:
        taken = seconds(concurrency)
        say(f"procrastinate: trial with {concurrency} at once: {len(few) / taken:.0f} a second")
        return taken

    best = min(CONCURRENCIES, key=trial)

    def measure() -> Pair:
        return Pair(engine_rate(ids), len(few) / seconds(best))

    return [
        row(
            "procrastinate",
            "engine : one procrastinate job a delivery",
            in_rounds("procrastinate", world, measure),
            unit="deliveries/s",
            goal=Goal(least=10),
            note=f"The worker runs {best} jobs at once, which did best here.",
            deliveries=[len(ids), len(few)],
        )
    ]


async def _drain(url: str, ids: Sequence[str], concurrency: int) -> float:
    keys = await asyncio.to_thread(_in_own_connection, deliveries.make, ids)
    app, send_one = await asyncio.to_thread(_in_own_connection, _app, concurrency)
    threads = ThreadPoolExecutor(concurrency)
    async with app.open_async():
        await _apply_schema(app)
        await send_one.batch_defer_async(*[{"key": key} for key in keys])
        await app.connector.execute_query_async("ANALYZE")  # as autovacuum would, in a while
        channel = await open_channel(url, connect_timeout=5, request_timeout=30)
        started = time.perf_counter()
        await app.run_worker_async(
            queues=[QUEUE],
            concurrency=concurrency,
            wait=False,
            delete_jobs="always",
            listen_notify=False,
            install_signal_handlers=False,
            additional_context={"channel": channel, "threads": threads},
        )
        seconds = time.perf_counter() - started
        await channel.close()
    _close(threads, concurrency)
    left = await asyncio.to_thread(_in_own_connection, deliveries.pending, keys)
    if left:
        raise RuntimeError(f"{left} of {len(keys)} jobs did not do their work")
    return seconds


def _in_own_connection(function: Callable[..., Any], *arguments: Any) -> Any:
    """Threads come and go, and their connections with them."""
    try:
        return function(*arguments)
    finally:
        connections.close_all()


def _close(threads: ThreadPoolExecutor, number: int) -> None:
    """End every thread's connection: the barrier keeps one of them from taking two turns."""
    everyone = Barrier(number, timeout=30)
    for _ in range(number):
        threads.submit(lambda: (everyone.wait(), connections.close_all()))
    threads.shutdown()


def _app(concurrency: int) -> tuple[App, Any]:
    parameters = connection.get_connection_params()
    kept = {name: parameters[name] for name in ("host", "user", "dbname")}
    app = App(
        connector=PsycopgConnector(
            kwargs={**kept, "options": f"-c search_path={SCHEMA}"},
            min_size=concurrency,
            max_size=concurrency,
        )
    )

    @app.task(name="bench.send_one", queue=QUEUE, pass_context=True)
    async def send_one(context: JobContext, key: int) -> None:
        """Read, send, record. Queries run in threads, of which each keeps its connection."""
        in_thread = asyncio.get_running_loop().run_in_executor
        threads = context.additional_context["threads"]
        request = await in_thread(threads, deliveries.read, key)
        outcome = await context.additional_context["channel"].submit(request)
        await in_thread(threads, deliveries.record, key, outcome)

    return app, send_one


async def _apply_schema(app: App) -> None:
    known = await app.connector.execute_query_one_async(
        "SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS is_there"
    )
    if not known["is_there"]:
        await app.connector.execute_query_async(f"CREATE SCHEMA {SCHEMA}")
        await app.schema_manager.apply_schema_async()
