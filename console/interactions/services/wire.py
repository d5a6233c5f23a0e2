"""Who may write to a Chat Server's wire, and how fast: the lease of its drain and the bucket of its
pace. Both are in the database, shared by all workers, and run by PostgreSQL's clock.

A lease has an epoch. Whoever takes the lease counts it up, and each transaction of a drain first
locks the Chat Server's row and compares the epoch. So a drain that has lost its lease can commit
nothing more, however long it stood still, and no statement depends on a session of its own.

A holder renews its lease every second. The next in line does not trust the time alone, since the
database itself may have been away: it first writes that it contests the lease, and takes it only
if the holder has not renewed it a few seconds later.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from console.database.committing import add_to_commit
from console.database.connections import array, execute, execute_rows
from console.interactions.models import ChatServer

# A holder that has not renewed its lease for STALE_SECONDS is contested, and loses it after
# CONTEST_SECONDS more. With the sweep every five seconds, others go on within 11 s.
STALE_SECONDS = 3.0
CONTEST_SECONDS = 3.0
RENEW_SECONDS = 1.0


class LeaseLost(Exception):
    """Another worker has the lease of this Chat Server's drain."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drain a Chat Server. `server` is the Chat Server when the lease was taken."""

    server: ChatServer
    epoch: int


TAKE_LEASES = """
WITH found AS (
    SELECT id,
        drain_holder IS NULL OR drain_holder = %(worker)s::uuid
        OR (drain_renewed_at < clock_timestamp() - %(stale)s::interval
            AND coalesce(drain_contested_at < clock_timestamp() - %(contest)s::interval, false))
            AS is_free,
        drain_renewed_at < clock_timestamp() - %(stale)s::interval AS is_stale
    FROM interactions_chatserver
    WHERE name = ANY(%(names)s::text[])
    FOR NO KEY UPDATE SKIP LOCKED)
UPDATE interactions_chatserver server SET
    drain_epoch = drain_epoch + is_free::int,
    drain_holder = CASE WHEN is_free THEN %(worker)s::uuid ELSE drain_holder END,
    drain_renewed_at = CASE WHEN is_free THEN clock_timestamp() ELSE drain_renewed_at END,
    drain_contested_at =
        CASE WHEN NOT is_free THEN coalesce(drain_contested_at, clock_timestamp()) END
FROM found
WHERE server.id = found.id AND (is_free OR is_stale)
RETURNING server.*, is_free
"""
HOLD_LEASE = """
UPDATE interactions_chatserver
SET drain_renewed_at = clock_timestamp(), drain_contested_at = NULL,
    progressed_at = CASE WHEN %(progressed)s::bool THEN clock_timestamp() ELSE progressed_at END
WHERE id = %(id)s::bigint AND drain_epoch = %(epoch)s::bigint AND drain_holder IS NOT NULL
RETURNING id
"""
RENEW_LEASES = """
WITH mine AS (
    SELECT server.id
    FROM unnest(%(ids)s::bigint[], %(epochs)s::bigint[]) AS mine(id, epoch)
    JOIN interactions_chatserver server ON server.id = mine.id AND server.drain_epoch = mine.epoch),
free AS (
    SELECT id FROM interactions_chatserver WHERE id IN (SELECT id FROM mine)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
renewed AS (
    UPDATE interactions_chatserver
    SET drain_renewed_at = clock_timestamp(), drain_contested_at = NULL
    WHERE id IN (SELECT id FROM free))
SELECT id FROM mine
"""
RELEASE_LEASES = """
WITH mine AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(epochs)s::bigint[]) AS mine(id, epoch)),
free AS (
    SELECT id FROM interactions_chatserver WHERE id IN (SELECT id FROM mine)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
released AS (
    UPDATE interactions_chatserver server
    SET drain_holder = NULL, drain_renewed_at = NULL, drain_contested_at = NULL
    FROM mine, free
    WHERE server.id = mine.id AND server.id = free.id AND server.drain_epoch = mine.epoch)
SELECT id FROM free
"""
RELEASE_LEASE = """
UPDATE interactions_chatserver
SET drain_holder = NULL, drain_renewed_at = NULL, drain_contested_at = NULL
WHERE id = %(id)s::bigint AND drain_epoch = %(epoch)s::bigint
"""


