"""Writes when pending deliveries may leave, and the jobs that tell workers of them.

A job only says that a Chat Server has work; the work itself is in the outbox. So a doubled job does
nothing, and the sweep makes up for a lost one (console.sends.tasks). Workers are also told by
NOTIFY, which saves them fetching the job. Functions that change the outbox first lock their
deliveries in the order of their ids, as all bulk writes do.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import JobDeferrer

from console.database.connections import array, execute, execute_rows
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_of
from console.sends.models import Claim, Outbox, Send, SendStatus

DRAIN = "console.sends.tasks.drain"
RELEASE = "console.sends.tasks.release"
WAKE = "console.sends.tasks.wake"
CHANNEL = "console_drains"
NOTIFY = "SELECT pg_notify(%s, name) FROM unnest(%s::text[]) AS name"


def enqueue_send(send: Send, servers: Iterable[str]) -> None:
    """Start a new send: now, or when its undo seconds or its schedule are over."""
    if send.status == SendStatus.RUNNING:
        enqueue_drains(servers)
    elif send.status in (SendStatus.HOLDING, SendStatus.SCHEDULED):
        _defer(app.configure_task(RELEASE, schedule_at=send.release_at), send_id=send.pk)


def enqueue_drains(servers: Iterable[str]) -> None:
    """Tell the workers that these Chat Servers have work now: by one job, however many they are."""
    names = list(servers)
    if names:
        _defer(app.configure_task(DRAIN), servers=names)
        with connection.cursor() as cursor:
            cursor.execute(NOTIFY, [CHANNEL, names])


def enqueue_wake(server: str, at: datetime) -> None:
    """Enqueue a look at a Chat Server's work at `at`. One such job per Chat Server is enough.

    Deliberately uses no `lock`: with procrastinate a waiting job holds back all later ones with the
    same lock, even if it waits for a time far ahead, and a job's end wakes no job that waits.
    """
    try:
        with transaction.atomic():
            task = app.configure_task(WAKE, schedule_at=at, queueing_lock=f"wake:{server}")
            _defer(task, server=server)
    except AlreadyEnqueued:
        return


def _defer(task: JobDeferrer, **arguments: Any) -> None:
    with _djangos_errors():
        task.defer(**arguments)


@contextmanager
def _djangos_errors() -> Iterator[None]:
    """Raise the database's own error instead of procrastinate's, which callers do not catch."""
    with connection.wrap_database_errors:
        try:
            yield
        except ConnectorException as error:
            if error.__cause__ is None:
                raise
            raise error.__cause__ from None


MOVE_SEND = """
WITH waiting AS (
    SELECT id FROM ONLY sends_delivery WHERE send_id = %(send)s AND status = 'pending'
    ORDER BY id FOR NO KEY UPDATE)
UPDATE sends_outbox o SET due_at = %(due)s, expires_at = %(expires)s
FROM waiting WHERE o.delivery_id = waiting.id AND (%(all)s OR o.due_at < %(held)s)
"""

# When those deliveries are due that wait for what becomes of a send's first chats. It is never
# reached: they are moved before.
HELD_UNTIL = datetime(9999, 1, 1, tzinfo=UTC)

RENEW_RUNNING = """
WITH waiting AS (
    SELECT d.id
    FROM sends_outbox o
    JOIN sends_send s ON s.id = o.send_id
    JOIN ONLY sends_delivery d ON d.id = o.delivery_id
    WHERE s.status = 'running' AND d.status = 'pending'
        AND o.chat_server_name = coalesce(%(server)s, o.chat_server_name)
    ORDER BY d.id FOR NO KEY UPDATE OF d)
