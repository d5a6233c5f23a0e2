"""Writes of the ledger. Called by every service, inside the transaction of what it records."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from console.actors import Actor
from console.audit.chain import FIELDS, GENESIS, canonical_data, canonical_time, entry_hash

# Any fixed number does: it names the lock under which the chain is extended.
CHAIN_LOCK = 0x4C45444745520001

Target = tuple[str, object, str]


@dataclass(frozen=True, slots=True)
class Record:
    """What an entry says. `target` is (kind, id, name)."""

    action: str
    target: Target
    data: dict[str, Any] = field(default_factory=dict)


def record(
    actor: Actor, action: str, *, target: Target, data: dict[str, Any] | None = None
) -> None:
    """Append one entry. Must be called in a transaction: the act and its entry stand or fall."""
    record_many(actor, [Record(action, target, data or {})])


def record_many(actor: Actor, records: Iterable[Record]) -> None:
    """Append entries in order, chained to the newest.

    Holds the chain's lock until the transaction ends, so callers append last.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an audit entry must be written in the transaction that it records")
    # All at hand before the lock is taken: what is made lazily may need the connection itself.
    records = list(records)
    at = canonical_time(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
        # A statement of its own: it must see what was there when the lock came.
        cursor.execute(NEWEST)
        seq, previous = cursor.fetchone() or (0, GENESIS)
        # Django's cursors don't know COPY: its errors are psycopg's own unless one sees to it.
        with connection.wrap_database_errors, cursor.cursor.copy(COPY) as copy:
            for item in records:
                seq += 1
                row = _row(actor, item, at=at, seq=seq, previous=previous)
                previous = row[-1]
                copy.write_row(row)


NEWEST = "SELECT seq, hash FROM audit_auditentry ORDER BY seq DESC LIMIT 1"
COPY = f"""COPY audit_auditentry ({", ".join(FIELDS)}, hash) FROM STDIN"""


def _row(actor: Actor, item: Record, *, at: str, seq: int, previous: str) -> list[Any]:
    """An entry as COPY takes it: FIELDS and, last, its hash."""
    kind, ref, name = item.target
    entry = {
        "seq": seq,
        "at": at,
        "actor_ref": actor.ref,
        "actor_name": actor.name,
        "action": item.action,
        "target_kind": kind,
        "target_ref": str(ref),
        "target_name": name[:255],
        "data": item.data,
        "prev_hash": previous,
    }
    data = canonical_data(item.data)
    digest = entry_hash(entry, data)
    entry["data"] = data.decode()
    return [*entry.values(), digest]
