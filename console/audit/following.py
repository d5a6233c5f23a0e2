"""Writes how far an app has read on in the ledger, and which worker carries what it made of it.

The ledger is the outbox of what happens: an entry is committed with what it records, and the
chain's lock makes entries visible in the order of their numbers. An app that turns entries into
rows of its own has one row of a LedgerMark. It writes its rows and moves the mark in one
transaction: whatever crashes, an entry counts once. The same row says until when one worker of the
whole site carries these rows to where they lead.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Max, Q, QuerySet

from console.audit.models import AuditEntry

# Of one call; the rest waits for the next, a few seconds later.
PIECES_MOST = 10

BEGIN = """
INSERT INTO "{table}" (id, told_to)
SELECT 1, coalesce(max(seq), 0) FROM audit_auditentry
ON CONFLICT DO NOTHING
"""


class LedgerMark(models.Model):
    """The single row with the last ledger entry that an app has read, and the moment until which a
    worker is the courier."""

    told_to = models.BigIntegerField()
    carried_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"told to {self.told_to}"


Mark = type[LedgerMark]


def rows(mark: Mark) -> QuerySet[Any]:
    return mark._default_manager.all()


def mark_begin(mark: Mark) -> None:
    """Start at the present end of the ledger. What happened before concerns nobody."""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN.format(table=mark._meta.db_table))


def entries_follow(
    mark: Mark,
    write: Callable[[QuerySet[AuditEntry]], int],
    *,
    at_once: int,
    pieces: int = PIECES_MOST,
    skips: Callable[[], bool] = lambda: False,
) -> int:
    """Pass all entries since the last call to `write`, at most `at_once` in one transaction. Return
    the sum of what it returns.

    While `skips` is true, the mark moves to the end at once, and `write` gets entries that it must
    not read. Does nothing if another worker is doing it.
    """
    mark_begin(mark)
    made = 0
    for _piece in range(pieces):
        number, is_all = _follow_piece(mark, write, at_once, skips)
        made += number
        if is_all:
            break
    return made


def _follow_piece(
    mark: Mark,
    write: Callable[[QuerySet[AuditEntry]], int],
    at_once: int,
    skips: Callable[[], bool],
) -> tuple[int, bool]:
    """Read one piece. Return what `write` returned, and whether nothing is left."""
    with transaction.atomic():
        held = rows(mark).select_for_update(skip_locked=True).first()
        if held is None:
            return 0, True
        newest = AuditEntry.objects.aggregate(seq=Max("seq"))["seq"] or 0
        upto = newest if skips() else min(newest, held.told_to + at_once)
        entries = AuditEntry.objects.filter(seq__gt=held.told_to, seq__lte=upto)
        made = write(entries.order_by("seq"))
        if upto > held.told_to:
            held.told_to = upto
            held.save(update_fields=["told_to"])
    return made, upto >= newest


def carrying_begin(mark: Mark, now: datetime, longest: timedelta) -> datetime | None:
    """Become the courier, and return until when. None if another worker is the courier."""
    until = now + longest
    free = rows(mark).filter(Q(carried_until=None) | Q(carried_until__lt=now))
    return until if free.update(carried_until=until) else None


def carrying_go_on(
    mark: Mark, until: datetime, now: datetime, longest: timedelta
) -> datetime | None:
    """Stay the courier, and return until when. None if another worker has taken over."""
    longer = now + longest
    return longer if rows(mark).filter(carried_until=until).update(carried_until=longer) else None


def carrying_end(mark: Mark, until: datetime) -> None:
    """Stop being the courier, unless another has taken over already."""
    rows(mark).filter(carried_until=until).update(carried_until=None)


def retry_seconds(
    steps: Sequence[int], tries: int, jitter: Callable[[], float] = random.random
) -> float:
    """Return the seconds to wait after so many failures in a row, with 25 % jitter. `steps` has
    them for the first, second, … failure; the last one again and again."""
    return steps[min(tries, len(steps)) - 1] * (0.75 + jitter() / 2)