def chat_server_leases_take(names: Collection[str], worker: UUID) -> dict[str, Lease | float]:
    """Take the leases of these Chat Servers' drains that are free, or whose holders are lost.

    Return by name the leases, or the seconds until another try is worthwhile where the holder has
    gone silent. Where the holder is alive there is nothing, nor where there is no such Chat Server.
    A worker gets its own lease again at once.
    """
    values = {
        "names": list(names),
        "worker": worker,
        "stale": timedelta(seconds=STALE_SECONDS),
        "contest": timedelta(seconds=CONTEST_SECONDS),
    }
    return {
        row["name"]: Lease(chat_server_of(row), row["drain_epoch"])
        if row["is_free"]
        else CONTEST_SECONDS
        for row in execute(TAKE_LEASES, values)
    }


def chat_server_lease_hold(lease: Lease, *, progressed: bool = False) -> None:
    """Lock the Chat Server's row until the transaction ends, and renew the lease. Raises LeaseLost.

    Call it first in a transaction that only the holder of the lease may commit. `progressed` says
    that the Chat Server has answered.
    """
    values = {"id": lease.server.pk, "epoch": lease.epoch, "progressed": progressed}
    if not execute_rows(HOLD_LEASE, values):
        raise LeaseLost


def chat_server_leases_renew(leases: Mapping[int, int]) -> set[int]:
    """Renew leases, given as epochs by the Chat Servers' ids. Return the ids still held."""
    values = {"ids": array(leases), "epochs": array(leases.values())}
    return {pk for (pk,) in execute_rows(RENEW_LEASES, values)} if leases else set()


def chat_server_leases_release(leases: Collection[Lease]) -> set[int]:
    """Give leases back, unless another worker has taken them. Return the ids of the Chat Servers of
    which that is done. Of the others a row was locked: `chat_server_lease_release` waits for it."""
    values = {
        "ids": array(lease.server.pk for lease in leases),
        "epochs": array(lease.epoch for lease in leases),
    }
    return {pk for (pk,) in execute_rows(RELEASE_LEASES, values)}


def chat_server_lease_release(lease: Lease) -> None:
    """Give a lease back, unless another worker has taken it."""
    execute_rows(RELEASE_LEASE, {"id": lease.server.pk, "epoch": lease.epoch})


def chat_server_of(row: Mapping[str, object]) -> ChatServer:
    """Return the Chat Server of a row that has all its columns."""
    columns = [column.attname for column in ChatServer._meta.concrete_fields]
    return ChatServer.from_db(connection.alias, columns, [row[name] for name in columns])


# One token a message. The bucket fills by the pace and holds a burst. Besides, the grants of the
# last second are counted in slots of 20 ms, so that no second sees more than the burst. A burst
# near the pace costs at most one such slot: 2 % of the pace.
SLOTS_PER_SECOND = 50
_NOW_SLOT = f"floor(extract(epoch FROM clock_timestamp()) * {SLOTS_PER_SECOND})::bigint"
# The slot of now is not over, so it takes one more to cover a whole second.
_RECENT = f"slot > now_slot - {SLOTS_PER_SECOND + 1} AND slot <= now_slot"
_TOKENS = """least(burst, bucket_tokens + pace_per_second
        * greatest(0, extract(epoch FROM clock_timestamp() - bucket_at)))"""
