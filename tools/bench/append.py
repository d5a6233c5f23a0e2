"""What one more entry costs the ledger when it is long, beside when it is short.

Both ledgers are filled by SQL with entries that look like a worker's, of many sends. Their chain is
not valid, which appending does not ask: it names the newest entry.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import psycopg
from django.db import connection, transaction
from psycopg import sql

from console.actors import system_actor
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.audit.services import record
from console.audit.signing import forget_signer
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

SHORT = 100_000
TURNS, TRANSACTIONS = 10, 300
A_PIECE = 250_000

FILL = """
INSERT INTO audit_auditentry (seq, at, actor_ref, actor_name, action, target_kind, target_ref,
    target_name, data, prev_hash, hash)
SELECT n, now() - interval '3 years' + n * interval '9 seconds', 'system:worker',
    'Notice Console (worker)', 'deliveries.delivered', 'send', (n / 3)::text, 'send ' || n / 3,
    jsonb_build_object('chat_server', 'chat-east', 'method', 'Message', 'visibility', 'ALL',
        'deliveries', jsonb_build_array(jsonb_build_object('id', n, 'attempts', 1,
            'interaction', md5(n::text), 'text_sha256', md5(n::text) || md5(n::text)))),
    md5((n - 1)::text) || md5((n - 1)::text), md5(n::text) || md5(n::text)
FROM generate_series(%s::bigint, %s::bigint) n
"""


def append(world: World) -> list[Row]:
    """Microseconds of CPU that appending an entry takes, of this process and its PostgreSQL.

    The short ledger stands in a database of its own, so that a round measures both.
    """
    fill(SHORT)
    short = _copied_database("short_ledger")
    fill(world.ledger)
    pairs = []
    for number in range(world.rounds + 1):
        pairs.append(_in_turns(short))
        say(f"append: round {number} of {world.rounds}, ratio {pairs[-1].ratio:.3f}")
    return [
        row(
            "append",
            f"appending to {world.ledger:,} entries : to {SHORT:,}",
            pairs[1:],  # the first one warms up
            unit="µs CPU a transaction",
            goal=Goal(most=1.2),
            note="One entry, its signature and its commit, of this process and its PostgreSQL.",
        )
    ]


def _copied_database(name: str) -> str:
    """Copy the database as it is now, and return the name of the copy."""
    known = connection.get_connection_params()
    connection.close()
    place = {"host": known["host"], "user": known["user"], "dbname": "postgres"}
    with psycopg.connect(**place, autocommit=True) as other:
        original = sql.Identifier(known["dbname"])
        other.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), original)
        )
    return name


@contextmanager
def _database(name: str) -> Iterator[None]:
    """Let the connection be one to another database."""
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    forget_signer()  # whose anchor is of the other ledger
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own
        forget_signer()


def fill(upto: int) -> None:
    """Let the ledger grow to so many entries."""
    newest = AuditEntry.objects.values_list("seq", flat=True).first() or 0
    while newest < upto:
        end = min(newest + A_PIECE, upto)
        with connection.cursor() as cursor:
            cursor.execute(FILL, [newest + 1, end])
        newest = end
        say(f"append: {newest:,} entries")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audit_auditentry")
        cursor.execute("CHECKPOINT")


def _in_turns(short: str) -> Pair:
    """Append to the one and the other in short turns: whatever else the machine does is of both."""
    sums = [0.0, 0.0]
    for _ in range(TURNS):
        sums[0] += _append()
        with _database(short):
            sums[1] += _append()
    return Pair(sums[0] / TURNS, sums[1] / TURNS)


def _append() -> float:
    """Return the microseconds of CPU of one transaction with one entry."""
    _record(0)  # signs a key, and prepares statements
    used = processor_time()
    before = used()
    for number in range(TRANSACTIONS):
        _record(number)
    return (used() - before) / TRANSACTIONS * 1e6


def _record(number: int) -> None:
    with transaction.atomic():
        target = ("send", number, f"send {number}")
        record(system_actor("bench"), Action.SEND_STARTED, target=target, data={})


def processor_time() -> Callable[[], float]:
    """Return what tells the CPU time so far of this process and of its session of PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0])

    def used() -> float:
        times = server.cpu_times()
        return time.process_time() + times.user + times.system

    return used
