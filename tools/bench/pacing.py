"""Whether the pace is kept, by the word of whom it is to spare: the Chat Server's journal."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import ExitStack

from console.actors import system_actor
from console.sends.models import Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.simulators import Simulator, running_simulator
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import NOTICE, World, make_chats, register_chat_server, worker

SERVER = "paced"
WORKERS = 3
PACE, BURST = 200, 600
MEASURED_SECONDS = 30
# The bucket is full at the start; what it holds goes out at once and is no matter of the pace.
FIRST_SECONDS = 2
LAST_SECONDS = 1
DEADLINE_SECONDS = 120


def pacing(world: World) -> list[Row]:
    """The rate over 30 seconds, and the most in any one second, the burst at the start included."""
    number = BURST - PACE + PACE * (FIRST_SECONDS + MEASURED_SECONDS + LAST_SECONDS)
    rates: list[Pair] = []
    peaks: list[Pair] = []
    with ExitStack() as stack:
        journal = world.folder / "paced.jsonl"
        simulator = stack.enter_context(running_simulator(SERVER, journal))
        register_chat_server(SERVER, simulator.url, pace_per_second=PACE, burst=BURST)
        ids = make_chats(SERVER, range(number))
        for _ in range(WORKERS):
            stack.enter_context(worker(world.folder))
        _journalled(simulator, ids[:1])  # all is connected
        for round_ in range(world.rounds):
            time.sleep(BURST / PACE)  # the bucket fills
            at = _journalled(simulator, ids)
            rates.append(Pair(_rate(at), PACE))
            peaks.append(Pair(most_in_one_second(at), BURST))
            say(
                f"pacing: round {round_ + 1} of {world.rounds}, "
                f"rate {rates[-1].ratio:.4f}, most in one second {peaks[-1].first:.0f}"
            )
    return [
        row(
            "pacing",
            f"rate over {MEASURED_SECONDS} s with {WORKERS} workers : pace that is set",
            rates,
            unit="deliveries/s",
            goal=Goal(least=0.98, most=1.02),
        ),
        row(
            "pacing",
            "most in any one second, the worst of all rounds : burst that is set",
            peaks,
            unit="deliveries",
            goal=Goal(most=1),
            over=max,
        ),
    ]


def _journalled(simulator: Simulator, ids: Sequence[str]) -> list[float]:
    """When each delivery of a send to `ids` arrived, in seconds, in order."""
    before = len(simulator.journalled())
    send = send_create(system_actor("bench"), SendOrder(notice_key=NOTICE, interactions=ids))
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not Send.objects.filter(pk=send.pk, status=SendStatus.FINISHED).exists():
        if time.monotonic() > deadline:
            raise RuntimeError("the paced send did not finish")
        time.sleep(0.2)
    at = sorted(line["at"] for line in simulator.journalled()[before:])
    if len(at) != len(ids):
        raise RuntimeError(f"{len(at)} of {len(ids)} deliveries are in the journal")
    return at


def _rate(at: Sequence[float]) -> float:
    begin = at[0] + FIRST_SECONDS
    end = begin + MEASURED_SECONDS
    if at[-1] < end:
        raise RuntimeError(f"all was sent within {at[-1] - at[0]:.1f} s: too fast to measure")
    return (bisect_left(at, end) - bisect_left(at, begin)) / MEASURED_SECONDS


def most_in_one_second(at: Sequence[float]) -> int:
    """The most arrivals within one second, wherever it begins."""
    return max(bisect_left(at, first + 1) - number for number, first in enumerate(at))
