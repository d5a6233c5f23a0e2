"""Where a search of the history finds candidates: parts of the history in their order.

Each source yields parts whose facts fit what is asked for. A part may have no delivery that fits,
but every delivery that fits is in a part of some source, or of a send that has no parts yet.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import product
from math import prod
from typing import Any, NamedTuple

from django.db.models import BooleanField, ExpressionWrapper, F, Max, Min, Q, QuerySet

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
# So many parts are looked through one by one before the index of texts is asked: FIRST_PARTS of
# them first.
NEAREST_PARTS = 200
# The index of texts is asked for about so many parts at a time, as far as one can tell by what was
# found before, and in at most so many spans.
WANTED, SPANS_MOST = 128, 16
# If it is asked for one in so many of all ids, and what is left has hardly twice as many parts, it
# is asked for all that is left: without spans, which cost more then.
MOSTLY = 4
LAST = 2**63 - 1
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
AS_READ = {
    "versions": "f.version_id + 0",
    "origins": "f.origin_id + 0",
    "servers": "f.chat_server_name || ''",
}
BESIDE_STATUS = ("versions", "origins", "servers")


def parts_with(facts: Facts, place: Place) -> Iterator[Part]:
    """Yield the parts with these facts, in order, read by the index that has what is asked for."""
    keys = _keys(facts)
    newest_first, nearest = place.newest_first, max if place.newest_first else min
    # Behind which id the list of each key goes on. Not of the place, beyond whose ends parts can
    # reach: whatever was read is never read again.
    behind = dict.fromkeys(keys.values, place.reach if newest_first else place.after)
    most, least = FIRST_PARTS, 2
    waiting: set[Part] = set()
    while behind and not place.is_empty:
        chosen = _nearest_half(behind, newest_first=newest_first)
        each_most = max(least, 2 * most // len(chosen))
        for key, parts in _with_keys(keys, chosen, place, each_most).items():
            waiting |= set(parts)
            if len(parts) == each_most:
                behind[key] = parts[-1].last_id
            else:
                del behind[key]
        if behind:
            # Of a key that has more, nothing is known behind its last.
            edge = nearest(behind.values())
            known = [each for each in waiting if nearest(each.last_id, edge) == each.last_id]
            yield from sorted(known, reverse=newest_first)
            waiting.difference_update(known)
        most, least = min(most * GROWTH, MOST_PARTS), min(2 * least, LEAST_MOST)
    yield from sorted(waiting, reverse=newest_first)


Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Keys:
    """Combinations of values to read an index by: a value of each of `names`. Each row that is read
    so is compared with the values of `compared`."""

    names: list[str]
    values: list[Key]
    compared: dict[str, Sequence[int] | Sequence[str]]


def _keys(facts: Facts) -> _Keys:
    bound: dict[str, Sequence[int] | Sequence[str]] = {
        name: found for name in BESIDE_STATUS if (found := getattr(facts, name)) is not None
    }
    compared: dict[str, Sequence[int] | Sequence[str]] = {}
    if len(bound) == len(BESIDE_STATUS):  # no index has all three
        compared["servers"] = bound.pop("servers")
    while prod(map(len, [facts.statuses, *bound.values()])) > COMBINATIONS_MOST:
        longest = max(bound, key=lambda name: len(bound[name]))
        compared[longest] = bound.pop(longest)
    return _Keys(["statuses", *bound], list(product(facts.statuses, *bound.values())), compared)


def _nearest_half(behind: dict[Key, int], *, newest_first: bool) -> dict[Key, int]:
    """Return the half of the keys whose lists are read least far, or all of them that are read as
    far as these."""
    ends = sorted(behind.values(), reverse=newest_first)
    middle = ends[(len(ends) - 1) // 2]
    return {
        key: end
        for key, end in behind.items()
        if (end >= middle if newest_first else end <= middle)
    }


def _with_keys(
    keys: _Keys, behind: dict[Key, int], place: Place, each_most: int
) -> dict[Key, list[Part]]:
    """Return for each key up to `each_most` parts of the place in order: those behind an id."""
    order = "DESC" if place.newest_first else "ASC"
    columns = [COLUMNS[name] for name in keys.names]
    arrays = ", ".join(f"%s::{TYPES[name]}[]" for name in keys.names)
    wanted = [f"f.{column} = k.{column}" for column in columns]
    # An expression, so that no index of these values is read instead, and sorted.
    wanted += [f"{AS_READ[name]} = ANY(%s::{TYPES[name]}[])" for name in keys.compared]
    ends = (
        ("f.last_id < k.behind", "f.last_id > %s")
        if place.newest_first
        else ("f.last_id > k.behind", "f.last_id < %s")
    )
    sql = f"""
        SELECT k.number, found.* FROM unnest({arrays}, %s::bigint[]) WITH ORDINALITY
            AS k({", ".join(columns)}, behind, number)
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (f.last_id) f.last_id, f.first_id, f.send_id FROM sends_historyfact f
            WHERE {" AND ".join([*wanted, *ends])} AND f.first_id < %s
            ORDER BY f.last_id {order} LIMIT %s
        ) found ORDER BY last_id {order}"""  # noqa: S608 - names from above
    values = [[key[at] for key in behind] for at in range(len(columns))]
    limits = [place.after if place.newest_first else place.reach, place.before, each_most]
    found: dict[Key, list[Part]] = {key: [] for key in behind}
    listed = list(behind)
    with connection_here().cursor() as cursor:
        cursor.execute(
            sql, [*values, list(behind.values()), *map(list, keys.compared.values()), *limits]
        )
        for number, *row in cursor.fetchall():
            found[listed[number - 1]].append(Part(*row))
    return found


@contextmanager
def in_order() -> Iterator[None]:
    """Read along an index. PostgreSQL takes a frequent value for an average one, and would read
    and sort all that it has."""
    with connection_here().cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        yield
        cursor.execute("SET LOCAL enable_bitmapscan TO DEFAULT")


@contextmanager
def _in_no_order() -> Iterator[None]:
    """Read by the index of texts, which has no order: within `in_order`."""
    with connection_here().cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = on")
        yield
        cursor.execute("SET LOCAL enable_bitmapscan = off")


def parts_with_text(
    text: str, facts: Facts, wholes: Sequence[Facts], place: Place
) -> Iterator[Part]:
    """Yield the parts that have a text anywhere and these facts, and those that have one of
    `wholes`, in order.

    What is found often is found in the nearest parts. What is rare is found by indexes.
    """
    fitting = _fitting(text, facts)
    low, high, covered, number = place.after, place.reach, 0, 0
    # With facts few parts fit, and few of those that are near.
    is_narrow = any(_marks(facts))
    for most in (FIRST_PARTS,) if is_narrow else (FIRST_PARTS, NEAREST_PARTS - FIRST_PARTS):
        nearest = _nearest(fitting, wholes, _parts_between(low, high, place), place, most)
        for row in nearest:
            if row.is_whole or row.has_text:
                yield Part(row.last_id, row.first_id, row.send_id, row.is_whole)
        if len(nearest) < most:
            return
        last_id = nearest[-1].last_id
        low, high = (low, last_id) if place.newest_first else (last_id, high)
        number += sum(row.has_text for row in nearest)
        covered += abs(nearest[0].last_id - last_id)
    # Facts of more deliveries than a part has can reach into what was looked through.
    rest = (
        place.within(place.after, high) if place.newest_first else place.within(low, place.before)
    )
    yield from merge(
        _by_their_index(fitting, low, high, place, covered=covered, number=number),
        *(parts_with(whole, rest) for whole in wholes),
        key=lambda part: part.last_id,
        reverse=place.newest_first,
    )


def _by_their_index(
    fitting: Q, low: int, high: int, place: Place, *, covered: int, number: int
) -> Iterator[Part]:
    """Yield the parts that fit whose last ids are between these, in order, in more and more spans
    of the history at a time. Of `covered` ids before them `number` parts fit."""
    ends = HistoryPart.objects.aggregate(low=Min("last_id"), high=Max("last_id"))
    if ends["low"] is None:
        return
    length = ends["high"] - ends["low"] + 1
    low, high = max(low, ends["low"] - 1), min(high, ends["high"] + 1)
    while high - low > 1:
        wanted = covered * WANTED // max(number, 1)
        marks, begin, end = _spans(low, high, wanted, newest_first=place.newest_first)
        within = Q(marks__overlap=marks)
        is_wide = (end - begin) * MOSTLY >= length
        if is_wide and number * (high - low) <= covered * 2 * WANTED:
            within, begin, end = Q(), low, high
        # Not read by their last ids, however few PostgreSQL expects between two of them.
        parts = HistoryPart.objects.alias(last=F("last_id") + 0).filter(
            within, fitting, last__gt=begin, last__lt=end, first_id__lt=place.before
        )
        rows = parts.order_by().values_list("last_id", "first_id", "send_id")
        with _in_no_order():
            found = sorted((Part(*row, False) for row in rows), reverse=place.newest_first)
        yield from found
        number, covered = number + len(found), covered + end - begin
        low, high = (low, begin + 1) if place.newest_first else (end - 1, high)


def _fitting(text: str, facts: Facts) -> Q:
    """Return the condition for parts that have a text and these facts: marks first, since a text
    may lie apart from its row."""
    return _with_marks(facts) & Q(text__icontains=spaced(text))


def _with_marks(facts: Facts) -> Q:
    wanted = Q()
    for marks in _marks(facts):
        wanted &= Q(marks__overlap=marks)
    return wanted


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


def _parts_between(low: int, high: int, place: Place) -> QuerySet[HistoryPart]:
    """Return the parts of a place whose last ids are between these."""
    return HistoryPart.objects.filter(last_id__gt=low, last_id__lt=high, first_id__lt=place.before)


class _Near(NamedTuple):
    last_id: int
    first_id: int
    send_id: int
    has_text: bool
    is_whole: bool


def _nearest(
    fitting: Q, wholes: Sequence[Facts], parts: QuerySet[HistoryPart], place: Place, most: int
) -> list[_Near]:
    """Return up to so many parts, the first of the place, in order, and how each fits."""
    ordered = parts.order_by("-last_id" if place.newest_first else "last_id")
    # In what is read of a row, not in what it is chosen by: the index of texts is of no use here.
    said = ordered.annotate(
        has_text=ExpressionWrapper(fitting, BooleanField()),
        is_whole=ExpressionWrapper(_any_of(wholes), BooleanField()),
    )
    return list(map(_Near._make, said.values_list(*_Near._fields)[:most]))


def _any_of(wholes: Sequence[Facts]) -> Q:
    """Return the condition for parts that have one of these."""
    found = Q(pk__in=[])
    for facts in wholes:
        found |= _with_marks(facts)
    return found


def _spans(low: int, high: int, wanted: int, *, newest_first: bool) -> tuple[list[str], int, int]:
    """Return the marks of spans that cover about `wanted` of the last ids between these, from one
    end, and between which ids they are."""
    level = max((each for each in LEVELS if 1 << each <= wanted), default=LEVELS[0])
    first, last = (low + 1) >> level, (high - 1) >> level
    # One more: the first of them reaches beyond the end.
    number = 1 + min(wanted >> level, SPANS_MOST - 1)
    if newest_first:
        first = max(first, last - number + 1)
        low = max(low, (first << level) - 1)
    else:
        last = min(last, first + number - 1)
        high = min(high, (last + 1) << level)
    return [span_mark(level, each) for each in range(first, last + 1)], low, high


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
