"""What a worker does, for as long as a test wants it to."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from console.audit.models import AuditEntry
from console.sends.engine.worker import run_worker
from console.sends.models import Delivery, Send

DEADLINE_SECONDS = 60


def work() -> None:
    """A worker that runs all jobs that are there, and ends."""

    async def run() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await run_worker(wait=False)

    asyncio.run(run())


def statuses(send: Send | None = None) -> Counter[str]:
    """How many deliveries are in which status, of one send or of all."""
    rows = Delivery.objects.filter(send=send) if send else Delivery.objects.all()
    return Counter(rows.values_list("status", flat=True))


# What PostgreSQL refuses to change, and the trigger by which it does.
KEPT = [
    ("sends_delivery", "ended_delivery_kept"),
    ("sends_send", "send_request_kept"),
    ("sends_send", "send_status_goes_on"),
]


@contextmanager
def changing_what_has_ended() -> Iterator[None]:
    """As if time had passed since: PostgreSQL refuses to change such a send or delivery."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or the table is held by what is deferred
        for table, trigger in KEPT:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield
        for table, trigger in KEPT:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")


def last_entry(action: str) -> AuditEntry:
    """The newest entry of the ledger for this action."""
    return AuditEntry.objects.filter(action=action).latest("seq")
