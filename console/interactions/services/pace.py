"""The token bucket of each Chat Server, stored in the database."""

from datetime import datetime

from django.db import connection
from django.db.models import F

from console.database.connections import execute
from console.interactions.models import ChatServer

# One token a message. The bucket is in the database so that all workers share it, and runs by
# PostgreSQL's clock, even if that is set back. Its capacity is `burst` less a second's inflow, so
# that no second, wherever it begins, sees more than `burst`. If the burst is near the pace, the
# bucket still gets 2% of it, and the pace is reduced by that much.
_LEAST = "greatest(1, burst * 0.02)"
_RATE = f"least(pace_per_second, greatest(burst - {_LEAST}, burst * 0.5))"
_TOKENS = f"""least(
        greatest({_LEAST}, burst - {_RATE}),
        bucket_tokens + {_RATE} * greatest(0, extract(epoch FROM clock_timestamp() - bucket_at)))"""
TAKE = f"""
WITH bucket AS (
    SELECT id, {_RATE} AS rate, {_TOKENS} AS tokens
    FROM interactions_chatserver
    WHERE id = %(id)s::bigint
    FOR NO KEY UPDATE),
grant_ AS (
    SELECT *, greatest(0, least(%(most)s::int, floor(tokens)))::int AS granted FROM bucket)
UPDATE interactions_chatserver server SET
    bucket_tokens = tokens - granted,
    bucket_at = clock_timestamp(),
    progressed_at = CASE WHEN %(progressed)s::bool THEN clock_timestamp() ELSE progressed_at END
FROM grant_
WHERE server.id = grant_.id
RETURNING server.*, granted, tokens, rate, clock_timestamp() AS now
"""  # noqa: S608 - put together from the constants above
QUANTUM_SECONDS = 0.1


def chat_server_take_tokens(
    server_id: int, *, most: int, progressed: bool = False
) -> tuple[ChatServer, int, float, datetime]:
    """Take up to `most` tokens. Return the Chat Server as it is now, how many were granted, the
    seconds to wait if none were, and the present time by PostgreSQL's clock.

    The wait is for a tenth of a second's worth of tokens, not for each single one. `progressed`
    records that the Chat Server took something.
    """
    values = {"id": server_id, "most": most, "progressed": progressed}
    (row,) = execute(TAKE, values)
    granted, tokens, rate = row["granted"], row["tokens"], row["rate"]
    columns = [column.attname for column in ChatServer._meta.concrete_fields]
    server = ChatServer.from_db(connection.alias, columns, [row[name] for name in columns])
    if granted:
        return server, granted, 0.0, row["now"]
    worthwhile = min(most, max(1.0, rate * QUANTUM_SECONDS))
    return server, 0, max(0.001, (worthwhile - tokens) / rate), row["now"]


def chat_server_buckets() -> dict[str, float]:
    """Return how many tokens each Chat Server's bucket holds now, by name. Takes none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, {_TOKENS} FROM interactions_chatserver")  # noqa: S608
        return {name: float(tokens) for name, tokens in cursor.fetchall()}


def chat_server_return_tokens(server_id: int, unused: int) -> None:
    """Return tokens that were not used to the bucket."""
    if unused:
        ChatServer.objects.filter(pk=server_id).update(bucket_tokens=F("bucket_tokens") + unused)
