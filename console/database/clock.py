"""The one clock of the console: PostgreSQL's, since those of web servers and workers differ.

Whatever must be right to the second reads it (`database_now`); all else continues from the last
reading (`near_now`). This machine's own clock (`timezone.now`) is for what no other machine reads.
"""

import time
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.db import connection

# How long a process continues from its last reading of PostgreSQL's clock.
NEAR_SECONDS = 10.0

# By how much this machine's clock may differ before the console says so.
TOLERANCE_SECONDS = 2.0

_last: tuple[datetime, float] | None = None
_ahead = [0.0]
logger = structlog.get_logger("console.database")


def database_now() -> datetime:
    """Return the present time by PostgreSQL's clock, also within a transaction. One short query."""
    global _last
    asked_at, before = time.monotonic(), time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    _compare(before, now.timestamp(), time.time())
    _last = now, asked_at
    return now


def clock_ahead() -> float:
    """Return by how many seconds this machine's clock was ahead of PostgreSQL's when that was read
    last: at least so many, however long the answer took. Below 0: behind."""
    return _ahead[0]


def _compare(before: float, now: float, after: float) -> None:
    ahead = max(0.0, before - now) or min(0.0, after - now)
    was, _ahead[0] = _ahead[0], ahead
    if (abs(ahead) > TOLERANCE_SECONDS) != (abs(was) > TOLERANCE_SECONDS):
        logger.warning("clock differs from the database's", ahead_seconds=round(ahead, 1))


class Stamp(NamedTuple):
    """A moment of a request: the time by PostgreSQL's clock, in milliseconds since 1970, and how
    many milliseconds the request had been here by then, at least and at most."""

    now: float
    took: float
    took_at_most: float


def stamp(arrived_at: float) -> Stamp:
    """Return the present moment of a request that came at `arrived_at` by `time.monotonic`. Pages
    count with it."""
    asked_at = time.monotonic()
    now = database_now()
    answered_at = time.monotonic()
    took, at_most = (max(0.0, at - arrived_at) for at in (asked_at, answered_at))
    return Stamp(*(round(1000 * each, 3) for each in (now.timestamp(), took, at_most)))


def counted_from(milliseconds: float) -> float:
    """Return what `time.monotonic` showed at a moment by PostgreSQL's clock, in milliseconds since
    1970, or a little before. Of what is yet to come, the present time. One short query."""
    asked_at = time.monotonic()
    return asked_at - max(0.0, database_now().timestamp() - milliseconds / 1000)


def near_now() -> datetime:
    """Return the present time, mostly without a query. It may lag by the duration of the last
    reading, but is never ahead: whatever it shows as expired has expired."""
    last = _last
    if last is not None:
        gone = time.monotonic() - last[1]
        if gone < NEAR_SECONDS:
            return last[0] + timedelta(seconds=gone)
    return database_now()
