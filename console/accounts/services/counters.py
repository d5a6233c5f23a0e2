"""How often somebody did something within a time, counted for all processes at once.

One statement counts and judges, by PostgreSQL's clock, so that no number of requests at the same
time gets past a limit. The counts are of no use after a crash, and the table (unlogged) is empty
then; what has to outlive it, such as locked names and used codes, is kept elsewhere.
"""

import math
from hashlib import sha256

from django.db import connection

# Some that are over go with each: nothing else has to tidy up.
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
    """Count one more of `what`: how many there are with it, and in how many seconds they are
    forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"key": _key(what), "seconds": seconds})
        number, left = cursor.fetchone()
    return number, max(1, math.ceil(left))


def seconds_to_wait(what: str, *, limit: int, seconds: int) -> int:
    """Count one more of `what`; 0 lets it pass, else in how many seconds the next may."""
    number, left = counted(what, seconds=seconds)
    return 0 if number <= limit else left


def take_back(what: str) -> None:
    """Count one less: it turned out to be none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_ratecount SET number = greatest(number - 1, 0) WHERE key = %s",
            [_key(what)],
        )


def forget(what: str) -> None:
    """Begin to count anew."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_ratecount WHERE key = %s", [_key(what)])


def _key(what: str) -> str:
    # Hashed: it is of any length and may hold anything.
    return sha256(what.encode(errors="replace")).hexdigest()
