"""What no engine can go below that commits a claim before it writes, and an outcome after it.

The bare ESP client, with the engine's two statements that mark and end deliveries, and their
COMMIT, for each quarter of the window: no look at what is due, no last check, no pace, no lease, no
ledger, no notification. The ids are known beforehand.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db import transaction
from django.utils import timezone

from console.database.committing import add_to_commit
from console.database.connections import array, execute_rows
from console.database.sessions import DRAIN
from console.database.threads import DatabaseThread
from console.esp.outcomes import Outcome
from console.esp.requests import EspRequest
from console.esp.transports import open_channel
from console.sends.engine.claim import MARK_SENDING, plan_by_index
from console.sends.engine.drain import PARTS
from console.sends.engine.gateway import storable_outcome
from console.sends.engine.outcomes import END
from console.sends.models import Delivery, Send
from tools.bench.measures import (
    bare_client,
    create_send,
    engine_rate,
    in_rounds,
    requests,
)
from tools.bench.results import Pair, Row, row
from tools.bench.world import SERVER, WINDOW, World

Back = list[tuple[int, UUID, Outcome]]


def least(world: World) -> list[Row]:
    """The engine beside that client, and that client beside the bare one; answers differ."""
    ids = world.chats(world.medium)
    url = world.simulator.url
    world.simulator.faults(numbered=True)
    beside: list[Pair] = []

    def measure() -> Pair:
        engine = engine_rate(ids)  # first: it takes all that is due
        _seconds, send = create_send(ids)
        rate = len(ids) / _committing_client(url, send)
        beside.append(Pair(rate, len(ids) / bare_client(url, ids)))
        return Pair(engine, rate)

    rounds = in_rounds("least", world, measure)
    world.simulator.faults(numbered=False)
    what = "client that only commits claims and outcomes"
    return [
        row("least", f"engine : {what}", rounds, unit="deliveries/s", deliveries=len(ids)),
        row("least", f"{what} : bare ESP client", beside, unit="deliveries/s"),
    ]


def _committing_client(url: str, send: Send) -> float:
    """Seconds for all deliveries of a send. They end as delivered; the ledger has nothing of it."""
    rows = list(send.deliveries.order_by("pk").values_list("pk", "interaction_id"))
    pump = _Pump([pk for pk, _chat in rows], requests(chat for _pk, chat in rows))
    seconds = asyncio.run(pump.run(url))
    ended = Delivery.objects.filter(send=send, status="delivered").count()
    if ended != len(rows):
        raise RuntimeError(f"only {ended} of {len(rows)} deliveries ended")
    return seconds


class _Pump:
    """Keeps a window of claimed deliveries in flight."""

    def __init__(self, pks: Sequence[int], requests: Iterator[EspRequest]) -> None:
        self.left = list(reversed(pks))
        self.requests = requests
        self.back: Back = []
        self.in_flight = 0
        self.progress = asyncio.Event()

    async def run(self, url: str) -> float:
        channel = await open_channel(url, connect_timeout=5, request_timeout=30)
        database = DatabaseThread(DRAIN, plan_by_index)
        await database.call(lambda: None)
        started = time.perf_counter()
        while self.left or self.in_flight or self.back:
            back, self.back = self.back, []
            room = WINDOW - self.in_flight
            claimed = [self.left.pop() for _ in range(min(room, len(self.left)))]
            claim = uuid4()
            self.in_flight += len(claimed)
            await database.call(partial(_step, back, claimed, claim))
            for pk in claimed:
                channel.send(next(self.requests), partial(self._settle, pk, claim))
            await self._part()
        seconds = time.perf_counter() - started
        await channel.close()
        await database.close()
        return seconds

    def _settle(self, pk: int, claim: UUID, outcome: Outcome) -> None:
        self.back.append((pk, claim, outcome))
        self.in_flight -= 1
        self.progress.set()

    async def _part(self) -> None:
        """Wait until a part of the window is back."""
        while self.in_flight and len(self.back) < WINDOW // PARTS:
            self.progress.clear()
            await self.progress.wait()


def _step(back: Back, claimed: Sequence[int], claim: UUID) -> None:
    with transaction.atomic():
        of_claims: dict[UUID, Back] = defaultdict(list)
        for each in back:
            of_claims[each[1]].append(each)
        for of, group in of_claims.items():
            execute_rows(END, _ended(of, group))
        if claimed:
            now = timezone.now()
            values = {"claim": claim, "server": SERVER, "ids": array(claimed), "now": now}
            add_to_commit(MARK_SENDING, values)


def _ended(claim: UUID, group: Back) -> dict[str, Any]:
    answers = [storable_outcome(outcome).answer for _pk, _claim, outcome in group]
    return {
        "claim": claim,
        "status": "delivered",
        **dict.fromkeys(("reason", "detail", "fault_code", "fault_text"), ""),
        "from_status": "sending",
        "ids": array(pk for pk, _claim, _outcome in group),
        "reference_ids": array(outcome.reference_id for _pk, _claim, outcome in group),
        "answers": msgspec.json.encode(answers).decode(),
        "which": array(range(len(group))),
        "settled": "{}",
    }
