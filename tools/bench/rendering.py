"""Filling in a text for many chats, beside bare python-liquid."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from liquid import Environment

from console.catalogue.templating.rendering import interaction_variables, renderer
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import USER_DATA, World

CHATS = 20_000
# Variables, a default, filters, a condition and the time: what notices are made of.
TEXT = (
    "Dear {{ data.FirstName | default: 'customer' }}, your order {{ data.OrderNumber }} is delayed "
    "until {{ now | date: '%d %B' }}. {% if interaction.queue == 'sales' %}We have a voucher for "
    "you.{% else %}We are sorry.{% endif %} Yours, {{ sender.name }}"
)
NOW = datetime(2027, 3, 31, 12, 0, tzinfo=UTC)


@dataclass
class Chat:
    """What rendering reads of an interaction."""

    id: str
    user_data: dict[str, Any]
    queue: str = "sales"
    agent: str = "ann"
    locale: str = "en"
    customer_name: str = "Zoë Martin"
    received_at: datetime = NOW


def rendering(world: World) -> list[Row]:
    """Texts a second. The bare language is spared everything: its template is parsed before, its
    variables are made before, it has no bounds, and what comes out is not looked at."""
    chats = [Chat(str(number), {**USER_DATA, "Case": str(number)}) for number in range(CHATS)]
    variables = [
        {
            "data": chat.user_data,
            "interaction": interaction_variables(chat),
            "sender": {"name": "Sue"},
            "now": NOW,
        }
        for chat in chats
    ]
    pairs = [_round(chats, variables) for _ in range(world.rounds + 1)][1:]  # the first warms up
    for number, pair in enumerate(pairs, 1):
        say(f"rendering: round {number} of {world.rounds}, ratio {pair.ratio:.3f}")
    return [
        row(
            "rendering",
            f"filling in {CHATS:,} texts : bare python-liquid",
            pairs,
            unit="texts/s",
            goal=Goal(least=0.7),
        )
    ]


def _round(chats: list[Chat], variables: list[dict[str, Any]]) -> Pair:
    bare = Environment().from_string(TEXT)
    started = time.perf_counter()
    expected = [bare.render(**of_one) for of_one in variables]
    beside = time.perf_counter() - started

    render = renderer("message", TEXT, sender_name="Sue", now=NOW)
    started = time.perf_counter()
    made = [render(chat) for chat in chats]
    seconds = time.perf_counter() - started
    if made != expected:
        raise RuntimeError("the two did not make the same texts")
    return Pair(len(chats) / seconds, len(chats) / beside)
