"""The variables that live interactions carry, and how often each has a value.

Editors may not see chats, so this discloses names and percentages over all teams, never a value.
"""

import re
from dataclasses import dataclass

from django.core.cache import caches
from django.db import connection
from django.db.models import Count, Q

from console.actors import Actor, Permission
from console.interactions.models import Interaction

COUNTED_CHATS = 20_000
SHOWN = 200
KEPT_SECONDS = 60
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
UNWRITABLE = re.compile(r"[{}%\\]")
OF_THE_INTERACTION = ("agent", "customer_name", "locale", "queue")
# A blank value counts as missing; an object is counted by the names in it.
COUNT = r"""
WITH live AS (
    SELECT user_data FROM interactions_interaction WHERE ended_at IS NULL AND NOT is_test
    ORDER BY received_at DESC LIMIT %s),
outer_names AS (
    SELECT pair.key, pair.value FROM live, jsonb_each(live.user_data) AS pair
    WHERE jsonb_typeof(live.user_data) = 'object')
SELECT key, '', count(*) FROM outer_names
    WHERE jsonb_typeof(value) <> 'object' AND value #>> '{}' ~ '\S' GROUP BY key
UNION ALL
SELECT outer_names.key, pair.key, count(*)
    FROM outer_names, jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value END) AS pair
    WHERE jsonb_typeof(pair.value) <> 'object' AND pair.value #>> '{}' ~ '\S'
    GROUP BY outer_names.key, pair.key
"""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as a template writes it, and in how many percent of live chats it has a value."""

    path: str
    percent: int


@dataclass(frozen=True, slots=True)
class Carried:
    """The variables of live chats; `chats` is how many chats were counted."""

    chats: int
    variables: list[Variable]


def variables_carried(actor: Actor) -> Carried:
    """Return the variables of live chats, the most frequent first. At most a minute old."""
    actor.require(Permission.VIEW_CATALOGUE)
    kept: Carried | None = caches["process"].get("variables-carried")
    if kept is None:
        kept = _counted()
        caches["process"].set("variables-carried", kept, KEPT_SECONDS)
    return kept


def _counted() -> Carried:
    live = Interaction.objects.filter(ended_at=None, is_test=False)
    newest = live.order_by("-received_at")[:COUNTED_CHATS]
    filled = {
        name: Count("pk", filter=Q(**{f"{name}__regex": r"\S"})) for name in OF_THE_INTERACTION
    }
    counts = Interaction.objects.filter(pk__in=newest.values("pk")).aggregate(
        all=Count("pk"), **filled
    )
    chats = counts.pop("all")
    rows = [(f"interaction.{name}", number) for name, number in counts.items()]
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [COUNTED_CHATS])
        rows += [(_path(key, inner), number) for key, inner, number in cursor.fetchall()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    found = [Variable(path, _percent(number, chats)) for path, number in rows if number and path]
    return Carried(chats, found[:SHOWN])


def _path(*names: str) -> str:
    """Return the path as a template writes it; "" if a template can't."""
    path = "data"
    for name in names:
        if PLAIN.fullmatch(name):
            path += f".{name}"
        elif UNWRITABLE.search(name) or {"'", '"'} <= set(name):
            return ""
        elif name:
            path += f'["{name}"]' if "'" in name else f"['{name}']"
    return path


def _percent(part: int, whole: int) -> int:
    """Return a rounded percentage: 100 only for all, and 0 only for none."""
    if part in (0, whole):
        return 100 if part and whole else 0
    return min(99, max(1, round(100 * part / whole)))
