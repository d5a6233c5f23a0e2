"""Writes a courier's work: its claim, the letters that it takes, and what became of each."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from console.accounts.models import User
from console.audit import following
from console.database import notifications
from console.database.clock import database_now
from console.notifications import problems
from console.notifications.audience import decidable, decidable_by
from console.notifications.kinds import KINDS
from console.notifications.models import (
    LONGEST_ATTEMPT,
    OPEN,
    TEST,
    Mark,
    Notification,
    Status,
)
from console.notifications.services.pressing import EVERYBODY

# Seconds to wait after the first, second, … failed attempt; the last one again and again.
RETRIES = (30, 120, 600, 1800, 3600)
OLDEST = timedelta(hours=24)
# The most letters at a time.
ROOM = 4
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """Notifications that leave as one: of one person or channel, of one kind and one step."""

    ids: tuple[int, ...]
    key: str
    notifications: Sequence[Notification] = field(repr=False)

    @property
    def first(self) -> Notification:
        return self.notifications[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. `waiting` means that it is to be tried again."""

    status: Status
    problem: str = ""


def carrying_begin() -> datetime | None:
    """Become the courier, and return until when. None if nothing is due or another worker is it."""
    now = database_now()
    if not Notification.objects.filter(_due(now)).exists():
        return None
    return following.carrying_begin(Mark, now, LONGEST_ATTEMPT)


def carrying_end(until: datetime) -> None:
    """Stop being the courier, unless another has taken over already."""
    following.carrying_end(Mark, until)


def _due(now: datetime) -> Q:
    """Return the condition for what is due, and for what a dead courier has left behind."""
    lost = Q(status=Status.SENDING, taken_at__lt=now - 2 * LONGEST_ATTEMPT)
    return Q(status=Status.WAITING, due_at__lte=now) | lost


def letters_take(until: datetime, busy: int) -> tuple[datetime | None, list[Letter]]:
    """Take due letters, and stay the courier. Return until when, and the letters.

    The moment is None if another worker has taken over. `busy` is the number of letters in
    progress. What is not needed any more, or can't be sent, ends here without leaving.
    """
    with transaction.atomic():
        now = database_now()
        longer = following.carrying_go_on(Mark, until, now, LONGEST_ATTEMPT)
        if longer is None:
            return None, []
        rows = Notification.objects.filter(_due(now)).select_for_update(
            of=("self",), skip_locked=True
        )
        rows = rows.select_related("matter", "person", "absent").order_by("due_at", "pk")
        found = list(rows[:LOOKED_AT])
        needed = _needed(_living(found, now), now)
        letters = _letters(needed)[: max(0, ROOM - busy)]
        ids = [pk for letter in letters for pk in letter.ids]
        Notification.objects.filter(pk__in=ids).update(
            status=Status.SENDING, taken_at=now, attempts=F("attempts") + 1
        )
    return longer, letters


def _living(rows: Iterable[Notification], now: datetime) -> list[Notification]:
    """End what a dead courier has left, what is too old, and what has no address."""
    living = []
    for row in rows:
        if row.status == Status.SENDING:
            _end([row], Status.UNKNOWN, now, problems.COURIER_GONE())
        elif now - row.first_due_at > OLDEST:
            hours = int(OLDEST.total_seconds() // 3600)
            _end([row], Status.FAILED, now, problems.TOO_OLD(hours=hours, why=row.error))
        elif row.person is not None and not row.person.email:
            _end([row], Status.FAILED, now, problems.NO_ADDRESS())
        else:
            living.append(row)
    return living


def _needed(rows: Sequence[Notification], now: datetime) -> list[Notification]:
    """End what nobody needs any more: its matter is decided, or not this person's to decide."""
    may: dict[tuple[str, int | None], set[str]] = {}
    for row in rows:
        may.setdefault((row.kind, row.person_id), set())
    for kind_name, person_id in may:
        kind = KINDS.get(kind_name)
        some = [row for row in rows if (row.kind, row.person_id) == (kind_name, person_id)]
        refs = {row.matter.ref for row in some if row.matter is not None}
        person = some[0].person
        if kind is not None and refs:
            may[kind_name, person_id] = (
                decidable(EVERYBODY, kind, refs)
                if person is None
                else decidable_by(person, kind, refs)
            )
    needed = [row for row in rows if _is_needed(row, may[row.kind, row.person_id])]
    _end([row for row in rows if row not in needed], Status.DROPPED, now)
    return needed


def _is_needed(row: Notification, refs: set[str]) -> bool:
    if row.matter is None:
        return row.kind == TEST and isinstance(row.person, User) and row.person.is_active
    return row.matter.ended_at is None and row.matter.ref in refs


def _letters(rows: Iterable[Notification]) -> list[Letter]:
    together: dict[tuple[object, ...], list[Notification]] = {}
    for row in rows:
        key = (row.route, row.person_id, row.channel, row.kind, row.step)
        together.setdefault(key, []).append(row)
    return [
        Letter(ids=tuple(row.pk for row in some), key=some[0].key, notifications=some)
        for some in together.values()
    ]


def retry_seconds(attempts: int, jitter: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait after so many failures, with 25 % jitter."""
    return following.retry_seconds(RETRIES, attempts, jitter)


def letter_record(letter: Letter, outcome: Outcome) -> None:
    """Record what became of a letter, and when it is tried again."""
    with transaction.atomic():
        now = database_now()
        rows = Notification.objects.select_for_update().filter(
            pk__in=letter.ids, status=Status.SENDING
        )
        for row in rows:
            if outcome.status == Status.WAITING:
                row.due_at = now + timedelta(seconds=retry_seconds(row.attempts))
                row.status, row.error = Status.WAITING, outcome.problem
                row.save(update_fields=["due_at", "status", "error"])
            else:
                _end([row], outcome.status, now, outcome.problem)
        notifications.publish(notifications.MAIL)


def _end(rows: Iterable[Notification], status: Status, now: datetime, problem: str = "") -> None:
    ids = [row.pk for row in rows]
    if ids:
        Notification.objects.filter(pk__in=ids, status__in=OPEN).update(
            status=status, ended_at=now, error=problem
        )
        notifications.publish(notifications.MAIL)
