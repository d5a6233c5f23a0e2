"""The engine beside the bare ESP client, a large send beside small ones, and creating a send."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from console.actors import Actor, system_actor
from console.esp.messages import KVList
from console.esp.requests import EspRequest, build_message
from console.esp.transports import open_channel
from console.sends.engine.dispatcher import Dispatch, drain_chat_server
from console.sends.engine.worker import prepare_process
from console.sends.models import DeliveryStatus, Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import NOTICE, RENDERED, SERVER, WINDOW, World, user_data

# A send of 1,000 is over in a moment: the median of several counts as one.
SMALL_SENDS = 7
# As in a worker process; here it holds for all that is compared.
prepare_process()


def in_rounds(name: str, world: World, measure: Callable[[], Pair]) -> list[Pair]:
    """As many rounds as asked for, after one small send that warms up."""
    warm_up(world)
    pairs = []
    for number in range(world.rounds):
        pairs.append(measure())
        say(f"{name}: round {number + 1} of {world.rounds}, ratio {pairs[-1].ratio:.3f}")
    return pairs


def warm_up(world: World) -> None:
    engine_rate(world.chats(world.small))


def client(world: World) -> list[Row]:
    """The engine, less what it does for keeping, proving and pacing, is this client. Once with
    answers that are all equal, which is the best case, and once with answers that all differ."""
    ids = world.chats(world.medium)

    def measure() -> Pair:
        return Pair(engine_rate(ids), len(ids) / bare_client(world.simulator.url, ids))

    rows = []
    for numbered, answers in ((False, "equal answers"), (True, "answers that differ")):
        world.simulator.faults(numbered=numbered)
        rows.append(
            row(
                "client",
                f"engine : bare ESP client, window {WINDOW}, {answers}",
                in_rounds(f"client, {answers}", world, measure),
                unit="deliveries/s",
                goal=Goal(least=0.5),
                deliveries=len(ids),
            )
        )
    world.simulator.faults(numbered=False)
    return rows


def cost(world: World) -> list[Row]:
    """Whether a delivery of a large send costs more than one of a small send."""
    small = world.chats(world.small)
    large = world.chats(world.number)

    def microseconds(ids: Sequence[str]) -> float:
        return 1e6 / engine_rate(ids)

    def measure() -> Pair:
        beside = statistics.median(microseconds(small) for _ in range(SMALL_SENDS))
        return Pair(microseconds(large), beside)

    return [
        row(
            "cost",
            f"cost of a delivery, {len(large):,} : {len(small):,} at once",
            in_rounds("cost", world, measure),
            unit="µs",
            goal=Goal(most=1.3),
        )
    ]


def creating(world: World) -> list[Row]:
    """Render, validate, insert and record."""
    small, medium = world.chats(world.small), world.chats(world.medium)

    def rate(ids: Sequence[str]) -> float:
        seconds, send = create_send(ids)
        drain(send)
        return len(ids) / seconds

    return [
        row(
            "creating",
            f"creating a send of {len(medium):,} : of {len(small):,}",
            in_rounds("creating", world, lambda: Pair(rate(medium), rate(small))),
            unit="targets/s",
            goal=Goal(least=5000, of="first"),
        )
    ]


# --- The engine --------------------------------------------------------------------------------


def create_send(ids: Sequence[str], actor: Actor | None = None) -> tuple[float, Send]:
    """A send to `ids`, and the seconds that its creation took."""
    started = time.perf_counter()
    send = send_create(
        actor or system_actor("bench"), SendOrder(notice_key=NOTICE, interactions=ids)
    )
    return time.perf_counter() - started, send


def drain(send: Send) -> float:
    """Seconds from pending to recorded outcome, all of a send."""

    async def timed() -> float:
        async with Dispatch() as dispatch:
            started = time.perf_counter()
            await drain_chat_server(SERVER, dispatch)
            return time.perf_counter() - started

    seconds = asyncio.run(timed())
    require_delivered(send)
    return seconds


def require_delivered(send: Send) -> None:
    """What did not do its work was not fast."""
    send.refresh_from_db()
    statuses = set(send.deliveries.values_list("status", flat=True).distinct().order_by())
    if send.status != SendStatus.FINISHED or statuses != {DeliveryStatus.DELIVERED}:
        raise RuntimeError(f"send {send.pk} is {send.status}, its deliveries are {statuses}")


def engine_rate(ids: Sequence[str]) -> float:
    """Deliveries a second, creation not counted."""
    _seconds, send = create_send(ids)
    return len(ids) / drain(send)


# --- The bare client ---------------------------------------------------------------------------


def bare_client(url: str, ids: Sequence[str]) -> float:
    """The ESP client alone: build, write, read, with the same window and the same simulator."""

    async def send_all() -> float:
        channel = await open_channel(url, connect_timeout=5, request_timeout=30)
        started = time.perf_counter()
        await _Pump(channel, requests(ids)).run(len(ids))
        seconds = time.perf_counter() - started
        await channel.close()
        return seconds

    return asyncio.run(send_all())


def requests(ids: Iterable[str]) -> Iterator[EspRequest]:
    """What the engine sends, ready to be written."""
    for interaction_id in ids:
        yield build_message(
            app_name=SERVER,
            text=RENDERED,
            user_data=KVList.of(user_data(SERVER, interaction_id)),
        )


class _Pump:
    """Keeps a window of requests in flight."""

    def __init__(self, channel: Any, requests: Iterator[EspRequest]) -> None:
        self.channel = channel
        self.requests = requests
        self.done = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, number: int) -> None:
        self.number = number
        for _ in range(WINDOW):
            self._next()
        await self.over

    def _next(self) -> None:
        request = next(self.requests, None)
        if request is not None:
            self.channel.submit(request).add_done_callback(self._settle)

    def _settle(self, future: Any) -> None:
        outcome = future.result()
        self.done += 1
        if outcome.kind != "accepted" and not self.over.done():
            self.over.set_exception(RuntimeError(f"the client got {outcome}"))
        elif self.done == self.number and not self.over.done():
            self.over.set_result(None)
        self._next()
