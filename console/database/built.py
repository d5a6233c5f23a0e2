"""Numbers that Django's queries say, in one statement whose text is built once a process.

Building a query takes Django several times as long as PostgreSQL takes to answer a short one. So
the text is kept by a key, which names all that decides about it, and only the values are new.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

# More keys than this are no key's fault but a caller's; then the texts are built anew.
MOST_KEPT = 500


@dataclass(frozen=True, slots=True)
class Part:
    """An expression of the statement, with its values."""

    sql: str
    values: tuple[Any, ...] = ()


Build = Callable[[], Mapping[str, Part]]
_kept: dict[Hashable, tuple[tuple[str, ...], Part]] = {}


def count_of(found: QuerySet[Any]) -> Part:
    """Return how many rows a query has. Each is counted as often as it is in it."""
    return _part("(SELECT count(*) FROM ({}) AS counted)", found.order_by())


def first_of(found: QuerySet[Any]) -> Part:
    """Return the one column of a query's first row; 0 if it has no rows."""
    return _part("coalesce(({}), 0)", found[:1])


def _part(frame: str, found: QuerySet[Any]) -> Part:
    try:
        sql, values = found.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return Part("0")
    return Part(frame.format(sql), tuple(values))


def numbers(key: Hashable, build: Build, values: Mapping[Any, Any]) -> dict[str, int]:
    """Return the parts' numbers by their names.

    `build` is called for a new key. What it puts into its queries is either the same for all calls
    with this key, or one of the marks in `values`, which stand for what this call means.
    """
    if key not in _kept:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = _joined(build(), values)
    names, whole = _kept[key]
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(whole.sql, [_meant(value, values) for value in whole.values])
        return dict(zip(names, cursor.fetchone(), strict=True))


def _joined(parts: Mapping[str, Part], marks: Mapping[Any, Any]) -> tuple[tuple[str, ...], Part]:
    sql = ", ".join(part.sql for part in parts.values())
    values = tuple(value for part in parts.values() for value in part.values)
    for value in values:
        _require_constant(value, marks)
    return tuple(parts), Part(f"SELECT {sql}", values)


def _require_constant(value: Any, marks: Mapping[Any, Any]) -> None:
    """Refuse what would be kept although it differs between calls. Raises ValueError."""
    for each in _flat(value):
        is_mark = each in marks
        is_made_of_one = any(str(mark) in str(each) for mark in marks)
        if not is_mark and (is_made_of_one or isinstance(each, date | datetime)):
            raise ValueError(f"{each!r} can't be kept in a query that is built once")


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _meant(value: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(value, list | tuple):
        return [_meant(each, values) for each in value]
    return values.get(value, value)
