"""The kinds of things whose rows the ledger tells whole, and what it tells of them.

An entry about a thing has, under ROWS, what the database has of it afterwards, read back in the
same transaction. So the newest of these is what the row must be. An app declares its kinds in its
`told` module, with a decision for every column: compared, or passed over for a reason.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from django.db import models

from console.audit.actions import Action
from console.audit.chain import canonical_time

# The name in an entry's data.
ROWS = "rows"

Row = dict[str, Any]
# Returns a value for each of these primary keys, out of other tables.
More = Callable[[Sequence[int]], Mapping[int, Any]]


# The target of entries, as (kind, ref), and what they have beside it.
Older = tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of things, one row of `model` each.

    `fields` are the compared columns, of which `hidden` are told by their SHA-256 alone, and `more`
    is what is compared beside them from other tables.
    `passed_over` says for every other column why it is not compared. `older` returns which entries
    told of a thing before there were rows. `called` names a thing. `is_first` says whether a row is
    as a migration made it, which no entry tells. `made_by` are the actions that make one.
    """

    name: str
    label: str
    model: type[models.Model]
    fields: tuple[str, ...]
    passed_over: Mapping[str, str]
    older: Callable[[Any], list[Older]]
    called: Callable[[Any], str] = str
    made_by: frozenset[Action]
    hidden: frozenset[str] = frozenset()
    more: Mapping[str, More] = field(default_factory=dict)
    is_first: Callable[[Row], bool] = lambda _row: False

    def key(self, pk: object) -> str:
        return f"{self.name}:{pk}"


KINDS: dict[str, Kind] = {}
# Models of which no row is compared, each with the reason: by label, as in "sends.Outbox".
PASSED_OVER: dict[str, str] = {}


def declare(kind: Kind) -> Kind:
    """Add a kind. Its app calls it when it is set up."""
    KINDS[kind.name] = kind
    return kind


def pass_over(reasons: Mapping[str, str]) -> None:
    """Say of models why none of their rows is compared."""
    for label, why in reasons.items():
        PASSED_OVER[label] = why


def told(*things: tuple[Kind, int | Iterable[int]]) -> dict[str, Any]:
    """Return, for an entry's data, what the database has of these things now. Each is a kind with
    one primary key, or several; a row that is gone is None. Call it when all is written."""
    found: dict[str, Row | None] = {}
    for kind, which in things:
        pks = [which] if isinstance(which, int) else list(which)
        rows = rows_of(kind, pks)
        found |= {kind.key(pk): rows.get(pk) for pk in pks}
    return {ROWS: found} if found else {}


def rows_of(kind: Kind, pks: Sequence[int]) -> dict[int, Row]:
    """Return the rows with these primary keys as entries tell them."""
    stored = kind.model._base_manager.filter(pk__in=pks).values("pk", *kind.fields)
    rows = {row.pop("pk"): {name: plain(it) for name, it in row.items()} for row in stored}
    for name, read in kind.more.items():
        values = read(list(rows))
        for pk, row in rows.items():
            row[name] = values.get(pk, [])
    _digest_long(kind, rows.values())
    return rows


def _digest_long(kind: Kind, rows: Iterable[Row]) -> None:
    """Put the SHA-256 of texts without limit, and of JSON, in their places: of each part of a JSON
    object by its name. A row stays short, and what it tells of a text is only whether it is so."""
    columns = [kind.model._meta.get_field(name) for name in kind.fields]
    texts = {item.name for item in columns if isinstance(item, models.TextField)}
    texts |= kind.hidden
    trees = {item.name for item in columns if isinstance(item, models.JSONField)}
    for row in rows:
        for name in row.keys() & texts:
            row[name] = digest(row[name]) if row[name] else row[name]
        for name in row.keys() & trees:
            value = row[name]
            if isinstance(value, dict):
                row[name] = {part: digest(it) for part, it in value.items()}
            elif value:
                row[name] = digest(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of a text, or of anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return a column's value as it can stand in an entry. A fraction becomes a text."""
    if isinstance(value, datetime):
        return canonical_time(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return value


@dataclass(frozen=True)
class Decision:
    """Which columns of a model are compared, and why the others are not."""

    fields: tuple[str, ...]
    passed_over: Mapping[str, str]


# Models that other comparisons than that of a kind read, by label.
ELSEWHERE: dict[str, Decision] = {}


def elsewhere(
    model: type[models.Model], *, fields: tuple[str, ...], passed_over: Mapping[str, str]
) -> None:
    """Say of a model's columns which ones another comparison reads, and why the rest is not."""
    ELSEWHERE[model._meta.label] = Decision(fields, passed_over)
