"""Drains and workers as the tests run them, and what must agree afterwards."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.interactions.models import ChatServer
from console.interactions.services import (
    Lease,
    chat_server_lease_release,
    chat_server_leases_take,
)
from console.sends.engine.claim import Step
from console.sends.engine.dispatcher import Dispatch, drain_chat_server
from console.sends.engine.record import drain_step
from console.sends.engine.worker import run_worker
from console.sends.models import Delivery, Send, SendOutcome, VersionUse

DEADLINE_SECONDS = 60


def drain(name: str = "chat-east") -> None:
    """One drain, as a worker's job would do it."""

    async def run() -> None:
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            await drain_chat_server(name, dispatch)

    asyncio.run(run())


def lease_take(name: str, worker: UUID) -> Lease | float | None:
    """Take one Chat Server's lease, as `chat_server_leases_take` does."""
    return chat_server_leases_take([name], worker).get(name)


def leased_step(server: ChatServer, *, claim: UUID | None = None, **options: Any) -> Step:
    """One step of a drain that takes the lease for it, and gives it back."""
    lease = lease_take(server.name, uuid4())
    assert isinstance(lease, Lease)
    step = drain_step(lease, claim=claim or uuid4(), **options)
    chat_server_lease_release(lease)
    return step


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


def assert_ledger_agrees(archived: Collection[int] = ()) -> None:
    """Each ended delivery stands in exactly one entry, that of its status, and no other in any; and
    sends and versions count them right. A version does not count tests. The entries of the sends
    that are `archived` are not here."""
    told = Counter(
        (said["id"], entry.action.removeprefix("deliveries."))
        for entry in AuditEntry.objects.filter(action__startswith="deliveries.").exclude(
            action__in=[Action.DELIVERIES_LATE_ANSWER, Action.DELIVERIES_RESOLVED]
        )
        for said in entry.data["deliveries"]
    )
    ended = Delivery.objects.exclude(status__in=["pending", "sending"])
    assert told == Counter(ended.exclude(send__in=archived).values_list("pk", "status"))
    counts = SendOutcome.objects.values_list("send_id", "status", "number")
    assert Counter(ended.values_list("send_id", "status")) == Counter(
        {(send_id, status): number for send_id, status, number in counts}
    )
    real = Send.objects.filter(is_test=False)
    sends = Counter(real.order_by().values_list("version_id", flat=True))
    arrived = ended.order_by().filter(status="delivered", send__is_test=False)
    delivered = Counter(arrived.values_list("send__version_id", flat=True))
    assert {use.pk: (use.sends, use.delivered) for use in VersionUse.objects.all()} == {
        version: (number, delivered[version]) for version, number in sends.items()
    }


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
