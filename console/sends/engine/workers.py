"""Writes workers' heartbeats, and recovers the deliveries of lost workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.db.models.functions import Now
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

from console.database.clock import clock_ahead, database_now
from console.sends.models import Sweep, Worker

logger = structlog.get_logger("console.sends")

# How long a lost worker is still shown.
LOST_WORKER_SHOWN = timedelta(hours=1)
# A worker beats every three seconds. After this silence it will not come back to its jobs.
STALLED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class WorkerName:
    """Identifies a worker process."""

    id: UUID
    host: str
    pid: int


def worker_seen(
    name: WorkerName,
    *,
    chat_servers: Sequence[str],
    is_stopping: bool,
    unreadable_outcomes: int = 0,
) -> None:
    """Record that a worker lives, which Chat Servers it drains, and how many lines on its machine
    can't be read."""
    database_now()  # compares the clocks
    present = {
        "seen_at": Now(),
        "is_stopping": is_stopping,
        "chat_servers": list(chat_servers),
        "clock_ahead_seconds": clock_ahead(),
        "unreadable_outcomes": unreadable_outcomes,
    }
    started = {"host": name.host[:255], "pid": name.pid, "started_at": Now()}
    Worker.objects.update_or_create(pk=name.id, defaults=present, create_defaults=started | present)


def worker_gone(name: WorkerName) -> None:
    """Delete the row of a worker that ended in order."""
    Worker.objects.filter(pk=name.id).delete()


def sweep_ended() -> None:
    """Note that a sweep did all that it has to do."""
    Sweep._default_manager.update_or_create(pk=1, defaults={"ended_at": Now()})


def workers_forget() -> None:
    """Delete the rows of workers that were lost long ago."""
    Worker.objects.filter(seen_at__lt=Now() - LOST_WORKER_SHOWN).delete()


async def jobs_clear(jobs: JobManager) -> int:
    """Delete the jobs that lost workers left half done. Return how many.

    None is run again: a job only says that there is work, and the sweep looks for that itself.
    """
    stalled = list(await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS))
    for job in stalled:
        await jobs.finish_job(job=job, status=Status.FAILED, delete_job=True)
        logger.info("job of a lost worker cleared", task=job.task_name, job=job.id)
    return len(stalled)
