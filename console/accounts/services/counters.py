"""Counters of events within a period, shared by all processes.

One statement counts and checks, by PostgreSQL's clock, so that concurrent requests can't exceed a
limit. The table is unlogged, and so empty after a crash. Data that must survive one, such as locked
names and used codes, is stored elsewhere.
"""

import math
from hashlib import sha256

from django.db import connection

# Each statement deletes some expired counters, so no other cleanup is needed.
COUNT = """
    WITH over AS (
        DELETE FROM accounts_ratecount WHERE key IN (
            SELECT key FROM accounts_ratecount
            WHERE ends_at <= clock_timestamp() AND key <> %(key)s
            ORDER BY ends_at LIMIT 5 FOR UPDATE SKIP LOCKED
        )
    )
    INSERT INTO accounts_ratecount AS kept (key, number, ends_at)
    VALUES (%(key)s, 1, clock_timestamp() + %(seconds)s * interval '1 second')
    ON CONFLICT (key) DO UPDATE SET
        number = CASE WHEN kept.ends_at <= clock_timestamp() THEN 1 ELSE kept.number + 1 END,
        ends_at = CASE WHEN kept.ends_at <= clock_timestamp() THEN excluded.ends_at
                       ELSE kept.ends_at END
    RETURNING number, extract(epoch FROM ends_at - clock_timestamp())
"""


def counted(what: str, *, seconds: int) -> tuple[int, int]:
    """Count one more of `what`. Return the new number, and the seconds until it expires."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"key": _key(what), "seconds": seconds})
        number, left = cursor.fetchone()
    return number, max(1, math.ceil(left))


def seconds_to_wait(what: str, *, limit: int, seconds: int) -> int:
    """Count one more of `what`. Return 0 if it may pass, else the seconds until the next may."""
    number, left = counted(what, seconds=seconds)
    return 0 if number <= limit else left


def take_back(what: str) -> None:
    """Undo one count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_ratecount SET number = greatest(number - 1, 0) WHERE key = %s",
            [_key(what)],
        )


def forget(what: str) -> None:
    """Reset the counter."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_ratecount WHERE key = %s", [_key(what)])


def _key(what: str) -> str:
    # Hashed, since it may have any length and content.
    return sha256(what.encode(errors="replace")).hexdigest()
