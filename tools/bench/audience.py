"""Each kind of condition of an audience beside the plain filter by queue, on 10,000 live chats.

The data is skewed: most chats are in one queue and of one plan, and a few have what is asked for.
Beside them stand chats that have ended, and a history of deliveries.
"""

import random
import time
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from console.accounts.models import Team
from console.actors import Actor, system_actor
from console.catalogue.models import NoticeVersion
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible
from console.interactions.suggestions import field_values, user_data_keys
from console.sends.models import Delivery, Send, SendStatus
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import NOTICE, World

LIVE, ENDED, SENDS = 10_000, 20_000, 8
PLAIN = "queue:billing"
TIMES = 7
# Some of the sends are of this incident.
INCIDENT = 1
OF_INCIDENT = 3
CONDITIONS = {
    "queue, one of ten": "queue:" + ",".join(f"queue-{number}" for number in range(10)),
    "queue contains": "queue~ill",
    "agent exists": "no:agent",
    "language": "language:es",
    "language begins with": "language^pt",
    "Chat Server": "chat_server:east",
    "team": "team:Bench",
    "waiting": "waiting>10m",
    "online": "online:no",
    "state": "state:queued",
    "text": "martin",
    "user data is": "data.Plan:gold",
    "user data contains": "data.Note~gold",
    "user data begins with": "data.Order^A-1",
    "user data exists": "has:data.Rare",
    "user data as a number": "data.Amount>=900",
    "user data as a time": "data.Due<2026-02-01",
    "received a send": "received:send/{send}",
    "received a notice": f"received:notice/{NOTICE}",
    "did not receive a notice": f"not received:notice/{NOTICE}",
    "received in an incident": f"received:incident/{INCIDENT}",
    "did not receive in an incident": f"not received:incident/{INCIDENT}",
    "received, by outcome": "received:send/{send}=unknown+failed",
    "groups": "queue:billing (data.Plan:gold or waiting>10m or no:agent) not language:en",
}


def audience(world: World) -> list[Row]:
    """Milliseconds of each kind of condition : of the plain filter by queue."""
    live = min(LIVE, max(1000, world.number))
    send = _fill(live)
    actor = system_actor("bench")
    texts = {name: text.format(send=send) for name, text in CONDITIONS.items()}
    say(f"audience: {live:,} live chats, {len(texts)} kinds of conditions")
    rows = [_row_of(world, actor, name, text) for name, text in texts.items()]
    return [*rows, *_suggestions(world, actor)]


def _row_of(world: World, actor: Actor, name: str, text: str) -> Row:
    pairs = []
    for _ in range(world.rounds):
        pairs.append(Pair(_milliseconds(actor, text), _milliseconds(actor, PLAIN)))
    whole = Pair(_best(lambda: _chats(actor, text), 1), _best(lambda: _chats(actor, PLAIN), 1))
    return row(
        "audience",
        f"{name}, {len(_ids(actor, text)):,} chats : {PLAIN}",
        pairs,
        unit="ms",
        goal=Goal(most=3),
        note=f"Whole chats, as a send reads them: {whole.first:.0f} ms : {whole.second:.0f} ms.",
    )


def _suggestions(world: World, actor: Actor) -> Iterator[Row]:
    """The keys and values that the builder suggests, beside the same filter."""
    for name, read in (
        ("keys of user data", lambda: user_data_keys(actor)),
        ("values of a key", lambda: field_values(actor, "data", "Order")),
    ):
        pairs = [Pair(_best(read), _milliseconds(actor, PLAIN)) for _ in range(world.rounds)]
        yield row(
            "audience",
            f"suggested {name} : {PLAIN}",
            pairs,
            unit="ms",
            goal=Goal(most=250, of="first"),
        )


def _milliseconds(actor: Actor, text: str) -> float:
    """Reading the text, and the ids of all chats that match."""
    return _best(lambda: _ids(actor, text))


def _best(do: object, count: int = TIMES) -> float:
    """The fastest of some: what else the machine does is not what is measured."""
    assert callable(do)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        do()
        times.append(1e3 * (time.perf_counter() - began))
    return min(times)


def _chats(actor: Actor, text: str) -> list[Interaction]:
    return list(interactions_visible(actor, Audience.from_text(text)))


def _ids(actor: Actor, text: str) -> list[str]:
    matching = interactions_visible(actor, Audience.from_text(text))
    return list(matching.values_list("pk", flat=True))


def _fill(live: int) -> int:
    """Chats with skewed data, and sends to some of them. Answers the number of the last."""
    chance = random.Random(16)
    team = Team.objects.create(name="Bench", queues=["billing"])
    now = timezone.now()
    Interaction.objects.filter(ended_at=None).update(ended_at=now)  # what other measures have left
    chats = [_chat(number, chance, team) for number in range(live + ENDED)]
    for chat in chats[live:]:
        chat.ended_at = now
    Interaction.objects.bulk_create(chats, batch_size=5000)
    version = NoticeVersion.objects.get(notice__key=NOTICE)
    sends = [_send(version, number, [chat.pk for chat in chats], chance) for number in range(SENDS)]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return sends[-1]


def _chat(number: int, chance: random.Random, team: Team) -> Interaction:
    now = timezone.now()
    many = chance.random()
    queue = "billing" if many < 0.7 else f"queue-{chance.randrange(100)}"
    data = {
        "Plan": "gold" if many < 0.02 else "silver",
        "Amount": str(chance.randrange(1000)),
        "Due": f"2026-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        "Order": f"A-{number}",
        "Note": "x" * chance.randrange(200) + ("gold" if many > 0.99 else ""),
        **({"Rare": "1"} if many > 0.995 else {}),
    }
    return Interaction(
        id=f"audience{number:06}",
        chat_server_name="east" if many < 0.9 else "west",
        queue=queue,
        team=team if queue == "billing" else None,
        agent="" if many < 0.4 else f"agent {chance.randrange(50)}",
        locale=chance.choice(["en"] * 8 + ["es", "pt-BR"]),
        customer_name="Zoë Martin" if many < 0.05 else "Bob Ito",
        state="queued" if many < 0.5 else "routed",
        is_online=many < 0.95,
        received_at=now - timedelta(seconds=chance.expovariate(1 / 300)),
        last_event_at=now,
        user_data=data,
    )


def _send(version: NoticeVersion, number: int, chats: list[str], chance: random.Random) -> int:
    """A send that is over, to a share of the chats, whose outcomes differ."""
    now = timezone.now()
    chosen = [chat for chat in chats if chance.random() < 0.3]
    send = Send.objects.create(
        version=version,
        visibility="ALL",
        actor_ref="system:bench",
        actor_name="Bench",
        incident_id=INCIDENT if number < OF_INCIDENT else None,
        status=SendStatus.FINISHED,
        target_count=len(chosen),
        target={},
        release_at=now,
        finished_at=now,
    )
    statuses = ["delivered"] * 95 + ["failed"] * 3 + ["unknown"] * 2
    Delivery.objects.bulk_create(
        (
            Delivery(
                send=send,
                interaction_id=chat,
                body="Hello.",
                method="message",
                status=chance.choice(statuses),
                finished_at=now - timedelta(minutes=number),
            )
            for chat in chosen
        ),
        batch_size=5000,
    )
    return send.pk
