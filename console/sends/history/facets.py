"""How many deliveries of the history that fit have each outcome, notice, sender and Chat Server.

Counted are the newest that fit, up to a bound: exact if there are no more of them, and the least
that there are otherwise. So a count costs as much in a long history as in a short one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from console.interactions.selectors import present_names
from console.sends.history.search import Found
from console.sends.models import Delivery

COUNTED_MOST = 500
# So many values of a filter are named.
VALUES_MOST = 8
COUNTED = {
    "status": ("status",),
    "notice": ("send__version__notice__key", "send__version__notice__title"),
    "actor": ("send__actor_ref", "send__actor_name"),
    "chat_server": ("chat_server_name",),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a filter, the name by which people know it, and how many deliveries have it."""

    value: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Facets:
    """`counted` deliveries were counted. `is_all`: no more fit. `values` are the most frequent ones
    of each filter; `left_out` is how many other values there are of it."""

    counted: int
    is_all: bool
    values: Mapping[str, list[Value]]
    left_out: Mapping[str, int]


def facets_of(found: "Found | QuerySet[Delivery]") -> Facets:
    """Count what a search finds."""
    ids = _newest(found, COUNTED_MOST + 1)
    is_all, ids = len(ids) <= COUNTED_MOST, ids[:COUNTED_MOST]
    columns = list(dict.fromkeys(column for names in COUNTED.values() for column in names))
    # Not by the list's order, which would be a part of the groups.
    rows = Delivery.objects.filter(pk__in=ids).order_by().values(*columns)
    counted = list(rows.annotate(number=Count("pk")))
    values = {name: _values(name, counted) for name in COUNTED}
    return Facets(
        len(ids),
        is_all,
        {name: each[:VALUES_MOST] for name, each in values.items()},
        {name: max(0, len(each) - VALUES_MOST) for name, each in values.items()},
    )


def _newest(found: "Found | QuerySet[Delivery]", most: int) -> list[int]:
    ordered = found.order_by("-pk")
    if isinstance(ordered, Found):
        return ordered.first_ids(most)
    return list(ordered.prefetch_related(None).values_list("pk", flat=True)[:most])


def _values(name: str, rows: list[dict[str, Any]]) -> list[Value]:
    """Return the values by number, the most frequent first. A Chat Server has its present name."""
    column, shown = COUNTED[name][0], COUNTED[name][-1]
    present = present_names() if name == "chat_server" else {}
    numbers: Counter[str] = Counter()
    names: dict[str, str] = {}
    for row in rows:
        value = present.get(row[column], row[column])
        if value:
            numbers[value] += row["number"]
            names.setdefault(value, value if column == shown else row[shown])
    return [
        Value(value, names[value], number)
        for value, number in sorted(numbers.items(), key=lambda each: (-each[1], each[0]))
    ]
