"""Writes the files of exports, piece by piece, into the database.

All web servers read them there, whichever worker wrote them. Only the newest run of an export may
write: each piece is in one transaction with a sign of life that a cancelled or replaced run can't
give any more.
"""

import hashlib
import time
import zlib
from collections.abc import Sequence

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now

from console.accounts.selectors import actor_by_ref
from console.actors import Actor, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.standby import WholeReader
from console.errors import Conflict, ConsoleError
from console.exports.estimates import rows_in_all
from console.exports.files.formats import ExportFormat, writer_of
from console.exports.models import KEPT, LOST_AFTER, ExportJob, ExportPart, ExportStatus
from console.exports.orders import Order
from console.exports.reading import pieces
from console.exports.selectors import require_still
from console.exports.services import export_defer, target_of
from console.text.sentences import Sentence, wording

PART_BYTES = 256 * 1024
SECONDS_A_SIGN = 0.5
# How long a run waits for the standby to have what the primary has; less than LOST_AFTER.
STANDBY_SECONDS = 15.0
# After so many lost runs it is given up: something about this export ends its process.
LOST_MOST = 3
PARTS_A_DELETE = 500
# For zlib. An XLSX file is compressed already.
LEVELS = {ExportFormat.CSV: 1, ExportFormat.JSONL: 1, ExportFormat.XLSX: 0}
CONSOLE = system_actor("exports")
FAILED = wording(
    "export_failed",
    "The console failed, and there is no file. The failure is logged. Order the export again; "
    "narrow it if that fails, too.",
)
LOST = wording(
    "export_lost",
    "The workers that wrote it were lost one after the other, so there is no file. Order the "
    "export again, or narrow it.",
)
logger = structlog.get_logger("console.exports")


class Replaced(Exception):
    """This run may write no more: the export was cancelled, or another run has begun."""


def export_run(export_id: int) -> None:
    """Write the file of an export that waits, from its beginning. One that another worker writes,
    or that is over, is left alone."""
    job = _begin(export_id)
    if job is None:
        return
    try:
        _write(job)
    except Replaced:
        logger.info("export cancelled or replaced", export=job.pk, run=job.run)
    except ConsoleError as error:
        _fail(job, error.said)
    except Exception:
        _fail(job, FAILED())
        raise


def _begin(export_id: int) -> ExportJob | None:
    waiting = ExportJob.objects.filter(pk=export_id, status=ExportStatus.WAITING)
    begun = waiting.update(
        status=ExportStatus.RUNNING,
        run=F("run") + 1,
        started_at=Now(),
        seen_at=Now(),
        done=0,
        share=0,
    )
    return ExportJob.objects.get(pk=export_id) if begun else None


def _write(job: ExportJob) -> None:
    order = Order.read(job.subject, job.format, job.filter)
    rows = order.rows(_actor(job))
    file = _File(job)
    writer = writer_of(job.format, order.subject.columns, order.subject.name)
    file.add(writer.begin())
    # Since the run has begun: whoever erases something from now on withdraws this export.
    reader = WholeReader(STANDBY_SECONDS)
    for piece in pieces(rows, job.extent, reader, keeps_open=True):
        file.add(writer.add([order.subject.row(row) for row in piece.rows]))
        file.note(len(piece.rows), job.extent.share_read(piece.down_to))
    reader.close()
    file.add(writer.end())
    file.finish()


def _actor(job: ExportJob) -> Actor:
    """Return who ordered it, with their present permissions."""
    actor = actor_by_ref(job.actor_ref)
    if actor is None:
        raise Conflict("nobody", "The account that ordered this is not active any more.")
    require_still(actor, job)
    return actor


