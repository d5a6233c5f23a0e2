"""Imports in progress."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from console.database.clock import near_now
from console.text.sentence_field import SentenceField

# A check reports its progress several times a second; a single statement takes at most some
# seconds.
LOST_AFTER = timedelta(minutes=5)


class ImportStatus(models.TextChoices):
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    WRITING = "writing", _("Being imported")
    IMPORTED = "imported", _("Imported")
    REFUSED = "refused", _("Refused")


class ImportJob(models.Model):
    """A file that a person imports on the page: first checked, then written once they confirm.

    A job is temporary and no record: the ledger has what was imported. The file and the report
    (compressed JSON, an item for each row) are deleted after a week.
    """

    actor_ref = models.CharField(max_length=64)
    file_name = models.CharField(max_length=255)
    content = models.BinaryField()
    skip_refused = models.BooleanField(default=False)
    status = models.CharField(
        max_length=10, choices=ImportStatus.choices, default=ImportStatus.CHECKING
    )
    phase = models.CharField(max_length=20, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    report = models.BinaryField(default=bytes)
    error = SentenceField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=ImportStatus.values), name="import_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} by {self.actor_ref}"

    @property
    def is_running(self) -> bool:
        return self.status in (ImportStatus.CHECKING, ImportStatus.WRITING)

    @property
    def is_lost(self) -> bool:
        """Whether its progress is so old that its worker must be gone."""
        seen = self.seen_at or self.created_at
        return self.is_running and near_now() - seen > LOST_AFTER

    @property
    def rate(self) -> float | None:
        """Rows a second, by the latest progress."""
        until = self.finished_at or self.seen_at
        if self.started_at is None or until is None or until <= self.started_at:
            return None
        return self.done / (until - self.started_at).total_seconds()
