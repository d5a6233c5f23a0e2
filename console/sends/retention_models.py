"""How far the erasure of texts is whose retention time is over."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from console.database.clock import near_now

# A part takes a second or two.
SILENT_AFTER = timedelta(minutes=1)


class Retention(models.Model):
    """The last run that erased texts in time: one row. `total` is how many sends were due at its
    beginning. `stopped_by_name` is who stopped it; the next run begins anew.

    What is erased stands at the sends and deliveries themselves, so a run that ends early loses
    nothing.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    stopped_by_name = models.CharField(max_length=200, blank=True)
    total = models.PositiveBigIntegerField()
    sends = models.PositiveBigIntegerField(default=0)
    deliveries = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="one_retention"),
        ]

    def __str__(self) -> str:
        return f"{self.sends} of {self.total} sends"

    @property
    def is_going_on(self) -> bool:
        return self.ended_at is None and near_now() - self.seen_at < SILENT_AFTER

    @property
    def rate(self) -> float | None:
        """Deliveries a second, by the latest sign."""
        seconds = (self.seen_at - self.begun_at).total_seconds()
        return self.deliveries / seconds if seconds > 0 else None
