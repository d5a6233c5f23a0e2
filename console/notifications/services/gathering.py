"""Writes matters out of the ledger's entries, each once, and ends them when the ledger says so.

A matter, the notifications of it and the position in the ledger are written in one transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import QuerySet

from console.audit import following
from console.audit.models import AuditEntry
from console.database import notifications
from console.database.clock import database_now
from console.notifications.kinds import KINDS, Kind, Subject, ledger_actions, opening_kinds
from console.notifications.models import Mark, Matter, Notification, Status, Step
from console.notifications.services.outbox import notifications_write

ENTRIES_A_PIECE = 2_000


def matters_gather() -> int:
    """Begin and end matters by all entries since the last call, and return how many have begun.

    Does nothing if another worker is doing it.
    """
    return following.entries_follow(Mark, _matters_write, at_once=ENTRIES_A_PIECE)


def _matters_write(entries: QuerySet[AuditEntry]) -> int:
    told = list(entries.filter(action__in=ledger_actions()))
    if not told:
        return 0
    changes = _Changes(told)
    for entry in told:
        for kind in KINDS.values():
            changes.follow(kind, entry)
    return changes.write(database_now())


class _Changes:
    """What one piece of the ledger changes: matters that end, and matters that begin."""

    def __init__(self, entries: Sequence[AuditEntry]) -> None:
        refs = {entry.target_ref for entry in entries}
        known = Matter.objects.select_for_update().filter(ref__in=refs, ended_at=None)
        self._open = {(matter.kind, matter.ref): matter for matter in known.order_by("pk")}
        self._subjects = _subjects(entries)
        self._ended: list[Matter] = []
        self._begun: list[Matter] = []

    def follow(self, kind: Kind, entry: AuditEntry) -> None:
        key = (kind.name, entry.target_ref)
        begins = entry.action in kind.opened_by and kind.opens(entry)
        if entry.action in kind.ended_by or (begins and kind.renews):
            self._end(key, entry)
        if begins and key not in self._open:
            self._begin(key, entry)

    def _end(self, key: tuple[str, str], entry: AuditEntry) -> None:
        matter = self._open.pop(key, None)
        if matter is not None:
            matter.ended_at = entry.at
            if matter.pk:
                self._ended.append(matter)

    def _begin(self, key: tuple[str, str], entry: AuditEntry) -> None:
        subject = self._subjects.get(key, Subject(""))
        self._open[key] = matter = Matter(
            kind=key[0],
            ref=key[1],
            title=subject.title,
            number=subject.number,
            by_ref=entry.actor_ref,
            by_name=entry.actor_name,
            asked_at=entry.at,
        )
        self._begun.append(matter)

    def write(self, now: datetime) -> int:
        """Write all of it, with the notifications of what still waits. Return how many began."""
        if not (self._ended or self._begun):
            return 0
        Matter.objects.bulk_update(self._ended, ["ended_at"])
        waiting = Notification.objects.filter(matter__in=self._ended, status=Status.WAITING)
        waiting.update(status=Status.DROPPED, ended_at=now)
        Matter.objects.bulk_create(self._begun)
        notifications_write([each for each in self._begun if not each.ended_at], Step.ASKED, now)
        notifications.publish(notifications.WAITING)
        return len(self._begun)


def _subjects(entries: Iterable[AuditEntry]) -> dict[tuple[str, str], Subject]:
    """Return what matters are about, by kind and ref, with few queries for many entries."""
    opening: dict[str, list[AuditEntry]] = {}
    for entry in entries:
        for kind in opening_kinds(entry):
            opening.setdefault(kind.name, []).append(entry)
    return {
        (name, ref): subject
        for name, some in opening.items()
        for ref, subject in KINDS[name].subjects(some).items()
    }
