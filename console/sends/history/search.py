"""The search of the history: the deliveries that fit a filter, by id, from either end.

What is over is found by parts (console.sends.history.sources), each kind of fact by an index of
its own. What is not over yet, or was not written to parts yet, is read itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice
from math import ceil
from typing import Any, Self

from django.db import transaction
from django.db.models import BooleanField, F, Q, QuerySet, prefetch_related_objects
from django.db.models.expressions import RawSQL

from console.catalogue.models import NoticeVersion
from console.database.reading import alias_here, connection_here
from console.interactions.selectors import names_of_chat_server
from console.sends.history.searchable import PART_SPAN
from console.sends.history.sources import (
    ENDED,
    Facts,
    Part,
    Place,
    in_order,
    parts_with,
    parts_with_text,
    places_of_time,
)
from console.sends.history_filter import UNRESOLVED, DeliveryFilter
from console.sends.history_models import HistoryPart, Origin
from console.sends.models import Delivery, DeliveryStatus, Resolution, Send

PARTS_AT_ONCE, GROWTH, PARTS_MOST = 8, 3, 64
# Parts that are so near to each other are read as one.
NEIGHBOURS_WITHIN = 16
# More sends than this are compared by the database.
LISTED_MOST = 1000
# What is read with each delivery of the history.
BESIDE = ("send__version__notice",)


# OFFSET makes PostgreSQL read the rows by the key, and not all of a send.
_IN_PARTS = """
SELECT found.* FROM unnest(%s::bigint[], %s::bigint[]) AS part(first_id, last_id)
CROSS JOIN (SELECT %s::bigint[] AS sends, %s::bigint[] AS wholes) of
CROSS JOIN LATERAL ({rows} OFFSET 0) found
WHERE found.send_id = ANY(of.sends) ORDER BY found.id {order} LIMIT %s"""
_OF_WHOLE_SEND = RawSQL('"sends_delivery"."send_id" = ANY(of.wholes)', (), BooleanField())
# Nearly all that is over lies at rest. Where all ids of a part do, the other table is not asked.
# Unknown deliveries never do.
_OF_BOTH_TABLES = """
WITH at_rest AS MATERIALIZED (
    SELECT * FROM sends_delivery_at_rest WHERE id BETWEEN part.first_id AND part.last_id
)
SELECT * FROM ({at_rest} OFFSET 0) known
UNION ALL
SELECT * FROM ({others} OFFSET 0) other
WHERE (SELECT count(*) FROM at_rest) <= part.last_id - part.first_id"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an actor sees of the history who does not see all of it: a condition for origins, and
    the sends whose texts they may read."""

    origins: Q
    sends: QuerySet[Send]


class Found:
    """The deliveries that fit a filter, as a list that is read in parts. It has what the paging of
    pages and of the API ask of a QuerySet: order_by, filter by pk, prefetch_related, slices."""

    def __init__(
        self,
        visible: QuerySet[Delivery],
        limits: Limits | None,
        filter: DeliveryFilter,
        place: Place | None = None,
        beside: tuple[Any, ...] = BESIDE,
    ) -> None:
        self._visible, self._limits, self._filter = visible, limits, filter
        self._place, self._beside = place or Place(), beside

    def order_by(self, *names: str) -> Self:
        newest_first = names[:1] == ("-pk",)
        return self._at(Place(self._place.after, self._place.before, newest_first))

    def filter(self, **limits: Any) -> Self:
        """Only `pk__lt` and `pk__gt` are known."""
        after, before = int(limits.pop("pk__gt", 0)), limits.pop("pk__lt", None)
        if limits:
            raise TypeError(f"unknown limits: {sorted(limits)}")
        place = self._place
        return self._at(place.within(after, place.before if before is None else int(before)))

    def prefetch_related(self, *names: Any) -> Self:
        visible, beside = self._visible.prefetch_related(*names), (*self._beside, *names)
        return type(self)(visible, self._limits, self._filter, self._place, beside)

    def __getitem__(self, part: slice) -> list[Delivery]:
        start, stop = part.start or 0, part.stop
        rows: dict[int, Delivery] = {}
        ids = self._ids(stop, rows)[start:stop]
        read = [rows[pk] for pk in ids if pk in rows]
        seen = {row.pk: row for row in self._readable(read)}
        seen |= self._visible.in_bulk([pk for pk in ids if pk not in rows])
        found = [seen[pk] for pk in ids if pk in seen]
        prefetch_related_objects(found, *self._beside)
        return found

    def _readable(self, rows: list[Delivery]) -> list[Delivery]:
        """Return those of the rows that the actor may read. Whoever sees all sees what the search
        has read. For others the sends decide; each is read once."""
        if self._limits is None:
            return rows
        sends = self._limits.sends.in_bulk({row.send_id for row in rows})
        readable = [row for row in rows if row.send_id in sends]
        for row in readable:
            row.send = sends[row.send_id]
        return readable

    def first_ids(self, most: int) -> list[int]:
        """Return up to so many keys in order."""
        return self._ids(most)

    def count_to(self, most: int) -> int:
        """Return how many there are, at most `most`."""
        return len(self._ids(most))

    def _at(self, place: Place) -> Self:
        return type(self)(self._visible, self._limits, self._filter, place, self._beside)

    def _ids(self, most: int, rows: dict[int, Delivery] | None = None) -> list[int]:
        """Return up to so many ids in order. Deliveries that are read for this stand in `rows`, if
        it is given: each is read once then."""
        asked = self._filter
        with transaction.atomic(using=alias_here()):
            # First: what is written to parts meanwhile is found in them.
            with _by_indexes():
                found = set(self._not_in_parts(most))
            places = places_of_time(asked.since, asked.until, self._place)
            with _by_indexes(), in_order():
                origins = None if self._limits is None else self._limits.origins
                found |= _Search(origins, asked, self._place, places, rows).ids(most)
        return sorted(found, reverse=self._place.newest_first)[:most]

    def _not_in_parts(self, most: int) -> list[int]:
        """Return what fits of sends that have no parts."""
        without = Send.objects.filter(is_searchable=False).order_by("pk").values_list("pk")
        listed = [pk for (pk,) in without[: LISTED_MOST + 1]]
        if not listed:
            return []
        sends: Any = listed if len(listed) <= LISTED_MOST else without.order_by()
        place = self._place
        found = self._visible.filter(
            self._filter.to_condition(),
            send_id__in=sends,
            pk__gt=place.after,
            pk__lt=place.before,
        )
        # Not by the key itself: PostgreSQL would read the history along it.
        key = F("pk") + 0
        ordered = found.order_by(key.desc() if place.newest_first else key.asc())
        return list(ordered.values_list("pk", flat=True)[:most])


@contextmanager
def _by_indexes() -> Iterator[None]:
    """Read no table from one end to the other: each statement has its index, and what PostgreSQL
    expects of texts is a guess."""
    with connection_here().cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        yield
        cursor.execute("SET LOCAL enable_seqscan TO DEFAULT")


class _Search:
    """One search: what is asked for as facts of parts, and as conditions on deliveries."""

    def __init__(
        self,
        origins: Q | None,
        filter: DeliveryFilter,
        place: Place,
        places: list[Place],
        rows: dict[int, Delivery] | None = None,
    ) -> None:
        self._filter, self._place, self._places, self._rows = filter, place, places, rows
        self._facts = self._read_facts(origins)
        self._row_condition = self._read_row_condition()

    def _read_facts(self, visible: Q | None) -> Facts:
        asked = self._filter
        statuses: Sequence[str] = (asked.status,) if asked.status else ENDED
        if asked.resolution:
            unknown = str(DeliveryStatus.UNKNOWN)
            statuses = [unknown] if unknown in statuses else []
        return Facts(
            statuses=statuses,
            versions=self._versions(),
            origins=self._visible_origins(visible),
            servers=names_of_chat_server(asked.chat_server) if asked.chat_server else None,
        )

    def _versions(self) -> list[int] | None:
        asked = self._filter
        if not asked.notice and not asked.version:
            return None
        found = NoticeVersion.objects.all()
        if asked.notice:
            found = found.filter(notice__key=asked.notice)
        if asked.version:
            found = found.filter(number=int(asked.version))
        return list(found.values_list("pk", flat=True))

    def _visible_origins(self, visible: Q | None) -> list[int] | None:
        found, asked = Origin.objects.all(), self._filter.actor
        if visible is None and not asked:
            return None
        if visible is not None:
            found = found.filter(visible)
        if asked:
            found = found.filter(Q(actor_ref=asked) | Q(actor_name__icontains=asked))
        return list(found.values_list("pk", flat=True))

    def ids(self, most: int) -> set[int]:
        """Return so many ids that fit, the first of the place among them."""
        found: set[int] = set()
        candidates, size, read = self._candidates(), PARTS_AT_ONCE, 0
        newest_first = self._place.newest_first
        while parts := list(islice(candidates, size)):
            found |= self._fitting(parts, most)
            if len(found) >= most:
                # Behind the last part there are only ids beyond this.
                edge = parts[-1].last_id - (0 if newest_first else PART_SPAN)
                last = sorted(found, reverse=newest_first)[most - 1]
                if last >= edge if newest_first else last <= edge:
                    break
            read += len(parts)
            # Hardly more than are likely to be enough, if as many fit in each as until now.
            likely = ceil((most - len(found)) * read / len(found)) if found else PARTS_MOST
            likely += likely // 8 + 2
            size = min(size * GROWTH, max(likely, PARTS_AT_ONCE), PARTS_MOST)
        return found

    def _candidates(self) -> Iterator[Part]:
        facts, text = self._facts, self._filter.q
        if _is_nothing(facts):
            return iter(())
        if self._filter.resolution not in ("", UNRESOLVED):
            return self._resolved()
        source = partial(parts_with, facts)
        if text:
            source = partial(parts_with_text, text, facts, self._wholes(text))
        return chain.from_iterable(map(source, self._places))

    def _wholes(self, text: str) -> list[Facts]:
        """Return the facts of parts whose notice or sender has this text."""
        facts = self._facts
        named = NoticeVersion.objects.filter(
            Q(notice__key__icontains=text) | Q(notice__title__icontains=text)
        )
        sent = Origin.objects.filter(actor_name__icontains=text)
        wholes = (
            _narrowed(facts, versions=list(named.values_list("pk", flat=True))),
            _narrowed(facts, origins=list(sent.values_list("pk", flat=True))),
        )
        return [each for each in wholes if not _is_nothing(each)]

    def _resolved(self) -> Iterator[Part]:
        """Yield what evidence has resolved, each as a part of its own."""
        place = self._place
        found = Resolution.objects.filter(delivery__gt=place.after, delivery__lt=place.before)
        ordered = found.order_by("-delivery_id" if place.newest_first else "delivery_id")
        rows = ordered.values_list("delivery_id", "delivery__send_id")
        for pk, send_id in rows.iterator(chunk_size=1000):
            yield Part(pk, pk, send_id, is_whole=False)

    def _fitting(self, parts: list[Part], most: int) -> set[int]:
        """Return the ids of what fits in these parts: up to `most`, the first."""
        if self._filter.resolution not in ("", UNRESOLVED):
            ids = [part.first_id for part in parts]
            fitting = Delivery.objects.filter(self._filter.to_condition(), pk__in=ids)
            return set(fitting.values_list("pk", flat=True))
        first_ids, last_ids = zip(
            *ranges((part.first_id, part.last_id) for part in parts), strict=True
        )
        # Other sends may have ids between those of a part.
        sends = list({part.send_id for part in parts})
        wholes = list({part.send_id for part in parts if part.is_whole})
        sql, values = self._in_parts
        limits = [list(first_ids), list(last_ids), sends, wholes, *values, most]
        found = {row.pk: row for row in Delivery.objects.raw(sql, limits)}
        if self._rows is not None:
            self._rows |= found
        return set(found)

    @cached_property
    def _in_parts(self) -> tuple[str, tuple[Any, ...]]:
        """The statement that reads the deliveries of parts that fit, and its values."""
        fitting = Delivery.objects.filter(
            self._row_condition, pk__gt=self._place.after, pk__lt=self._place.before
        ).order_by()
        if self._filter.q:
            fitting = fitting.filter(Q(_OF_WHOLE_SEND) | self._text_condition())
        only_ids = fitting if self._rows is not None else fitting.only("pk", "send_id")
        rows, values = only_ids.extra(
            where=["sends_delivery.id BETWEEN part.first_id AND part.last_id"]
        ).query.sql_with_params()
        if list(self._facts.statuses) != [DeliveryStatus.UNKNOWN]:
            table = ' FROM "sends_delivery"'
            at_rest = rows.replace(table, ' FROM at_rest AS "sends_delivery"', 1)
            others = rows.replace(table, ' FROM ONLY "sends_delivery"', 1)
            rows, values = _OF_BOTH_TABLES.format(at_rest=at_rest, others=others), values * 2
        order = "DESC" if self._place.newest_first else "ASC"
        return _IN_PARTS.format(rows=rows, order=order), values

    def _read_row_condition(self) -> Q:
        """Return what each delivery must be, beside what its send is."""
        rest = DeliveryFilter(
            status=self._filter.status,
            resolution=self._filter.resolution,
            interaction=self._filter.interaction,
            since=self._filter.since,
            until=self._filter.until,
        )
        servers = self._facts.servers
        known = Q() if servers is None else Q(chat_server_name__in=servers)
        return rest.to_condition() & known

    def _text_condition(self) -> Q:
        text = self._filter.q
        return (
            Q(interaction__id__icontains=text)
            | Q(customer_name__icontains=text)
            | Q(body__icontains=text)
        )


def ranges(
    pairs: Iterable[tuple[int, int]], *, gap: int = NEIGHBOURS_WITHIN
) -> Iterator[tuple[int, int]]:
    """Yield the ranges that these make together, in order: neighbours whose ids are at most `gap`
    apart are one. Each is its first and its last id."""
    begin, end = None, 0
    for first, last in sorted(pairs):
        if begin is not None and first - end <= gap:
            end = max(end, last)
            continue
        if begin is not None:
            yield begin, end
        begin, end = first, last
    if begin is not None:
        yield begin, end


def _is_nothing(facts: Facts) -> bool:
    """Return whether nothing can have these facts."""
    lists = (facts.statuses, facts.versions, facts.origins, facts.servers)
    return any(values is not None and not values for values in lists)


def _narrowed(
    facts: Facts, *, versions: list[int] | None = None, origins: list[int] | None = None
) -> Facts:
    """Return the facts with one of these versions or origins only."""
    return Facts(
        statuses=facts.statuses,
        versions=_both(facts.versions, versions),
        origins=_both(facts.origins, origins),
        servers=facts.servers,
    )


def _both(one: Sequence[int] | None, other: list[int] | None) -> Sequence[int] | None:
    if one is None or other is None:
        return other if one is None else one
    return [each for each in other if each in set(one)]


def history_found(
    visible: QuerySet[Delivery], limits: Limits | None, filter: DeliveryFilter
) -> "Found | QuerySet[Delivery]":
    """Return the deliveries of `visible`, the history that the actor may see, that fit a filter.
    `limits` is the same limit for what is in parts; None if the actor sees all."""
    nothing_asked = limits is None and not filter.to_mapping()
    if nothing_asked or filter.interaction or filter.delivery:  # by their keys
        return visible.filter(filter.to_condition())
    if filter.send:
        first, last = _ends_of(int(filter.send))
        return visible.filter(filter.to_condition(), pk__gte=first, pk__lte=last)
    if filter.status and filter.status not in ENDED:
        return visible.filter(filter.to_condition(), outbox__isnull=False)
    return Found(visible, limits, filter)


def _ends_of(send_id: int) -> tuple[int, int]:
    """Return the first and the last id of a send's deliveries, so that PostgreSQL reads the history
    along its key between them alone."""
    parts = HistoryPart.objects.filter(send=send_id).order_by()
    ends = list(parts.values_list("first_id", "last_id"))
    if not ends:
        pks = Delivery.objects.filter(send=send_id).order_by().values_list("pk", flat=True)
        ends = [(pk, pk) for pk in pks]
    return min((first for first, _last in ends), default=1), max((e for _f, e in ends), default=0)
