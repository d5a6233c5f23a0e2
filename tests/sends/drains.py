"""Drains and workers as the tests run them, and what must agree afterwards."""

import asyncio
from collections import Counter
from uuid import uuid4

from console.audit.models import AuditEntry
from console.interactions.services import chat_server_lease_release, chat_server_lease_take
from console.sends.engine.dispatcher import Dispatch, drain_chat_server
from console.sends.engine.record import drain_step
from console.sends.engine.worker import run_worker
from console.sends.models import Delivery, Send, SendOutcome, VersionUse

DEADLINE_SECONDS = 60


def drain(name="chat-east"):
    """One drain, as a worker's job would do it."""

    async def run():
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            await drain_chat_server(name, dispatch)

    asyncio.run(run())


def leased_step(server, *, claim=None, **options):
    """One step of a drain that takes the lease for it, and gives it back."""
    lease = chat_server_lease_take(server.name, uuid4())
    step = drain_step(server.pk, epoch=lease.epoch, claim=claim or uuid4(), **options)
    chat_server_lease_release(server.pk, lease.epoch)
    return step


def work():
    """A worker that runs all jobs that are there, and ends."""

    async def run():
        async with asyncio.timeout(DEADLINE_SECONDS):
            await run_worker(wait=False)

    asyncio.run(run())


def statuses(send=None):
    rows = Delivery.objects.filter(send=send) if send else Delivery.objects.all()
    return Counter(rows.values_list("status", flat=True))


def assert_ledger_agrees():
    """Each ended delivery stands in exactly one entry, that of its status, and no other in any; and
    sends and versions count them right."""
    told = Counter(
        (said["id"], entry.action.removeprefix("deliveries."))
        for entry in AuditEntry.objects.filter(action__startswith="deliveries.")
        for said in entry.data["deliveries"]
    )
    ended = Delivery.objects.exclude(status__in=["pending", "sending"])
    assert told == Counter(ended.values_list("pk", "status"))
    counts = SendOutcome.objects.values_list("send_id", "status", "number")
    assert Counter(ended.values_list("send_id", "status")) == Counter(
        {(send_id, status): number for send_id, status, number in counts}
    )
    sends = Counter(Send.objects.order_by().values_list("version_id", flat=True))
    arrived = ended.order_by().filter(status="delivered")
    delivered = Counter(arrived.values_list("send__version_id", flat=True))
    assert {use.pk: (use.sends, use.delivered) for use in VersionUse.objects.all()} == {
        version: (number, delivered[version]) for version, number in sends.items()
    }
