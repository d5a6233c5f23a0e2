"""What is to be exported, and whether that is little enough to be answered at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from console.actors import Actor
from console.database.deadlines import Deadline, TooSlow
from console.database.standby import Source, checked, first_at_standby
from console.errors import InvalidInput
from console.exports.files.formats import ExportFormat
from console.exports.subjects import Subject, subject_named

# A list that can't be counted within this time is long, or hard to search: a worker exports it.
COUNT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """A list, a format, and the values of the list's filter."""

    subject: Subject
    format: ExportFormat
    filter: Mapping[str, str]

    @classmethod
    def read(cls, subject: str, form: str, chosen: Mapping[str, Any]) -> "Order":
        """Check an order. Raises InvalidInput."""
        found = subject_named(subject)
        if form not in ExportFormat.values:
            raise InvalidInput(
                "unknown_format",
                "There is no format {form}; use {known}.",
                {"field": "format"},
                form=form,
                known=ExportFormat.values,
            )
        return cls(found, ExportFormat(form), found.read_filter(chosen))

    def file_name(self, at: datetime) -> str:
        """Return a name for the file, with a moment on the console's clocks."""
        return file_name(self.subject.name, self.format, at)

    def rows(self, actor: Actor) -> Any:
        """Return what the actor may see of it. Raises PermissionRefused."""
        actor.require(self.subject.permission)
        return self.subject.rows(actor, self.filter)

    def planned(self, actor: Actor) -> QuerySet[Any]:
        """Return the same as a query that PostgreSQL plans. Raises PermissionRefused."""
        actor.require(self.subject.permission)
        return self.subject.planned(actor, self.filter)


def file_name(subject: str, form: str, at: datetime) -> str:
    return f"{subject}-{timezone.localtime(at):%Y-%m-%d-%H%M}.{form}"


def is_small(actor: Actor, order: Order) -> bool:
    """Return whether the rows are so few that they are answered at once.

    Raises PermissionRefused.
    """
    rows = order.rows(actor)
    limit = settings.EXPORT_AT_ONCE_ROWS
    try:
        deadline = Deadline(COUNT_SECONDS)

        def counted() -> tuple[int, Source]:
            with deadline.bounded():
                source = checked()
                return order.subject.count(rows, limit + 1), source

        return first_at_standby(counted)[0] <= limit
    except TooSlow:
        return False
