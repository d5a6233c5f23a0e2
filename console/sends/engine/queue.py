"""The jobs of sending, deferred to procrastinate in the transaction that makes their work.

A job only says that a Chat Server has work; the work itself is in the outbox. So a doubled job does
nothing, and the sweep makes up for a lost one (console.sends.tasks). Workers are also told by
NOTIFY, which saves them fetching the job.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import JobDeferrer

from console.sends.models import Send, SendStatus

DRAIN = "console.sends.tasks.drain"
RELEASE = "console.sends.tasks.release"
WAKE = "console.sends.tasks.wake"
CHANNEL = "console_drains"


def enqueue_send(send: Send, servers: Iterable[str]) -> None:
    """Start a new send: now, or when its undo seconds or its schedule are over."""
    if send.status == SendStatus.RUNNING:
        enqueue_drains(servers)
    elif send.status in (SendStatus.HOLDING, SendStatus.SCHEDULED):
        _defer(app.configure_task(RELEASE, schedule_at=send.release_at), send_id=send.pk)


def enqueue_drains(servers: Iterable[str]) -> None:
    """Tell the workers that these Chat Servers have work now."""
    for server in servers:
        _defer(app.configure_task(DRAIN), server=server)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, server])


def enqueue_wake(server: str, at: datetime) -> None:
    """Enqueue a look at a Chat Server's work at `at`. One such job per Chat Server is enough.

    Deliberately uses no `lock`: with procrastinate a waiting job holds back all later ones with the
    same lock, even if it waits for a time far ahead.
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
