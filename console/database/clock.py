"""The one clock of the console: PostgreSQL's, since those of web servers and workers differ.

What promises or releases to the second asks it (`database_now`); all else goes by its last answer
(`near_now`). This machine's own (`timezone.now`) is left for what no other machine looks at.
"""

import time
from datetime import datetime, timedelta

from django.db import connection

# How long a process counts on by itself from what PostgreSQL's clock said.
NEAR_SECONDS = 10.0

_last: tuple[datetime, float] | None = None


def database_now() -> datetime:
    """This moment by PostgreSQL's clock, also within a transaction. One short query."""
    global _last
    asked_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    _last = now, asked_at
    return now


def stamp(arrived_at: float) -> tuple[float, float]:
    """For pages that count by it: this moment in milliseconds since 1970, and for how many of them
    at least the request is here, which came at `arrived_at` by `time.monotonic`."""
    took = max(0.0, time.monotonic() - arrived_at)
    now = database_now()
    return round(1000 * now.timestamp(), 3), round(1000 * took, 3)


def near_now() -> datetime:
    """The same without a query, mostly: early by as much as the last one needed, never late, so
    that what has expired is over."""
    last = _last
    if last is not None:
        gone = time.monotonic() - last[1]
        if gone < NEAR_SECONDS:
            return last[0] + timedelta(seconds=gone)
    return database_now()