TAKE = f"""
WITH bucket AS (
    SELECT id, burst, pace_per_second, {_TOKENS} AS tokens, {_NOW_SLOT} AS now_slot,
        grant_slots, grant_counts
    FROM interactions_chatserver
    WHERE id = %(id)s::bigint AND drain_epoch = coalesce(%(epoch)s::bigint, drain_epoch)
    FOR NO KEY UPDATE),
recent AS (
    SELECT coalesce(array_agg(slot ORDER BY slot), '{{}}') AS slots,
        coalesce(array_agg(number ORDER BY slot), '{{}}') AS numbers,
        coalesce(sum(number), 0) AS granted
    FROM bucket, unnest(grant_slots, grant_counts) AS each(slot, number)
    WHERE {_RECENT}),
grant_ AS (
    SELECT id, tokens, slots, numbers, now_slot,
        greatest(0, least(%(most)s::int, floor(tokens), burst - recent.granted))::int AS granted,
        greatest(0, ((least(%(most)s::int, burst,
            greatest(1, pace_per_second * %(quantum)s::float8)) - tokens) / pace_per_second))
            AS for_tokens,
        CASE WHEN recent.granted >= burst
            THEN (slots[1] + {SLOTS_PER_SECOND + 1})::float8 / {SLOTS_PER_SECOND}
                - extract(epoch FROM clock_timestamp()) ELSE 0 END AS for_a_second
    FROM bucket, recent)
UPDATE interactions_chatserver server SET
    bucket_tokens = tokens - granted,
    bucket_at = clock_timestamp(),
    grant_slots = CASE WHEN granted = 0 OR slots[cardinality(slots)] = now_slot THEN slots
        ELSE slots || now_slot END,
    grant_counts = CASE WHEN granted = 0 THEN numbers
        WHEN slots[cardinality(slots)] = now_slot
            THEN numbers[:cardinality(numbers) - 1] || (numbers[cardinality(numbers)] + granted)
        ELSE numbers || granted END,
    progressed_at = CASE WHEN %(progressed)s::bool THEN clock_timestamp() ELSE progressed_at END,
    drain_renewed_at =
        CASE WHEN %(epoch)s::bigint IS NULL THEN drain_renewed_at ELSE clock_timestamp() END,
    drain_contested_at = CASE WHEN %(epoch)s::bigint IS NULL THEN drain_contested_at END
FROM grant_
WHERE server.id = grant_.id
RETURNING server.*, granted, greatest(for_tokens, for_a_second) AS wait_seconds,
    clock_timestamp() AS now
"""  # noqa: S608 - put together from the constants above
RETURN = """
UPDATE interactions_chatserver SET
    bucket_tokens = bucket_tokens + %(unused)s,
    grant_counts[cardinality(grant_counts)] =
        greatest(0, grant_counts[cardinality(grant_counts)] - %(unused)s)
WHERE id = %(id)s
"""
QUANTUM_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may leave now. `wait_seconds` is the time to another try if none may. `now`
    is the present time by PostgreSQL's clock, `server` the Chat Server as it is now."""

    server: ChatServer
    number: int
    wait_seconds: float
    now: datetime


def chat_server_take_tokens(
    server_id: int, *, most: int, progressed: bool = False, epoch: int | None = None
) -> Grant:
    """Take up to `most` tokens.

    The wait is for a tenth of a second's worth of tokens, not for each single one. `progressed`
    records that the Chat Server took something. With `epoch`, renews the lease too, or raises
    LeaseLost: see `chat_server_lease_hold`.
    """
    values = {
        "id": server_id,
        "most": most,
        "progressed": progressed,
        "epoch": epoch,
        "quantum": QUANTUM_SECONDS,
    }
    rows = execute(TAKE, values)
    if not rows:
        raise LeaseLost
    (row,) = rows
    wait_seconds = 0.0 if row["granted"] else max(0.001, float(row["wait_seconds"]))
    return Grant(chat_server_of(row), row["granted"], wait_seconds, row["now"])


def chat_server_buckets() -> dict[str, float]:
    """Return how many tokens each Chat Server's bucket holds now, by name. Takes none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, {_TOKENS} FROM interactions_chatserver")  # noqa: S608
        return {name: float(tokens) for name, tokens in cursor.fetchall()}


def chat_server_return_tokens(server_id: int, unused: int) -> None:
    """Return tokens that were not used to the bucket, with the commit of the transaction."""
    if unused:
        add_to_commit(RETURN, {"id": server_id, "unused": unused})
