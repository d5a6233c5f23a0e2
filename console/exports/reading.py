"""Reads a long list in pieces, newest first, whatever its length and its filter.

No piece reads more than a range of primary keys. A filter that nearly nothing matches then costs no
long statement, and the place in the keys says how much of the list has been read.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import OperationalError
from django.db.models import Model
from psycopg.errors import QueryCanceled

from console.database.standby import WholeReader

BATCH = 500
# Keys that a piece reads: at first, at most, and at least.
FIRST_RANGE, MOST_RANGE, LEAST_RANGE = 20_000, 2_000_000, 1_000
# A piece that takes less time is followed by a wider range, one that takes longer by a narrower.
QUICK_SECONDS, SLOW_SECONDS = 0.2, 1.0


@dataclass(frozen=True, slots=True)
class Extent:
    """The primary keys of a list at one moment: what comes later has a larger one."""

    lowest: int
    upto: int

    def share_read(self, down_to: int) -> float:
        """Return which part of the keys is read when those from `down_to` on are."""
        keys = self.upto - self.lowest + 1
        return 1.0 if keys <= 0 else min(1.0, (self.upto - down_to + 1) / keys)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows. Every row from the key `down_to` on is in this piece or in one before."""

    rows: list[Any]
    down_to: int


def extent_of(model: type[Model]) -> Extent:
    """Return the present keys of the whole table. Two short look-ups in its index."""
    keys = model._default_manager.values_list("pk", flat=True)
    newest = keys.order_by("-pk").first()
    if newest is None:
        return Extent(1, 0)
    return Extent(keys.order_by("pk").first() or newest, newest)


def pieces(
    rows: Any, extent: Extent, reader: WholeReader | None = None, *, keeps_open: bool = False
) -> Iterator[Piece]:
    """Yield the rows of `extent`, newest first, at most BATCH at once. A piece may have none.

    `keeps_open` is for a thread that reads nothing else: the standby's connection stays open from
    one piece to the next.
    """
    reader = reader or WholeReader(0)
    following, width = extent.upto, FIRST_RANGE
    while following >= extent.lowest:
        lowest = max(extent.lowest, following - width + 1)
        began = time.monotonic()
        try:
            between = rows.filter(pk__lt=following + 1, pk__gt=lowest - 1).order_by("-pk")
            found = reader.read(partial(_batch, between), keeps_open=keeps_open)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled) or width <= LEAST_RANGE:
                raise
            width = max(LEAST_RANGE, width // 8)
            continue
        down_to = found[-1].pk if len(found) == BATCH else lowest
        width = _next_width(width, time.monotonic() - began, is_full=len(found) == BATCH)
        following = down_to - 1
        yield Piece(found, down_to)


def _batch(rows: Any) -> list[Any]:
    return list(rows[:BATCH])


def _next_width(width: int, seconds: float, *, is_full: bool) -> int:
    if seconds > SLOW_SECONDS:
        return max(LEAST_RANGE, width // 4)
    if seconds < QUICK_SECONDS and not is_full:
        return min(MOST_RANGE, width * 4)
    return width
