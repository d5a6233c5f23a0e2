"""Compares the rows of a kind of things with the newest that entries tell of each.

Rows and what is told are read side by side in the order of their primary keys, a part at a time. So
memory depends neither on the ledger nor on how many things there are.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from console.audit.actions import TELL_ROWS
from console.audit.models import AuditEntry
from console.audit.state.findings import Finding, Known, Part, finding
from console.audit.state.kinds import Kind, Row, rows_of

AT_ONCE = 1000

# The newest of each thing. The ranges of the index by action have only entries that tell rows.
TOLD = """
SELECT DISTINCT ON (pk) pk, seq, value, target_name FROM (
    SELECT split_part(told.key, ':', 2)::bigint AS pk, entry.seq, told.value, entry.target_name
    FROM audit_auditentry entry
    CROSS JOIN LATERAL jsonb_each(entry.data -> 'rows') AS told (key, value)
    WHERE entry.action = ANY(%(actions)s) AND jsonb_typeof(entry.data -> 'rows') = 'object'
        AND told.key ~ %(pattern)s
) AS each_row
WHERE pk > %(after)s
ORDER BY pk, seq DESC
LIMIT %(most)s
"""
# The lowest primary key whose creation an entry tells: what has a higher one was made later.
LOWEST_MADE = """
SELECT min(split_part(told.key, ':', 2)::bigint)
FROM audit_auditentry entry
CROSS JOIN LATERAL jsonb_each(entry.data -> 'rows') AS told (key, value)
WHERE entry.action = ANY(%(actions)s) AND jsonb_typeof(entry.data -> 'rows') = 'object'
    AND told.key ~ %(pattern)s
"""
FIRST = """
SELECT min(seq) FROM audit_auditentry
WHERE action = ANY(%(actions)s) AND jsonb_typeof(data -> 'rows') = 'object'
"""

Told = tuple[int, Row | None, str]


def first_that_tells() -> int | None:
    """Return the number of the first entry that tells rows; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST, {"actions": _actions()})
        first: int | None = cursor.fetchone()[0]
    return first


class Things:
    """The comparison of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.name, self.label = kind, kind.name, kind.label

    def part(self, after: int, known: Known) -> Part:
        """Compare the next things after this primary key."""
        told, stands = self._told(after), self._stand(after)
        ends = [max(keys) for keys in (told, stands) if len(keys) == AT_ONCE]
        last = min(ends, default=None)
        part = Part(last)
        silent = []
        for pk in sorted(told.keys() | stands.keys()):
            if last is not None and pk > last:
                break
            part.compared += 1
            if pk in told:
                part.found += self._differences(pk, told[pk], stands.get(pk), part)
            elif not self.kind.is_first(stands[pk]):
                silent.append(pk)
        self._judge_silent(silent, known, part)
        return part

    def unproved(self, after: int) -> tuple[list[int], int | None]:
        """Return the next things of which older entries tell, and none their rows; and up to where
        this looked, None at the end."""
        told, stands = self._told(after), self._stand(after)
        ends = [max(keys) for keys in (told, stands) if len(keys) == AT_ONCE]
        last = min(ends, default=None)
        silent = [pk for pk in stands if pk not in told and (last is None or pk <= last)]
        firsts = self._first_entries(silent)
        return [pk for pk in silent if firsts.get(pk) is not None], last

    def _told(self, after: int) -> dict[int, Told]:
        values: dict[str, Any] = {
            "actions": _actions(),
            "pattern": f"^{self.kind.name}:[0-9]{{1,18}}$",
            "after": after,
            "most": AT_ONCE,
        }
        with connection.cursor() as cursor:
            cursor.execute(TOLD, values)
            found = cursor.fetchall()
        return {pk: (seq, _loaded(value), name) for pk, seq, value, name in found}

    def _stand(self, after: int) -> dict[int, Row]:
        rows = self.kind.model._base_manager.filter(pk__gt=after).order_by("pk")
        return rows_of(self.kind, list(rows.values_list("pk", flat=True)[:AT_ONCE]))

    def _differences(
        self, pk: int, told: Told, stands: Row | None, part: Part
    ) -> Iterator[Finding]:
        seq, row, _name = told
        if stands is not None and stands == row:
            return
        thing = self._named(pk, row)
        if stands is None:
            if row is not None:
                yield finding("gone", thing, seq=seq)
        elif row is None:
            yield finding("came_back", thing, seq=seq)
        else:
            for name, value in stands.items():
                if name not in row:
                    part.unprove("lacks", self.label)
                else:
                    yield from _field(thing, name, value, row[name], seq)

    def _judge_silent(self, pks: Sequence[int], known: Known, part: Part) -> None:
        """Judge things of which no entry tells the row."""
        if not pks:
            return
        firsts, lowest = self._first_entries(pks), self._lowest_made() if known.sealed else 0
        for pk in pks:
            first = firsts.get(pk)
            if first is not None and first < known.since:
                part.unprove("older", self.label)
            elif first is None and known.sealed and (lowest is None or pk < lowest):
                part.unprove("archived", self.label)
            else:
                thing = self._named(pk, None)
                code = "untold" if first is None else "without_row"
                more = {} if first is None else {"since": known.since}
                part.found.append(finding(code, thing, **more))

    def _first_entries(self, pks: Sequence[int]) -> dict[int, int | None]:
        """Return the number of the first entry about each thing, by the targets of entries."""
        found: dict[int, int | None] = {}
        for row in self.kind.model._base_manager.filter(pk__in=pks):
            seqs = [
                AuditEntry.objects.filter(target_kind=kind, target_ref=ref, **more)
                .order_by("seq")
                .values_list("seq", flat=True)
                .first()
                for kind, ref, more in self.kind.older(row)
            ]
            found[row.pk] = min((seq for seq in seqs if seq is not None), default=None)
        return found

    def _lowest_made(self) -> int | None:
        values: dict[str, Any] = {
            "actions": sorted(self.kind.made_by),
            "pattern": f"^{self.kind.name}:[0-9]{{1,18}}$",
        }
        with connection.cursor() as cursor:
            cursor.execute(LOWEST_MADE, values)
            lowest: int | None = cursor.fetchone()[0]
        return lowest

    def _named(self, pk: int, row: Row | None) -> str:
        """Return what a sentence calls a thing: its kind, its number and its name."""
        stored = self.kind.model._base_manager.filter(pk=pk).first()
        if stored is not None:
            return f"{self.label} {pk} ({self.kind.called(stored)})"
        names = [str(row[name]) for name in NAMES if row and row.get(name) not in (None, "")]
        return f"{self.label} {pk} ({', '.join(names[:2])})" if names else f"{self.label} {pk}"


NAMES = ("username", "key", "path", "name", "title", "number")


def _field(thing: str, name: str, stands: Any, told: Any, seq: int) -> Iterator[Finding]:
    """Yield the differences of a column; of a JSON object those of its parts."""
    if stands == told:
        return
    if isinstance(stands, dict) and isinstance(told, dict):
        for part in sorted(stands.keys() | told.keys()):
            here, there = stands.get(part), told.get(part)
            if here != there:
                yield finding(
                    "differs", thing, field=f"{name} ({part})", stands=here, told=there, seq=seq
                )
        return
    yield finding("differs", thing, field=name, stands=stands, told=told, seq=seq)


def _actions() -> list[str]:
    return sorted(str(action) for action in TELL_ROWS)


def _loaded(value: Any) -> Row | None:
    """Return a row that an entry tells; an empty one if somebody wrote anything else there."""
    if isinstance(value, str):
        value = json.loads(value)
    return value if value is None or isinstance(value, dict) else {}
