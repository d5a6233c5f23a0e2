"""Finds the entries of the ledger that fit a filter, from either end, however many there are.

An action has few kinds of target. So the index by action, kind and number has few ranges that fit,
and each is read from the end that is asked for, as far as needed. No plan depends on how often an
action occurs, or when.
"""

from collections.abc import Sequence
from typing import Any, Self

from django.db.models import QuerySet

from console.audit.models import AuditEntry
from console.database.reading import connection_here

# Each distinct pair costs one look-up in the index.
PAIRS = """
WITH RECURSIVE pair AS (
    (SELECT action, target_kind FROM audit_auditentry ORDER BY action, target_kind LIMIT 1)
    UNION ALL
    SELECT following.action, following.target_kind FROM pair CROSS JOIN LATERAL (
        SELECT e.action, e.target_kind FROM audit_auditentry e
        WHERE (e.action, e.target_kind) > (pair.action, pair.target_kind)
        ORDER BY e.action, e.target_kind LIMIT 1
    ) AS following
)
SELECT action, target_kind FROM pair
"""

Pair = tuple[str, str]


def pairs_with(*, action: str = "", target_kind: str = "") -> list[Pair]:
    """Return the actions and kinds of target that stand together in an entry. `action` is a whole
    action or a prefix."""
    with connection_here().cursor() as cursor:
        cursor.execute(PAIRS)
        found = cursor.fetchall()
    return [
        (act, kind) for act, kind in found if act.startswith(action) and target_kind in ("", kind)
    ]


class Ranges:
    """The entries with certain actions and kinds, as a list that is read in parts. It has what the
    paging of pages and of the API ask of a QuerySet: order_by, filter by pk, slices."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        limits: dict[str, Any] | None = None,
        order: str = "-pk",
    ) -> None:
        self._pairs, self._limits, self._order = pairs, limits or {}, order

    def order_by(self, *names: str) -> Self:
        return type(self)(self._pairs, self._limits, names[0])

    def filter(self, **limits: Any) -> Self:
        """Add limits of the pk."""
        return type(self)(self._pairs, {**self._limits, **limits}, self._order)

    def none(self) -> Self:
        return type(self)([])

    def __getitem__(self, part: slice) -> list[AuditEntry]:
        if not self._pairs or part.stop <= (part.start or 0):
            return []
        first, *others = [self._range(pair, part.stop) for pair in self._pairs]
        if others:
            every = first.union(*others, all=True).order_by(self._order.replace("pk", "seq"))
            seqs = list(every[part])
        else:
            seqs = list(first)[part]
        found = AuditEntry.objects.in_bulk(seqs)
        return [found[seq] for seq in seqs if seq in found]

    def _range(self, pair: Pair, most: int) -> QuerySet[AuditEntry, int]:
        """Return the numbers of one range. The index has all that this reads."""
        action, kind = pair
        found = AuditEntry.objects.filter(action=action, target_kind=kind, **self._limits)
        return found.order_by(self._order).values_list("seq", flat=True)[:most]
