"""Writes what the search of the history reads, when a send is over.

A part has up to PART_MOST consecutive deliveries of one send. Up to FACTS_MOST of them have their
facts together. Both are within PART_SPAN ids. Until a send's parts are written, a search reads its
deliveries themselves.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection, transaction

from console.database.connections import execute_rows
from console.sends.history.customers import customers_note
from console.sends.history.searchable import (
    FACTS_MOST,
    PART_MOST,
    PART_SPAN,
    SPAN_BITS,
    marks,
    searchable,
)
from console.sends.history_models import HistoryFact, HistoryPart, Origin
from console.sends.models import Delivery, Send

SENDS_A_STEP, DELIVERIES_A_STEP = 500, 20_000
TOGETHER_AT_ONCE = 500


class _Row(NamedTuple):
    pk: int
    send_id: int
    interaction_id: str
    customer_name: str
    body: str
    status: str
    chat_server_name: str
    created_at: datetime


def history_fill() -> int:
    """Write the parts of the next sends that are over. Return how many sends that were; 0 means
    that all are written."""
    with transaction.atomic():
        sends = _next_sends()
        searched = {send.pk: send for send in sends if not send.is_test}
        origins = _origins(searched.values())
        rows = map(_Row._make, _rows(searched))
        waiting: list[list[_Row]] = []
        for together in _together(rows):
            waiting.append(together)
            if len(waiting) == TOGETHER_AT_ONCE:
                _write(waiting, searched, origins)
                waiting = []
        _write(waiting, searched, origins)
        customers_note(list(searched))
        Send.objects.filter(pk__in=[send.pk for send in sends]).update(is_searchable=True)
    return len(sends)


def history_forget(sends: Collection[int]) -> None:
    """Delete the parts of these sends, since their texts have changed. They are written anew.

    Waits for a step that writes them just now: it may have read the texts as they were.
    """
    locked = Send.objects.filter(pk__in=sends).order_by("pk").select_for_update(no_key=True)
    list(locked.values_list("pk"))
    HistoryFact.objects.filter(part__send__in=sends).delete()
    HistoryPart.objects.filter(send__in=sends).delete()
    Send.objects.filter(pk__in=sends, is_searchable=True).update(is_searchable=False)


def _next_sends() -> list[Send]:
    """Return sends that are over, the oldest first: at least one, and no more than a step has."""
    over = Send.objects.filter(is_searchable=False, finished_at__isnull=False).order_by("pk")
    found = over.select_for_update(skip_locked=True, no_key=True).only(
        "is_test", "target_count", "version_id", "actor_ref", "actor_name", "approved_by_ref"
    )[:SENDS_A_STEP]
    chosen: list[Send] = []
    deliveries = 0
    for send in found:
        deliveries += send.target_count
        if chosen and deliveries > DELIVERIES_A_STEP:
            break
        chosen.append(send)
    return chosen


def _origins(sends: Iterable[Send]) -> dict[tuple[str, str, str], int]:
    """Return the numbers of the sends' origins, and write those that are new."""
    wanted = {_origin(send) for send in sends}
    names = ("actor_ref", "actor_name", "approver_ref")
    known = Origin.objects.filter(actor_ref__in={ref for ref, _name, _by in wanted})
    found = {tuple(row[1:]): row[0] for row in known.values_list("pk", *names)}
    new = [Origin(**dict(zip(names, each, strict=True))) for each in wanted - set(found)]
    if not new:
        return found
    Origin.objects.bulk_create(new, ignore_conflicts=True)
    return {tuple(row[1:]): row[0] for row in known.all().values_list("pk", *names)}


def _origin(send: Send) -> tuple[str, str, str]:
    return send.actor_ref, send.actor_name, send.approved_by_ref


def _rows(sends: Collection[int]) -> Iterator[tuple[object, ...]]:
    if not sends:
        return iter(())
    found = Delivery.objects.filter(send__in=sends).order_by("send_id", "pk")
    return found.values_list(*_Row._fields).iterator(chunk_size=2000)