class _File:
    """The file of one run. What comes is stored in pieces of PART_BYTES."""

    def __init__(self, job: ExportJob) -> None:
        self._job = job
        self._mine = ExportJob.objects.filter(pk=job.pk, run=job.run, status=ExportStatus.RUNNING)
        self._level = LEVELS[ExportFormat(job.format)]
        self._pending = bytearray()
        self._digest = hashlib.sha256()
        self._bytes = self._parts = self._rows = 0
        self._share = 0.0
        self._signed_at = time.monotonic()

    def add(self, content: bytes) -> None:
        self._pending += content
        while len(self._pending) >= PART_BYTES:
            self._store(bytes(self._pending[:PART_BYTES]))
            del self._pending[:PART_BYTES]

    def note(self, rows: int, share: float) -> None:
        """Say how far it is, if the last sign is a while ago. Raises Replaced."""
        self._rows += rows
        self._share = share
        if time.monotonic() - self._signed_at >= SECONDS_A_SIGN:
            with transaction.atomic():
                self._sign()

    def finish(self) -> None:
        """Store the rest, and say that the file is whole. Raises Replaced."""
        if self._pending:
            self._store(bytes(self._pending))
        said = {
            "rows": self._rows,
            "sha256": self._digest.hexdigest(),
            "bytes": self._bytes,
        }
        with transaction.atomic():
            ended = self._mine.update(
                status=ExportStatus.DONE,
                done=self._rows,
                total=self._rows,
                share=1,
                parts=self._parts,
                bytes=self._bytes,
                sha256=said["sha256"],
                finished_at=Now(),
            )
            if not ended:
                raise Replaced
            audit.record(CONSOLE, Action.EXPORT_FINISHED, target=target_of(self._job), data=said)
            notifications.publish(notifications.export_topic(self._job.pk))

    def _store(self, content: bytes) -> None:
        self._digest.update(content)
        self._bytes += len(content)
        with transaction.atomic():
            self._sign()
            ExportPart.objects.create(
                export_id=self._job.pk,
                run=self._job.run,
                number=self._parts,
                content=zlib.compress(content, self._level),
            )
        self._parts += 1

    def _sign(self) -> None:
        total = rows_in_all(self._rows, self._share, self._job.total)
        sign = self._mine.update(seen_at=Now(), done=self._rows, total=total, share=self._share)
        if not sign:
            raise Replaced
        if time.monotonic() - self._signed_at >= SECONDS_A_SIGN:
            notifications.publish(notifications.export_topic(self._job.pk))
            self._signed_at = time.monotonic()


def _fail(job: ExportJob, said: Sentence) -> None:
    with transaction.atomic():
        mine = ExportJob.objects.filter(pk=job.pk, run=job.run, finished_at=None)
        if not mine.update(status=ExportStatus.FAILED, error=said, finished_at=Now()):
            return
        audit.record(
            CONSOLE, Action.EXPORT_FAILED, target=target_of(job), data={"reason": said.code}
        )
        notifications.publish(notifications.export_topic(job.pk))


# --- Runs that ended early -----------------------------------------------------------------------


def export_let_go(export_id: int) -> None:
    """Have another worker write an export whose process was ended, since its worker stops."""
    with transaction.atomic():
        running = ExportJob.objects.filter(pk=export_id, status=ExportStatus.RUNNING)
        if running.update(status=ExportStatus.WAITING, seen_at=None):
            export_defer(export_id)


def export_lost(export_id: int) -> None:
    """Begin an export anew whose process is gone; give it up if that has happened too often."""
    _take_up(ExportJob.objects.filter(pk=export_id))


def exports_sweep() -> None:
    """Begin lost exports anew, delete files whose time is over, and pieces that are of no use."""
    old = Q(seen_at__lt=Now() - Value(LOST_AFTER))
    for job in ExportJob.objects.filter(old, status=ExportStatus.RUNNING):
        _take_up(ExportJob.objects.filter(old, pk=job.pk))
    ExportJob.objects.filter(finished_at__lt=Now() - Value(KEPT)).delete()
    while _parts_drop():
        pass


def _take_up(which: QuerySet[ExportJob]) -> None:
    with transaction.atomic():
        job = which.filter(status=ExportStatus.RUNNING).select_for_update().first()
        if job is None:
            return
        if job.lost + 1 < LOST_MOST:
            ExportJob.objects.filter(pk=job.pk).update(
                status=ExportStatus.WAITING, seen_at=None, lost=F("lost") + 1
            )
            export_defer(job.pk)
            return
    _fail(job, LOST())


def _parts_drop() -> int:
    """Delete some pieces of exports that are gone or failed, or of earlier runs."""
    needed = ExportJob.objects.filter(pk=OuterRef("export_id"), run=OuterRef("run")).exclude(
        status__in=(ExportStatus.WAITING, ExportStatus.FAILED)
    )
    found = ExportPart.objects.filter(~Exists(needed)).values_list("pk", flat=True)
    some: Sequence[int] = list(found[:PARTS_A_DELETE])
    ExportPart.objects.filter(pk__in=some).delete()
    return len(some)
