"""What a worker does, for as long as a test wants it to."""

import asyncio
from collections import Counter

from console.audit.models import AuditEntry
from console.sends.models import Delivery, Send
from console.sends.worker import run_worker

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


def last_entry(action: str) -> AuditEntry:
    """The newest entry of the ledger for this action."""
    return AuditEntry.objects.filter(action=action).latest("seq")
