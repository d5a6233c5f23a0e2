"""Exports that a worker makes, and the pieces of their files."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from console.database.clock import near_now
from console.exports.files.formats import ExportFormat
from console.exports.orders import file_name
from console.exports.reading import Extent
from console.exports.subjects import subject_named
from console.text.sentence_field import SentenceField

# How long a file waits for its person.
KEPT = timedelta(hours=24)
# A run says several times a second that it goes on. A single statement of it takes at most
# STATEMENT_SECONDS (console.exports.exporter).
LOST_AFTER = timedelta(seconds=45)


class ExportStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting for a worker")
    RUNNING = "running", _("Being written")
    DONE = "done", _("Ready")
    FAILED = "failed", _("Failed")


class ExportJob(models.Model):
    """An export that a person or a program ordered. `upto` and `lowest` are the list's keys at the
    moment of the order.

    Each attempt to write the file has a number, `run`: only the newest may write. A job is
    temporary and no record: the ledger has what was exported.
    """

    actor_ref = models.CharField(max_length=64)
    sees_all_teams = models.BooleanField()
    subject = models.CharField(max_length=20)
    format = models.CharField(max_length=5, choices=ExportFormat.choices)
    filter = models.JSONField(default=dict)
    lowest = models.BigIntegerField()
    upto = models.BigIntegerField()
    status = models.CharField(
        max_length=7, choices=ExportStatus.choices, default=ExportStatus.WAITING
    )
    run = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    share = models.FloatField(default=0)
    parts = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    error = SentenceField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["actor_ref"], name="export_actor")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=ExportStatus.values), name="export_status_known"
            ),
            models.CheckConstraint(
                condition=Q(format__in=ExportFormat.values), name="export_format_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} by {self.actor_ref}"

    @property
    def extent(self) -> Extent:
        return Extent(self.lowest, self.upto)

    @property
    def is_in_work(self) -> bool:
        return self.status in (ExportStatus.WAITING, ExportStatus.RUNNING)

    @property
    def is_done(self) -> bool:
        return self.status == ExportStatus.DONE

    @property
    def file_name(self) -> str:
        """The name of the file, with the number and the moment of the order."""
        return file_name(f"{self.subject}-{self.pk}", self.format, self.created_at)

    @property
    def subject_label(self) -> str:
        return str(subject_named(self.subject).label)

    @property
    def permille(self) -> int:
        """How much of the list is read, for the bar."""
        return int(1000 * self.share)

    @property
    def kept_until(self) -> datetime | None:
        """When the file is deleted; None while there is none."""
        return self.finished_at + KEPT if self.finished_at else None

    @property
    def rate(self) -> float | None:
        """Rows a second, by the latest sign."""
        until = self.finished_at or self.seen_at
        if self.started_at is None or until is None or until <= self.started_at:
            return None
        return self.done / (until - self.started_at).total_seconds()

    @property
    def is_late(self) -> bool:
        """Whether nobody has begun it for so long that there may be no worker."""
        waits = self.status == ExportStatus.WAITING
        return waits and near_now() - self.created_at > LOST_AFTER


class ExportPart(models.Model):
    """A piece of a file, compressed by zlib.

    It has no foreign key: cancelling an export deletes one row, and the sweep then deletes the
    pieces.
    """

    export_id = models.BigIntegerField()
    run = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["export_id", "run", "number"], name="export_part_once")
        ]

    def __str__(self) -> str:
        return f"part {self.number} of export {self.export_id}"