def _together(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield the deliveries that have their facts together."""
    together: list[_Row] = []
    for row in rows:
        if together and (
            row.send_id != together[0].send_id
            or len(together) == FACTS_MOST
            or row.pk - together[0].pk >= PART_SPAN
        ):
            yield together
            together = []
        together.append(row)
    if together:
        yield together


class _Part(msgspec.Struct):
    send_id: int
    first_id: int
    last_id: int
    marks: list[str]
    text: str


class _Fact(msgspec.Struct):
    part_id: int
    send_id: int
    origin_id: int
    version_id: int
    chat_server_name: str
    status: str
    first_id: int
    last_id: int


WRITE_PARTS = """
INSERT INTO sends_historypart (send_id, first_id, last_id, marks, text)
SELECT send_id, first_id, last_id, marks, text
FROM json_to_recordset(%(parts)s::json) AS part(
    send_id bigint, first_id bigint, last_id bigint, marks text[], text text)
RETURNING last_id, id
"""
WRITE_FACTS = """
INSERT INTO sends_historyfact (part_id, send_id, origin_id, version_id, chat_server_name, status,
    first_id, last_id)
SELECT part_id, send_id, origin_id, version_id, chat_server_name, status, first_id, last_id
FROM json_to_recordset(%(facts)s::json) AS fact(
    part_id bigint, send_id bigint, origin_id bigint, version_id bigint, chat_server_name text,
    status text, first_id bigint, last_id bigint)
"""


def _write(
    waiting: list[list[_Row]], sends: dict[int, Send], origins: dict[tuple[str, str, str], int]
) -> None:
    parts = [
        _part(rows[begin : begin + PART_MOST], sends[rows[0].send_id], origins)
        for rows in waiting
        for begin in range(0, len(rows), PART_MOST)
    ]
    if not parts:
        return
    ids = dict(execute_rows(WRITE_PARTS, {"parts": _json(parts)}))
    _note_times(waiting)
    facts = [
        _Fact(
            part_id=ids[rows[-1].pk],
            send_id=send.pk,
            origin_id=origins[_origin(send)],
            version_id=send.version_id,
            chat_server_name=server,
            status=status,
            first_id=rows[0].pk,
            last_id=rows[-1].pk,
        )
        for rows in waiting
        for send in [sends[rows[0].send_id]]
        for status, server in _facts(rows)
    ]
    execute_rows(WRITE_FACTS, {"facts": _json(facts)})


def _json(values: list[Any]) -> str:
    return msgspec.json.encode(values).decode()


def _part(rows: list[_Row], send: Send, origins: dict[tuple[str, str, str], int]) -> _Part:
    last_id, origin_id = rows[-1].pk, origins[_origin(send)]
    return _Part(
        send_id=send.pk,
        first_id=rows[0].pk,
        last_id=last_id,
        marks=marks(
            last_id=last_id, version_id=send.version_id, origin_id=origin_id, facts=_facts(rows)
        ),
        text=searchable(_lines(rows)),
    )


def _facts(rows: list[_Row]) -> Iterable[tuple[str, str]]:
    """Return each pair of status and Chat Server once."""
    return dict.fromkeys((row.status, row.chat_server_name) for row in rows)


NOTE_TIMES = """
INSERT INTO sends_historyspan AS known (number, first_at, last_at)
SELECT number, min(first_at), max(last_at)
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS part(number, first_at, last_at)
GROUP BY number ORDER BY number
ON CONFLICT (number) DO UPDATE SET first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at)
WHERE (known.first_at, known.last_at) IS DISTINCT FROM
    (least(known.first_at, excluded.first_at), greatest(known.last_at, excluded.last_at))
"""


def _note_times(waiting: list[list[_Row]]) -> None:
    numbers = [rows[-1].pk >> SPAN_BITS for rows in waiting]
    first = [min(row.created_at for row in rows) for rows in waiting]
    last = [max(row.created_at for row in rows) for rows in waiting]
    with connection.cursor() as cursor:
        cursor.execute(NOTE_TIMES, [numbers, first, last])


def _lines(rows: list[_Row]) -> Iterator[str]:
    for row in rows:
        yield row.interaction_id
        yield row.customer_name
        yield row.body
