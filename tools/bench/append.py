"""What one more entry costs the ledger when it is long, beside when it is short.

Both ledgers are filled by SQL with entries that look like a worker's, of many sends. Their chain is
not valid, which appending does not ask: it names the newest entry.
"""

import time
from collections.abc import Callable

import psutil
from django.db import connection, transaction

from console.actors import system_actor
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.audit.services import record
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

SHORT = 100_000
TRANSACTIONS = 3000
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
    """Microseconds of CPU that appending an entry takes, of this process and its PostgreSQL."""
    fill(SHORT)
    short = [_append_all() for _ in range(world.rounds + 1)][1:]  # the first one warms up
    fill(world.ledger)
    long = [_append_all() for _ in range(world.rounds + 1)][1:]
    pairs = [Pair(first, second) for first, second in zip(long, short, strict=True)]
    return [
        row(
            "append",
            f"appending to {world.ledger:,} entries : to {SHORT:,}",
            pairs,
            unit="µs CPU a transaction",
            goal=Goal(most=1.2),
            note="One entry, its signature and its commit, of this process and its PostgreSQL.",
        )
    ]


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


def _append_all() -> float:
    """Return the microseconds of CPU of one transaction with one entry."""
    actor = system_actor("bench")
    used = processor_time()
    before = used()
    for number in range(TRANSACTIONS):
        with transaction.atomic():
            target = ("send", number, f"send {number}")
            record(actor, Action.SEND_STARTED, target=target, data={})
    return (used() - before) / TRANSACTIONS * 1e6


def processor_time() -> Callable[[], float]:
    """Return what tells the CPU time so far of this process and of its session of PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0])

    def used() -> float:
        times = server.cpu_times()
        return time.process_time() + times.user + times.system

    return used
