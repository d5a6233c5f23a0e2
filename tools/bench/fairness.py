"""How long a small send waits beside large ones: in grants, since a grant is what the pace gives.

A grant is the right to write one delivery. The steps of a drain are taken one after the other, each
with as many grants as pace and window give at once; nothing is written to a wire.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

from django.db import transaction

from console.interactions.services.wire import QUANTUM_SECONDS
from console.sends.models import Outbox
from tests.support.turns import Turns
from tools.bench.measures import create_send
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import SERVER, World

BROADCASTS = (1, 20, 200)
PACES = (1, 5, 50, 500)
WINDOWS = (1, 4, 32)
LARGEST = 300
SINGLES = 5
STEPS_BEFORE = 3


def fairness(world: World) -> list[Row]:
    """The most grants until a single send is on the wire : the sends that run, and two."""
    ids = world.chats(LARGEST)
    rounds: list[Pair] = []
    lines = [f"{'broadcasts':>10}  {'pace':>4}  {'window':>6}  grants at most"]
    for number in BROADCASTS:
        with _taken_back():
            for index in range(number):
                create_send(ids[: 1 + (LARGEST - 1) // (index + 1)])
            for pace, window in product(PACES, WINDOWS):
                worst = max(_singles(ids, pace, window), key=lambda pair: pair.ratio)
                rounds.append(worst)
                lines.append(
                    f"{number:>10}  {pace:>4}  {window:>6}  {worst.first:.0f} of {worst.second:.0f}"
                )
        say(f"fairness: {number} broadcasts, {max(each.ratio for each in rounds):.2f} at most")
    return [
        row(
            "fairness",
            "grants until a single send is on the wire : the sends that run, and two",
            rounds,
            unit="grants",
            goal=Goal(most=1),
            over=max,
            note="\n".join(lines),
        )
    ]


def _singles(ids: list[str], pace: int, window: int) -> list[Pair]:
    """Grants until each of some single sends is on the wire, and how many it may take."""
    found = []
    with _taken_back():
        line = Turns(SERVER, min(window, max(1, round(pace * QUANTUM_SECONDS))))
        for _ in range(STEPS_BEFORE):
            line.step()
        for number in range(SINGLES):
            _seconds, send = create_send(ids[number : number + 1])
            left = Outbox.objects.exclude(delivery__in=line.on_the_wire)
            running = left.order_by().values("send").distinct().count()
            found.append(Pair(line.grants_until(send.pk), running + 2))
    return found


@contextmanager
def _taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
