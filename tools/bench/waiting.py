"""A workflow's call that waits for the outcome, beside the same call without waiting."""

import json
import statistics
import time
from typing import Any

from console.sends.models import Send
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.served import (
    PAUSE_SECONDS,
    SINGLES,
    Visitor,
    await_finished,
    program,
    served,
)
from tools.bench.world import NOTICE, World

WARM_UP = 3


def waiting(world: World) -> list[Row]:
    """On an idle system: the answer says `delivered`, or the measure fails."""
    (chat,) = world.chats(1)
    rounds: list[Pair] = []
    with served(world) as address:
        api = program(address)
        waits = Visitor(address, {**api.headers, "Prefer": "wait=5"})
        for _ in range(WARM_UP):
            _milliseconds(waits, chat, waits=True)
            _milliseconds(api, chat, waits=False)
        for number in range(world.rounds):
            first, second = [], []
            for _ in range(SINGLES):
                time.sleep(PAUSE_SECONDS)
                first.append(_milliseconds(waits, chat, waits=True))
                time.sleep(PAUSE_SECONDS)
                second.append(_milliseconds(api, chat, waits=False))
            rounds.append(Pair(statistics.median(first), statistics.median(second)))
            say(f"waiting: round {number + 1} of {world.rounds}, {rounds[-1].first:.1f} ms")
    return [
        row(
            "waiting",
            "a workflow's call that waits for `delivered` : the same without waiting",
            rounds,
            unit="ms",
            goal=Goal(most=2),
        )
    ]


def _milliseconds(api: Visitor, chat: str, *, waits: bool) -> float:
    started = time.perf_counter()
    answer: Any = json.loads(api.ask("/api/v1/sends/", {"notice": NOTICE, "interactions": [chat]}))
    milliseconds = 1e3 * (time.perf_counter() - started)
    if waits:
        told = [delivery["status"] for delivery in answer["deliveries"]]
        if told != ["delivered"]:
            raise RuntimeError(f"the answer says {told}")
    await_finished(Send.objects.get(pk=answer["id"]))
    return milliseconds
