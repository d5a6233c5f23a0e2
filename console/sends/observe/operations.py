"""The state of sending at this moment, for pages and monitors. Read at each request, and cheap.

The outbox has only what is open and is read by its index; nothing here counts the history. Times
are PostgreSQL's, since machines' clocks differ.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob

from console.database.clock import TOLERANCE_SECONDS
from console.interactions.models import ChatServer, Health
from console.interactions.services import chat_server_buckets
from console.sends.models import DeliveryStatus, Outbox, OutcomeTotal

# Three heartbeats and some tolerance (console.sends.engine.worker).
LOST_AFTER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Queue:
    """A Chat Server and its open deliveries.

    `due` could leave now; `later` wait for a time, a paused send or an approval; `on_the_wire` have
    no recorded outcome yet. `oldest_due_seconds` is how long the oldest due delivery has been due,
    None if none is due. `tokens` is the content of its pace's token bucket.
    """

    server: ChatServer
    tokens: float
    due: int = 0
    later: int = 0
    on_the_wire: int = 0
    oldest_due_seconds: float | None = None


OPEN = """
WITH open AS MATERIALIZED (
    SELECT send_id, chat_server_name, count(*) AS number, min(due_at) AS first_due_at,
        count(*) FILTER (WHERE due_at <= statement_timestamp()) AS due
    FROM sends_outbox GROUP BY send_id, chat_server_name)
SELECT open.chat_server_name, sum(open.number)::bigint,
    coalesce(sum(open.due) FILTER (WHERE s.status = 'running'), 0)::bigint,
    extract(epoch FROM statement_timestamp() - min(open.first_due_at) FILTER (
        WHERE s.status = 'running' AND open.due > 0))::float
FROM open JOIN sends_send s ON s.id = open.send_id AND NOT s.is_test
GROUP BY open.chat_server_name
"""

ON_THE_WIRE = """
SELECT c.chat_server_name, count(*)
FROM sends_claim c
CROSS JOIN LATERAL unnest(c.delivery_ids) AS claimed(id)
JOIN ONLY sends_delivery d ON d.id = claimed.id AND d.claim = c.id AND d.status = 'sending'
JOIN sends_send s ON s.id = d.send_id AND NOT s.is_test
GROUP BY c.chat_server_name
"""


def queues() -> list[Queue]:
    """Return every Chat Server with its queue, by name."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN)
        open_by_name = {name: row for name, *row in cursor.fetchall()}
        cursor.execute(ON_THE_WIRE)
        wire_by_name: dict[str, int] = dict(cursor.fetchall())
    tokens = chat_server_buckets()
    found = []
    for server in ChatServer.objects.order_by("name"):
        number, due, oldest = open_by_name.get(server.name, (0, 0, None))
        wire = wire_by_name.get(server.name, 0)
        due = max(0, due - wire)
        found.append(
            Queue(
                server=server,
                tokens=tokens.get(server.name, 0.0),
                due=due,
                later=max(0, number - due - wire),
                on_the_wire=wire,
                oldest_due_seconds=None if oldest is None else max(0.0, oldest),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as its last heartbeat described it. A lost worker has been silent for too long."""

    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    silent_seconds: float
    is_stopping: bool
    chat_servers: Sequence[str]
    clock_ahead_seconds: float
    unreadable_outcomes: int = 0

    @property
    def is_lost(self) -> bool:
        return self.silent_seconds > LOST_AFTER_SECONDS

    @property
    def clock_differs(self) -> bool:
        return not self.is_lost and abs(self.clock_ahead_seconds) > TOLERANCE_SECONDS


WORKERS = """
SELECT host, pid, started_at, seen_at,
    greatest(0, extract(epoch FROM statement_timestamp() - seen_at))::float,
    is_stopping, chat_servers, clock_ahead_seconds, unreadable_outcomes
FROM sends_worker ORDER BY host, pid, started_at
"""


def workers() -> list[WorkerState]:
    """Return all live workers, and those that were lost lately."""
    with connection.cursor() as cursor:
        cursor.execute(WORKERS)
        return [WorkerState(*row) for row in cursor.fetchall()]


RESOLVED = """
SELECT coalesce(s.name, renamed.name, ''), count(*)
FROM sends_resolution r
JOIN sends_send send ON send.id = r.send_id AND NOT send.is_test
LEFT JOIN interactions_chatserver s ON s.name = r.chat_server_name
LEFT JOIN interactions_formername f ON f.name = r.chat_server_name
LEFT JOIN interactions_chatserver renamed ON renamed.id = f.chat_server_id
GROUP BY 1
"""


def unresolved(totals: Iterable[tuple[str, str, int]]) -> dict[str, int]:
    """Return how many unknown deliveries nothing is known of, by Chat Server ("" for those that are
    not registered). `totals` are those of `outcome_totals`."""
    with connection.cursor() as cursor:
        cursor.execute(RESOLVED)
        resolved: dict[str, int] = dict(cursor.fetchall())
    unknown = Counter[str]()
    for name, outcome, total in totals:
        if outcome == DeliveryStatus.UNKNOWN:
            unknown[name] += total
    return {name: max(0, number - resolved.get(name, 0)) for name, number in unknown.items()}


def last_sweep_seconds() -> float | None:
    """Return how long ago the last sweep ended; None if there was none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(0, extract(epoch FROM statement_timestamp() - ended_at))::float "
            "FROM sends_sweep"
        )
        row = cursor.fetchone()
    return None if row is None else float(row[0])


def stalled_seconds(queue: Queue, now: datetime) -> float:
    """Return for how long a Chat Server has taken nothing although it could; 0 if it has a reason:
    nothing is due, it is off, held or unhealthy, or its pace lets nothing go."""
    server, waits = queue.server, queue.oldest_due_seconds
    may_go = server.takes_deliveries and server.health != Health.UNHEALTHY and queue.tokens >= 1
    if waits is None or not may_go:
        return 0.0
    if server.progressed_at is None:
        return waits
    return max(0.0, min(waits, (now - server.progressed_at).total_seconds()))


def open_by_send() -> dict[int, int]:
    """Return the number of open deliveries of each send that has any."""
    rows = Outbox.objects.values("send").annotate(number=Count("pk")).order_by()
    return dict(rows.values_list("send", "number"))


def outcome_totals() -> list[tuple[str, str, int]]:
    """Return how many deliveries ever ended, by Chat Server ("" if unregistered) and outcome."""
    rows = OutcomeTotal.objects.order_by("chat_server_name", "outcome")
    return list(rows.values_list("chat_server_name", "outcome", "total"))


def jobs() -> Counter[tuple[str, str]]:
    """Return the number of jobs by task and status. There are few: finished jobs are deleted."""
    rows = ProcrastinateJob.objects.values_list("task_name", "status")
    return Counter((name.rpartition(".")[2], status) for name, status in rows)
