"""Writes import jobs. A worker checks and writes the file while the page shows its progress.

`catalogue_import` writes and records the notices themselves.
"""

import json
import time
import zlib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from procrastinate.contrib.django import app

from console.accounts.selectors import actor_by_ref
from console.actors import Actor, Permission
from console.catalogue.models import ImportJob, ImportStatus
from console.catalogue.transfer.files.formats import format_of
from console.catalogue.transfer.importing import catalogue_import
from console.catalogue.transfer.plans import Plan
from console.catalogue.transfer.reports import counts
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, ConsoleError, InvalidInput, TooManyRequests
from console.text.sentences import wording

TASK = "console.catalogue.tasks.run_import"
FAILED = wording(
    "import_failed",
    "The console failed, and nothing was imported. The failure is logged. Try it again.",
)
TOO_LARGE = wording(
    "import_too_large",
    "There is more in this file than the console has memory for, and nothing was imported. Import "
    "it in parts, or as CSV.",
)
# For each person: the most imports that run, and the most that wait for confirmation.
RUNNING_MOST = 2
CHECKED_MOST = 5
START_LOCK = 0x4E49
KEPT = timedelta(days=7)
SECONDS_A_SIGN = 0.3
NOTE = """
UPDATE catalogue_importjob SET phase = %s, done = %s, total = %s, seen_at = clock_timestamp()
WHERE id = %s
"""


def import_job_start(actor: Actor, *, file_name: str, content: bytes) -> ImportJob:
    """Start checking a file: a dry run, whose result waits for the person's confirmation.

    Raises InvalidInput for a file that is too large or has none of the three endings, and
    TooManyRequests while others of the person are running. The oldest that wait for confirmation
    are deleted if there are too many.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    format_of(file_name)
    if len(content) > settings.IMPORT_LIMIT:
        raise InvalidInput(
            "file_too_large",
            "The file has {count:,} bytes; at most {limit:,} go. Import it in parts.",
            count=len(content),
            limit=settings.IMPORT_LIMIT,
        )
    with transaction.atomic():
        _make_room(actor)
        job = ImportJob.objects.create(
            actor_ref=actor.ref, file_name=file_name[-255:], content=content
        )
        _defer(job)
    return job


def _make_room(actor: Actor) -> None:
    """Enforce the limits of one person's imports.

    It holds a lock until the end of the transaction, so that the person can't start another
    meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [START_LOCK, actor.ref])
    ImportJob.objects.filter(created_at__lt=database_now() - KEPT).delete()
    own = ImportJob.objects.filter(actor_ref=actor.ref).defer("content", "report").order_by("-pk")
    running = [job for job in own if job.is_running and not job.is_lost]
    if len(running) >= RUNNING_MOST:
        raise TooManyRequests(
            "too_many_imports",
            "{count} files of yours are being checked or imported. Wait until one of them is "
            "done, and upload this one then.",
            count=len(running),
        )
    checked = [job.pk for job in own if job.status == ImportStatus.CHECKED]
    ImportJob.objects.filter(pk__in=checked[CHECKED_MOST - 1 :]).delete()


def import_job_failed(job_id: int, *, for_memory: bool) -> None:
    """Mark a job as failed because its process ended early; `for_memory` if it lacked memory."""
    running = [ImportStatus.CHECKING, ImportStatus.WRITING]
    job = ImportJob.objects.defer("content").filter(pk=job_id, status__in=running).first()
    if job is not None:
        _end(job, status=ImportStatus.REFUSED, error=TOO_LARGE() if for_memory else FAILED())


def import_job_confirm(actor: Actor, job: ImportJob, *, skip_refused: bool = False) -> ImportJob:
    """Import a checked file. Raises Conflict if it is not checked, or is imported already."""
    actor.require(Permission.EDIT_CATALOGUE)
    if job.counts.get("refused") and not skip_refused:
        raise Conflict(
            "rows_refused",
            "Some rows are refused. Mend them in the file and check it again, or import the "
            "others without them.",
        )
    with transaction.atomic():
        waiting = ImportJob.objects.filter(pk=job.pk, status=ImportStatus.CHECKED)
        if not waiting.update(
            status=ImportStatus.WRITING, skip_refused=skip_refused, phase="", done=0, seen_at=None
        ):
            raise Conflict(
                "import_not_checked",
                "This file is not waiting to be imported. Load the page again to see its state.",
            )
        _defer(job)
    job.refresh_from_db()
    return job


def import_job_run(job_id: int) -> None:
    """Check or write the file, in the worker's process. A job that has ended is left alone."""
    running = ImportJob.objects.filter(
        pk=job_id, status__in=[ImportStatus.CHECKING, ImportStatus.WRITING]
    )
    if not running.update(started_at=Now(), seen_at=Now()):
        return
    job = ImportJob.objects.get(pk=job_id)
    is_check = job.status == ImportStatus.CHECKING
    try:
        plan = _run(job, is_check)
    except ConsoleError as error:
        _end(job, status=ImportStatus.REFUSED, error=error.said)
        return
    except MemoryError:  # no memory is left to record it: the waiting parent process does
        raise
    except Exception:
        _end(job, status=ImportStatus.REFUSED, error=FAILED())
        raise
    status = ImportStatus.CHECKED if is_check else ImportStatus.IMPORTED
    if not is_check and plan.is_refused and not job.skip_refused:
        status = ImportStatus.REFUSED
    _end(job, plan, status=status)


def _run(job: ImportJob, is_check: bool) -> Plan:
    actor = actor_by_ref(job.actor_ref)
    if actor is None:
        raise Conflict("nobody", "The account that imports this is not active any more.")
    return catalogue_import(
        actor,
        file_name=job.file_name,
        content=bytes(job.content),
        dry_run=is_check,
        skip_refused=job.skip_refused,
        progress=_Signs(job.pk),
    )


def _end(job: ImportJob, plan: Plan | None = None, **values: Any) -> None:
    rows = plan.rows if plan else []
    if plan is not None:
        said = json.dumps([row.to_keep() for row in rows], ensure_ascii=False)
        values |= {
            "report": zlib.compress(said.encode(), 1),
            "counts": counts(rows),
            "done": len(rows),
            "total": len(rows),
        }
    if values["status"] != ImportStatus.CHECKED:
        values["content"] = b""  # no longer needed
    with transaction.atomic():
        ImportJob.objects.filter(pk=job.pk).update(finished_at=Now(), **values)
        notifications.publish(notifications.import_topic(job.pk))


def _defer(job: ImportJob) -> None:
    app.configure_task(TASK).defer(job_id=job.pk)


class _Signs:
    """Records an import's progress on a connection of its own, since nobody else sees the import's
    own transaction before its end."""

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self.last = time.monotonic()

    def __call__(self, phase: str, done: int, total: int) -> None:
        if time.monotonic() - self.last < SECONDS_A_SIGN:
            return
        beside = connection.copy()
        try:
            with beside.cursor() as cursor:
                cursor.execute(NOTE, [phase, done, total, self.job_id])
                topic = notifications.import_topic(self.job_id)
                cursor.execute("SELECT pg_notify(%s, %s)", [notifications.CHANNEL, topic])
        finally:
            beside.close()
        self.last = time.monotonic()
