"""The jobs of sending, put into procrastinate in the transaction of what they are for.

A job only says that a Chat Server has work; the work itself is in the outbox. So a doubled job
does nothing, and a lost one is made up for by the sweep (console.sends.tasks). Workers also hear of
it by NOTIFY, which spares them the fetching of the job.
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
    """Have a new send start: now, or when its undo seconds or its schedule are over."""
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
    """Have a Chat Server's work looked at again at `at`; one such job a Chat Server is enough.

    No `lock` is used, on purpose: procrastinate lets a waiting job hold back all later ones with
    the same lock, also while it waits for a time far ahead.
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
    """procrastinate hides the database's errors in one of its own, for which nobody looks here."""
    with connection.wrap_database_errors:
        try:
            yield
        except ConnectorException as error:
            if error.__cause__ is None:
                raise
            raise error.__cause__ from None
