"""Where a search of the history finds candidates: parts of the history in their order.

Each source yields parts whose facts fit what is asked for. A part may have no delivery that fits,
but every delivery that fits is in a part of some source, or of a send that has no parts yet.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from math import prod
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, Max, Min, QuerySet, TextField, Value
from django.db.models.functions import Concat

from console.database.reading import connection_here
from console.sends.history.searchable import LEVELS, PART_SPAN, SPAN_BITS, spaced, span_mark
from console.sends.history_models import HistoryPart, HistorySpan
from console.sends.models import OPEN_STATUSES, DeliveryStatus

# Of each source so many parts are read at once, and then more.
FIRST_PARTS, MOST_PARTS, GROWTH = 24, 384, 4
# Of each combination of values two are read at first, and up to so many in the end.
LEAST_MOST = 32
# For more combinations of values than this, the longest list of them is compared row by row.
COMBINATIONS_MOST = 300
# So many parts are looked through one by one before the index of texts is asked.
NEAREST_PARTS = 200
# So many spans of a level are one of the next.
SPANS_MOST = 16
LAST = 2**63 - 1
MARKS = ArrayField(TextField())
ENDED = tuple(str(status) for status in DeliveryStatus if status not in OPEN_STATUSES)


class Part(NamedTuple):
    """Deliveries from `first_id` to `last_id` of a send. `is_whole`: the send itself fits what is
    searched for as text; otherwise each delivery has to."""

    last_id: int
    first_id: int
    send_id: int
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """The deliveries with `after` < id < `before`, in one direction."""

    after: int = 0
    before: int = LAST
    newest_first: bool = True

    def within(self, after: int, before: int) -> "Place":
        return Place(max(self.after, after), min(self.before, before), self.newest_first)

    def beyond(self, last_id: int) -> "Place":
        """Return what is left behind the part with this last id."""
        if self.newest_first:
            return Place(self.after, min(self.before, last_id), True)
        return Place(max(self.after, last_id), self.before, False)

    @property
    def reach(self) -> int:
        """Return an id that no part has as its last if it begins within the place."""
        return min(self.before + PART_SPAN, LAST)

    @property
    def is_empty(self) -> bool:
        return self.before - self.after < 2


@dataclass(frozen=True, slots=True)
class Facts:
    """What a part's facts must be: one of each list. None: whatever it is."""

    statuses: Sequence[str] = ENDED
    versions: Sequence[int] | None = None
    origins: Sequence[int] | None = None
    servers: Sequence[str] | None = None


COLUMNS = {
    "statuses": "status",
    "versions": "version_id",
    "origins": "origin_id",
    "servers": "chat_server_name",
}
TYPES = {"statuses": "varchar", "versions": "bigint", "origins": "bigint", "servers": "varchar"}
BESIDE_STATUS = ("versions", "origins", "servers")


