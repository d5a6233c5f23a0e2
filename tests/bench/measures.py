"""What is measured, each as one round. All answer seconds."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tests.bench.world import SERVER, USER_DATA, WINDOW

ROUND_TRIPS = 20


def create_send(ids: list[str]) -> tuple[float, Any]:
    """Render, validate, insert and record a send to `ids`."""
    from console.actors import system_actor
    from console.sends.services import send_create

    started = time.perf_counter()
    send = send_create(system_actor("bench"), notice_key="bench", interactions=ids)
    return time.perf_counter() - started, send


def engine(send: Any) -> float:
    """From pending to recorded outcome, all of a send."""
    from console.sends.dispatcher import Dispatch, drain_chat_server
    from console.sends.models import SendStatus

    async def drain() -> float:
        async with Dispatch() as dispatch:
            started = time.perf_counter()
            await drain_chat_server(SERVER, dispatch)
            return time.perf_counter() - started

    seconds = asyncio.run(drain())
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED, send.status
    assert set(send.deliveries.values_list("status", flat=True)) == {"delivered"}
    return seconds


def bare_client(url: str, ids: list[str]) -> float:
    """The ESP client alone: build, write, read, with the same window and the same simulator."""
    from console.esp.transports import open_channel

    async def send_all() -> float:
        channel = await open_channel(url, connect_timeout=5, request_timeout=30)
        started = time.perf_counter()
        await _Pump(channel, _requests(ids)).run(len(ids))
        seconds = time.perf_counter() - started
        await channel.close()
        return seconds

    return asyncio.run(send_all())


def _requests(ids: Iterable[str]) -> Iterator[Any]:
    from console.esp.messages import KVList
    from console.esp.requests import build_message

    for interaction_id in ids:
        yield build_message(
            app_name=SERVER,
            text="Hello Zoë, an agent will be with you shortly.",
            user_data=KVList.of({**USER_DATA, "InteractionId": interaction_id}),
        )


class _Pump:
    """Keeps a window of requests in flight."""

    def __init__(self, channel: Any, requests: Iterator[Any]) -> None:
        self.channel = channel
        self.requests = requests
        self.done = 0
        self.all_done = asyncio.Event()

    async def run(self, number: int) -> None:
        self.number = number
        for _ in range(WINDOW):
            self._next()
        await self.all_done.wait()

    def _next(self) -> None:
        request = next(self.requests, None)
        if request is not None:
            self.channel.submit(request).add_done_callback(self._settle)

    def _settle(self, future: Any) -> None:
        assert future.result().kind == "accepted", future.result()
        self.done += 1
        if self.done == self.number:
            self.all_done.set()
        self._next()


def commit_and_round_trip(url: str) -> float:
    """One small commit and one ESP request with its answer: the least that a send can cost."""
    from django.db import connection, transaction

    from console.esp.client import Client

    async def round_trips(client: Any) -> None:
        (request,) = _requests(["chat000000"])
        assert (await client.request(request)).kind == "accepted"

    def commit() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE interactions_chatserver SET burst = burst")

    async def both() -> float:
        async with Client(url) as client:
            await round_trips(client)
            seconds = 0.0
            for _ in range(ROUND_TRIPS):
                started = time.perf_counter()
                await asyncio.to_thread(commit)
                await round_trips(client)
                seconds += time.perf_counter() - started
            await asyncio.to_thread(lambda: connection.close())
            return seconds / ROUND_TRIPS

    return asyncio.run(both())


def single_send(simulator: Any) -> float:
    """One send on an idle system: from `send_create`'s return to the simulator's journal, with a
    worker that is notified."""
    from console.sends.worker import run_worker

    async def measured() -> float:
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(stop=stop))
        await asyncio.to_thread(_until_journalled, simulator)
        seconds = [await asyncio.to_thread(_until_journalled, simulator) for _ in range(10)]
        stop.set()
        await worker
        return sorted(seconds)[len(seconds) // 2]

    return asyncio.run(measured())


def _until_journalled(simulator: Any) -> float:
    from django.db import connection

    before = simulator.journal.stat().st_size
    _seconds, send = create_send(["chat000000"])
    created = time.time()
    deadline = time.monotonic() + 30
    while simulator.journal.stat().st_size == before:
        assert time.monotonic() < deadline, "the send did not arrive"
        time.sleep(0.0005)
    arrived: float = simulator.journalled_last()["at"]
    while not type(send).objects.filter(pk=send.pk, status="finished").exists():
        assert time.monotonic() < deadline, "the send did not finish"
        time.sleep(0.005)
    connection.close()
    return arrived - created
