"""The sends that an actor sees, as a list that is read in parts from either end.

Each reason for which somebody sees a send has an index of its own, and each is read from the end
that is asked for, as far as needed. Only then are the sends read with their numbers.
"""

from collections.abc import Sequence
from typing import Any, Self

from django.db.models import Q, QuerySet

from console.sends.models import Send


class Listed:
    """Sends in parts. It has what the paging of pages and of the API ask of a QuerySet: order_by,
    filter by pk, count, slices. `shown` are the sends with all that is shown of them; `reasons` are
    conditions, and each send that one of them fits is in the list."""

    def __init__(
        self,
        shown: QuerySet[Send],
        reasons: Sequence[Q],
        limits: Q | None = None,
        order: str = "-pk",
    ) -> None:
        self._shown, self._reasons = shown, reasons
        self._limits, self._order = limits or Q(), order

    def order_by(self, *names: str) -> Self:
        return type(self)(self._shown, self._reasons, self._limits, names[0])

    def filter(self, *conditions: Q, **limits: Any) -> Self:
        """Narrow by columns of sends alone."""
        whole = Q(self._limits, *conditions, **limits)
        return type(self)(self._shown, self._reasons, whole, self._order)

    def none(self) -> Self:
        return self.filter(pk__in=[])

    def count(self) -> int:
        first, *others = (self._ids(reason) for reason in self._reasons)
        return (first.union(*others) if others else first).count()

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[Send]:
        if part.stop <= (part.start or 0):
            return []
        first, *others = (self._ids(reason, part.stop) for reason in self._reasons)
        if others:
            ids = list(first.union(*others).order_by(self._order.replace("pk", "id"))[part])
        else:
            ids = list(first[part.start or 0 :])
        found = self._shown.in_bulk(ids)
        return [found[pk] for pk in ids if pk in found]

    def _ids(self, reason: Q, most: int | None = None) -> QuerySet[Send, int]:
        found = Send.objects.filter(reason, self._limits).values_list("id", flat=True)
        return found.order_by(self._order)[:most] if most is not None else found.order_by()