def parts_with(facts: Facts, place: Place) -> Iterator[Part]:
    """Yield the parts with these facts, in order, read by the index that has what is asked for."""
    keys, compared = _keys(facts)
    number_of_keys = len(keys["statuses"])
    most, least = FIRST_PARTS, 2
    # Not of the place, beyond whose ends parts can reach: whatever was read is never read again.
    low, high = place.after, place.reach
    while number_of_keys and not place.is_empty:
        each_most = max(least, 2 * most // number_of_keys)
        rows = _with_keys(keys, compared, place, (low, high), each_most)
        numbers = Counter(key for key, _part in rows)
        # Of a key that has more, nothing is known behind its last.
        ends = {key: part.last_id for key, part in rows if numbers[key] == each_most}
        if not ends:
            yield from dict.fromkeys(part for _key, part in rows)
            return
        edge = max(ends.values()) if place.newest_first else min(ends.values())
        known = (
            part
            for _key, part in rows
            if (part.last_id >= edge if place.newest_first else part.last_id <= edge)
        )
        yield from dict.fromkeys(known)
        low, high = (low, edge) if place.newest_first else (edge, high)
        most, least = min(most * GROWTH, MOST_PARTS), min(2 * least, LEAST_MOST)


Compared = dict[str, Sequence[int] | Sequence[str]]


def _keys(facts: Facts) -> tuple[dict[str, list[Any]], Compared]:
    """Return the combinations of values to read an index by, as columns of equal length, and the
    values with which each row is compared."""
    bound: Compared = {
        name: found for name in BESIDE_STATUS if (found := getattr(facts, name)) is not None
    }
    compared: Compared = {}
    if len(bound) == len(BESIDE_STATUS):  # no index has all three
        compared["servers"] = bound.pop("servers")
    while prod(map(len, [facts.statuses, *bound.values()])) > COMBINATIONS_MOST:
        longest = max(bound, key=lambda name: len(bound[name]))
        compared[longest] = bound.pop(longest)
    keys = list(product(facts.statuses, *bound.values()))
    return {
        name: [key[at] for key in keys] for at, name in enumerate(["statuses", *bound])
    }, compared


def _with_keys(
    keys: dict[str, list[Any]],
    compared: Compared,
    place: Place,
    between: tuple[int, int],
    each_most: int,
) -> list[tuple[int, Part]]:
    """Return up to `each_most` parts of each key in order, with the number of the key: those of the
    place whose last ids are between these."""
    order = "DESC" if place.newest_first else "ASC"
    columns = {name: COLUMNS[name] for name in keys}
    arrays = ", ".join(f"%s::{TYPES[name]}[]" for name in keys)
    wanted = [f"f.{column} = k.{column}" for column in columns.values()]
    wanted += [f"f.{COLUMNS[name]} = ANY(%s::{TYPES[name]}[])" for name in compared]
    sql = f"""
        SELECT k.number, found.* FROM unnest({arrays}) WITH ORDINALITY
            AS k({", ".join(columns.values())}, number)
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (f.last_id) f.last_id, f.first_id, f.send_id FROM sends_historyfact f
            WHERE {" AND ".join(wanted)}
                AND f.last_id > %s AND f.last_id < %s AND f.first_id < %s
            ORDER BY f.last_id {order} LIMIT %s
        ) found ORDER BY last_id {order}"""  # noqa: S608 - names from above
    limits = [*between, place.before, each_most]
    with connection_here().cursor() as cursor:
        cursor.execute(sql, [*keys.values(), *map(list, compared.values()), *limits])
        return [(number, Part(*row)) for number, *row in cursor.fetchall()]


def parts_with_text(text: str, facts: Facts, place: Place) -> Iterator[Part]:
    """Yield the parts that have a text anywhere and these facts, in order.

    A text that is found often is found in the newest parts; one that is rare is found by the index
    of texts, in more and more spans of the history at a time.
    """
    nearest = _nearest(place)
    numbers = [pk for pk, _last_id in nearest]
    yield from _read(_matching(text, facts, no_index=True).filter(pk__in=numbers), place)
    if len(nearest) < NEAREST_PARTS:
        return
    place = place.beyond(nearest[-1][1])
    matching = _matching(text, facts)
    for marks in _spans(place):
        yield from _read(matching.filter(marks__overlap=marks), place)


def _matching(text: str, facts: Facts, *, no_index: bool = False) -> QuerySet[HistoryPart]:
    """Return the parts that have a text and these facts, by the index. With `no_index` PostgreSQL
    reads the parts that the caller names, and nothing else."""
    suffix = "_themselves" if no_index else ""
    every = HistoryPart.objects.annotate(
        text_themselves=Concat("text", Value(""), output_field=TextField()),
        marks_themselves=Func("marks", Value([], MARKS), function="array_cat", output_field=MARKS),
    )
    found = every.filter(**{f"text{suffix}__icontains": spaced(text)})
    for marks in _marks(facts):
        found = found.filter(**{f"marks{suffix}__overlap": marks})
    return found


def _marks(facts: Facts) -> Iterator[list[str]]:
    """Yield lists of marks: a part with these facts has one of each."""
    statuses = facts.statuses if len(facts.statuses) < len(ENDED) else None
    if statuses is not None and facts.servers is not None:
        yield [f"is {status} at {server}" for status in statuses for server in facts.servers]
    elif statuses is not None:
        yield [f"is {status}" for status in statuses]
    elif facts.servers is not None:
        yield [f"at {server}" for server in facts.servers]
    if facts.versions is not None:
        yield [f"version {number}" for number in facts.versions]
    if facts.origins is not None:
        yield [f"origin {number}" for number in facts.origins]


def _nearest(place: Place) -> list[tuple[int, int]]:
    """Return the numbers and last ids of the first parts of a place, in order."""
    found = HistoryPart.objects.filter(last_id__gt=place.after, last_id__lt=place.reach)
    ordered = found.order_by("-last_id" if place.newest_first else "last_id")
    return list(ordered.values_list("pk", "last_id")[:NEAREST_PARTS])


def _read(found: QuerySet[HistoryPart], place: Place) -> list[Part]:
    within = found.filter(
        last_id__gt=place.after, last_id__lt=place.reach, first_id__lt=place.before
    )
    rows = within.order_by().values_list("last_id", "first_id", "send_id")
    return sorted((Part(*row, False) for row in rows), reverse=place.newest_first)


def _spans(place: Place) -> Iterator[list[str]]:
    """Yield marks of spans that cover a place in its direction: few ids first, and then as many as
    were covered before."""
    ends = HistoryPart.objects.aggregate(low=Min("last_id"), high=Max("last_id"))
    if ends["low"] is None or place.is_empty:
        return
    low = max(place.after + 1, ends["low"])
    high = min(place.reach - 1, ends["high"])
    covered = 0
    while low <= high:
        level = max((each for each in LEVELS if 1 << each <= covered), default=LEVELS[0])
        first, last = low >> level, high >> level
        number = max(1, min(covered >> level, SPANS_MOST))
        if place.newest_first:
            # Up to the limit of a larger span, so that those can follow.
            first = max(first, last - number + 1, last & ~(SPANS_MOST - 1))
            high = (first << level) - 1
        else:
            last = min(last, first + number - 1, first | (SPANS_MOST - 1))
            low = (last + 1) << level
        covered += (last - first + 1) << level
        yield [span_mark(level, each) for each in range(first, last + 1)]


def places_of_time(since: datetime | None, until: datetime | None, place: Place) -> list[Place]:
    """Return the places within this one whose parts may have deliveries of this time, in order."""
    if since is None and until is None:
        return [place]
    spans = HistorySpan.objects.all()
    if since is not None:
        spans = spans.filter(last_at__gte=since)
    if until is not None:
        spans = spans.filter(first_at__lte=until)
    numbers = sorted(spans.values_list("pk", flat=True))
    # Neighbours are one place, which begins where the first of its parts may begin.
    ends = [at for at, number in enumerate(numbers) if numbers[at + 1 : at + 2] != [number + 1]]
    begins = [0, *(at + 1 for at in ends)]
    found = [
        place.within((numbers[begin] << SPAN_BITS) - PART_SPAN, (numbers[end] + 1) << SPAN_BITS)
        for begin, end in zip(begins, ends, strict=False)
    ]
    return found[::-1] if place.newest_first else found