UPDATE sends_outbox o SET expires_at = greatest(o.expires_at, %(expires)s)
FROM waiting WHERE o.delivery_id = waiting.id
"""


def time_to_live() -> timedelta:
    return timedelta(seconds=settings.DELIVERY_TTL_SECONDS)


def expires_at(due_at: datetime) -> datetime:
    """Return when the time to live of a delivery due at `due_at` ends."""
    return due_at + time_to_live()


def outbox_move(send: Send, due_at: datetime) -> None:
    """Let the pending deliveries of a send leave from `due_at` on, with a whole time to live. While
    its canary has not ended, those that wait for that stay as they are."""
    values: dict[str, Any] = {
        "send": send.pk,
        "due": due_at,
        "expires": expires_at(due_at),
        "all": send.canary_size is None or send.canary_ended_at is not None,
        "held": HELD_UNTIL,
    }
    with connection.cursor() as cursor:
        cursor.execute(MOVE_SEND, values)


def outbox_renew(now: datetime, server_name: str | None = None) -> None:
    """Give pending deliveries of running sends at least a whole time to live from `now`: those to
    one Chat Server, or with None to all."""
    with connection.cursor() as cursor:
        cursor.execute(RENEW_RUNNING, {"expires": expires_at(now), "server": server_name})


# Of running sends, and not while all sending is stopped.
WORK = """
SELECT server.*, clock_timestamp() AS now,
    EXISTS (SELECT FROM sends_claim WHERE chat_server_name = server.name) AS has_claims,
    (SELECT min(o.due_at)
    FROM sends_send s
    CROSS JOIN LATERAL (
        SELECT due_at FROM sends_outbox WHERE send_id = s.id AND chat_server_name = server.name
            AND due_at < '9999-01-01Z'
        ORDER BY due_at LIMIT 1) o
    WHERE s.status = 'running' AND NOT EXISTS (SELECT FROM sends_sendingstop)) AS next_due_at
FROM interactions_chatserver server
WHERE {which}
"""
WORK_BY_NAME = WORK.format(which="server.name = ANY(%(names)s::text[])")
WORK_BY_ID = WORK.format(which="server.id = ANY(%(ids)s::bigint[])")
WITH_CLAIMS = (
    "SELECT chat_server_name FROM sends_claim WHERE chat_server_name = ANY(%(names)s::text[])"
)


@dataclass(frozen=True, slots=True)
class Work:
    """What a Chat Server has to do. `next_due_at` is when its first pending delivery is due that
    may leave, and `now` the present time by PostgreSQL's clock."""

    server: ChatServer
    has_claims: bool
    next_due_at: datetime | None
    now: datetime

    @property
    def next_try_at(self) -> datetime | None:
        """When a delivery can leave: a Chat Server that failed rests first. None: none can."""
        if self.next_due_at is None or not self.server.takes_deliveries:
            return None
        return max(self.next_due_at, self.server.retry_at or self.next_due_at)

    @property
    def is_due(self) -> bool:
        return self.next_try_at is not None and self.next_try_at <= self.now


def work_by_name(names: Collection[str]) -> dict[str, Work]:
    """Return what is to do at those of these Chat Servers that there are. Call it when nothing is
    on the wire."""
    found = _work(WORK_BY_NAME, {"names": list(names)})
    return {work.server.name: work for work in found}


def work_by_id(ids: Collection[int]) -> dict[int, Work]:
    """Return the same by the Chat Servers' ids: one may have got another name."""
    return {work.server.pk: work for work in _work(WORK_BY_ID, {"ids": array(ids)})}


def _work(sql: str, values: Mapping[str, Any]) -> Iterator[Work]:
    for row in execute(sql, values):
        yield Work(chat_server_of(row), row["has_claims"], row["next_due_at"], row["now"])


def with_claims(servers: Collection[str]) -> set[str]:
    """Return those of these Chat Servers at which anything is claimed."""
    return {name for (name,) in execute_rows(WITH_CLAIMS, {"names": list(servers)})}


def servers_with_open_deliveries(now: datetime) -> list[str]:
    """Return Chat Servers with something due, or on the wire, perhaps of a lost worker."""
    due = Outbox.objects.filter(
        chat_server_name=OuterRef("name"), due_at__lte=now, send__status=SendStatus.RUNNING
    )
    claimed = Claim.objects.filter(chat_server_name=OuterRef("name"))
    takes = Q(enabled=True, held_at=None)
    servers = ChatServer.objects.filter((takes & Exists(due)) | Exists(claimed))
    return list(servers.order_by("name").values_list("name", flat=True))


def servers_of_sends(send_ids: Collection[int]) -> list[str]:
    """Return the Chat Servers for which these sends have pending deliveries."""
    rows = Outbox.objects.filter(send__in=send_ids).order_by("chat_server_name")
    return list(rows.values_list("chat_server_name", flat=True).distinct())
