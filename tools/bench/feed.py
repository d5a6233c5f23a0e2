"""How many events of the feed a core takes, on 10,000 live chats beside 20,000 that have ended.

The events are not kind: each changes what decides about sending, most name another queue, one in
twenty is late, one in twenty comes twice, and some chats have many in one batch.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
from django.db import connection
from django.utils import timezone

from console.actors import system_actor
from console.interactions.models import Interaction
from console.interactions.services import feed_apply
from tools.bench.measures import in_rounds
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World, user_data

LIVE, ENDED = 10_000, 20_000
BATCH, BATCHES, ALONE = 1000, 20, 400
LATE, TWICE, BUSY = 0.05, 0.05, 0.1
SERVERS = ("east", "west", "north")


def feed(world: World) -> list[Row]:
    """Events a second and core in batches of 1,000 : in calls of one."""
    live = min(LIVE, max(BATCH, world.number))
    _fill(live)
    events = _events(live)
    actor = system_actor("bench")

    def take(number: int) -> None:
        said = [next(events) for _ in range(number)]
        result = feed_apply(actor, said)
        if result.rejected or result.accepted + result.ignored != number:
            raise RuntimeError(f"of {number} events {result.rejected[:1]} were refused")

    def measure() -> Pair:
        take(BATCH)  # warms up
        return Pair(
            _a_core(lambda: [take(BATCH) for _ in range(BATCHES)], BATCH * BATCHES),
            _a_core(lambda: [take(1) for _ in range(ALONE)], ALONE),
        )

    pairs = in_rounds("feed", world, measure)
    _end()
    return [
        row(
            "feed",
            f"in batches of {BATCH:,} on {live:,} live chats : in calls of one",
            pairs,
            unit="events/s a core",
            goal=Goal(least=3000, of="first"),
            note="Of this process and its PostgreSQL connection, HTTP left out.",
        )
    ]


def _a_core(do: Callable[[], object], number: int) -> float:
    """Return how many a second of processor time of this process and its connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    before = time.process_time() + sum(backend.cpu_times()[:2])
    do()
    return number / (time.process_time() + sum(backend.cpu_times()[:2]) - before)


def _events(live: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(15)
    at = datetime.now(UTC)
    last: dict[str, Any] = {}
    while True:
        at += timedelta(milliseconds=5)
        if last and chance.random() < TWICE:
            yield last
            continue
        is_busy = chance.random() < BUSY
        number = chance.randrange(live // 100 if is_busy else live)
        server = chance.choice(SERVERS)
        chat = f"feed{number:06}"
        moment = at - timedelta(hours=1) if chance.random() < LATE else at
        last = {
            "type": "upsert",
            "occurred_at": moment.isoformat(),
            "interaction": {
                "id": chat,
                "queue": f"queue-{min(chance.randrange(40), chance.randrange(40))}",
                "state": chance.choice(("queued", "routing", "handling")),
                "user_data": {
                    **user_data(server, chat),
                    "Note": "Zażółć gęślą jaźń " * chance.randrange(12),
                    "Amount": chance.randrange(1000),
                },
            },
        }
        yield last


def _fill(live: int) -> None:
    now = timezone.now() - timedelta(hours=2)
    Interaction.objects.bulk_create(
        (
            Interaction(
                id=f"feed{number:06}" if number < live else f"over{number:06}",
                chat_server_name=SERVERS[number % len(SERVERS)],
                received_at=now,
                last_event_at=now,
                facts_at=now,
                ended_at=None if number < live else now,
                user_data=user_data("east", str(number)),
            )
            for number in range(live + ENDED)
        ),
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum would, in a while


def _end() -> None:
    """End the chats, so that no board of a later measure shows them."""
    Interaction.objects.filter(pk__startswith="feed").update(ended_at=timezone.now())
