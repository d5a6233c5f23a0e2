"""Writes the exports that people and programs order. Each is in the ledger, and its filter."""

import zlib
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from procrastinate.contrib.django import app

from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.database.clock import database_now
from console.database.standby import WholeReader
from console.errors import Conflict, TooManyRequests
from console.exports.estimates import estimated_rows
from console.exports.files.formats import writer_of
from console.exports.models import KEPT, ExportJob, ExportPart, ExportStatus
from console.exports.orders import Order
from console.exports.reading import Extent, extent_of, pieces
from console.exports.selectors import require_still
from console.text.sentences import wording

TASK = "console.exports.tasks.run_export"
ORDER_LOCK = 0x4E50
# How long a download waits for the standby to have what the primary has.
STANDBY_SECONDS = 1.0
WITHDRAWN = wording(
    "export_withdrawn",
    "A customer's data was erased since, so the file was deleted. Order the export again.",
)


class Incomplete(Exception):
    """The file is not there as a whole any more. The connection ends, so that nobody takes what
    has come for all of it."""


def export_now(actor: Actor, *, order: Order) -> Iterator[bytes]:
    """Record an export, and return its file in parts. No transaction stays open meanwhile.

    Raises PermissionRefused.
    """
    rows = order.rows(actor)
    extent = extent_of(order.subject.model)
    with transaction.atomic():
        _record_order(actor, order, extent)
    reader = WholeReader(STANDBY_SECONDS)
    writer = writer_of(order.format, order.subject.columns, order.subject.name)

    def parts() -> Iterator[bytes]:
        yield writer.begin()
        for piece in pieces(rows, extent, reader):
            if written := writer.add([order.subject.row(row) for row in piece.rows]):
                yield written
        if end := writer.end():
            yield end

    return (part for part in parts() if part)


def export_order(actor: Actor, *, order: Order) -> ExportJob:
    """Have a worker write an export, whose file then waits for a day.

    Raises PermissionRefused, and TooManyRequests for one more than a person may have at a time.
    """
    extent = extent_of(order.subject.model)
    total = estimated_rows(order.planned(actor), extent)
    with transaction.atomic():
        _require_room(actor)
        job = ExportJob.objects.create(
            actor_ref=actor.ref,
            sees_all_teams=actor.sees_all_teams,
            subject=order.subject.name,
            format=order.format,
            filter=dict(order.filter),
            lowest=extent.lowest,
            upto=extent.upto,
            total=total,
            created_at=database_now(),
        )
        _record_order(actor, order, extent, export=job.pk)
        export_defer(job.pk)
    return job


def _record_order(actor: Actor, order: Order, extent: Extent, **more: int) -> None:
    said = {**order.filter, "format": order.format.value, "upto": extent.upto, **more}
    audit.record(actor, order.subject.action, target=order.subject.target, data=said)


def _require_room(actor: Actor) -> None:
    """Raise TooManyRequests if the person has as many exports as go. It holds a lock until the end
    of the transaction, so that they can't order another meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [ORDER_LOCK, actor.ref])
    own = ExportJob.objects.filter(actor_ref=actor.ref).exclude(status=ExportStatus.FAILED)
    kept = Q(finished_at=None) | Q(finished_at__gt=database_now() - KEPT)
    if own.filter(kept).count() >= settings.EXPORTS_A_PERSON:
        raise TooManyRequests(
            "too_many_exports",
            "You have {count} exports, and more do not go at a time. Delete one that you have "
            "fetched, or cancel one, and order this one then.",
            count=settings.EXPORTS_A_PERSON,
        )


def export_defer(export_id: int) -> None:
    """Tell the workers that an export waits."""
    app.configure_task(TASK).defer(export_id=export_id)


def export_remove(actor: Actor, job: ExportJob) -> None:
    """Cancel an export that is in work, or delete a finished one with its file.

    A worker that writes it stops with its next sign, and the sweep deletes the pieces.
    """
    with transaction.atomic():
        found = ExportJob.objects.select_for_update().filter(pk=job.pk, actor_ref=actor.ref).first()
        if found is None:
            return
        ExportJob.objects.filter(pk=found.pk).delete()
        action = Action.EXPORT_CANCELLED if found.is_in_work else Action.EXPORT_DELETED
        data = {"rows": found.done}
        audit.record(actor, action, target=target_of(found), data=data)


def exports_withdraw(
    actor: Actor, *, subject: str, which: Callable[[ExportJob], bool] = lambda _job: True
) -> int:
    """Take away the files of a list, also those in work, since something in it was erased: all, or
    `which` have it. Return how many. The persons see why, and the sweep deletes the pieces."""
    with transaction.atomic():
        found = ExportJob.objects.select_for_update().filter(
            subject=subject, status__in=(ExportStatus.RUNNING, ExportStatus.DONE)
        )
        jobs = [job for job in found.order_by("pk") if which(job)]
        if not jobs:
            return 0
        ExportJob.objects.filter(pk__in=[job.pk for job in jobs]).update(
            status=ExportStatus.FAILED, error=WITHDRAWN(), finished_at=Now()
        )
        audit.record_many(
            actor,
            [
                audit.Record(Action.EXPORT_DELETED, target_of(job), {"rows": job.done})
                for job in jobs
            ],
        )
    return len(jobs)


def export_download(actor: Actor, job: ExportJob) -> Iterator[bytes]:
    """Record a download, and return the file in parts.

    Raises PermissionRefused if the actor may not read such a list any more, and Conflict while the
    file is not ready.
    """
    require_still(actor, job)
    if not job.is_done:
        raise Conflict(
            "export_not_ready",
            "The file is not ready. Look at the export's state, and fetch the file when it is "
            "done.",
        )
    with transaction.atomic():
        data = {"rows": job.done, "sha256": job.sha256}
        audit.record(actor, Action.EXPORT_DOWNLOADED, target=target_of(job), data=data)
    return _stored(job)


def _stored(job: ExportJob) -> Iterator[bytes]:
    """Yield the pieces of a file. Raises Incomplete if one of them is gone."""
    for number in range(job.parts):
        found = ExportPart.objects.filter(export_id=job.pk, run=job.run, number=number)
        content = found.values_list("content", flat=True).first()
        if content is None:
            raise Incomplete(f"part {number} of export {job.pk} is gone")
        yield zlib.decompress(content)


def target_of(job: ExportJob) -> audit.Target:
    return ("export", job.pk, f"{job.subject} as {job.format}")
