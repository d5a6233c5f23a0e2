"""Writes how far each stream to a SIEM has come, which worker streams, and what stood in its way.

A position moves on only after the receiver has taken the messages. Whatever crashes, a message
leaves at least once. An entry of the ledger for each step would be streamed itself, without end.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max

from console.audit.following import retry_seconds
from console.audit.models import AuditEntry, AuditStream
from console.audit.siem.reading import Batch
from console.audit.siem.settings import HTTPS, Destination
from console.database.clock import database_now
from console.text.sentences import Sentence, stored

# Longer than anything may take that a worker does between two steps.
LEASE = timedelta(seconds=120)
# Seconds to wait after the first, second, … failure in a row; the last one again and again.
RETRIES = (5, 15, 60, 300)
RETRY_MOST = 3600.0

BEGIN = """
INSERT INTO audit_auditstream (place, told_to, sent, streamed, skipped, failures,
    failures_in_a_row, trouble)
SELECT %s, coalesce(max(seq), 0), ARRAY[coalesce(max(seq), 0)], 0, 0, 0, 0, ''
FROM audit_auditentry
ON CONFLICT DO NOTHING
"""


def streams_begin() -> None:
    """Let the stream to each receiver that is new begin after the newest entry of now."""
    known = set(AuditStream.objects.values_list("place", flat=True))
    for destination in settings.SIEM_TO:
        if destination.name not in known:
            with connection.cursor() as cursor:
                cursor.execute(BEGIN, [destination.name])


def streams_due() -> list[str]:
    """Return the receivers for whom there is something, and that may be tried now."""
    newest = AuditEntry.objects.aggregate(seq=Max("seq"))["seq"] or 0
    now = database_now()
    rows = AuditStream.objects.filter(
        place__in=[each.name for each in settings.SIEM_TO], told_to__lt=newest
    )
    return [row.place for row in rows if _is_free(row, now)]


def _is_free(row: AuditStream, now: datetime) -> bool:
    return (row.held_until is None or row.held_until < now) and (
        row.next_at is None or row.next_at <= now
    )


def stream_take(place: str) -> AuditStream | None:
    """Become the one who streams to a receiver. None if another worker is, or if it is not time.

    If the one before has vanished, nobody knows what of its last messages has arrived: they are
    sent again.
    """
    with transaction.atomic():
        rows = AuditStream.objects.select_for_update(skip_locked=True)
        row: AuditStream | None = rows.filter(pk=place).first()
        now = database_now()
        if row is None or not _is_free(row, now):
            return None
        if row.held_until is not None:
            _go_back(row)
        row.held_until = now + LEASE
        row.save(update_fields=["held_until", "told_to", "sent"])
    return row


def _go_back(row: AuditStream) -> None:
    row.told_to = min(row.told_to, row.sent[0])
    row.sent = row.sent[:1]


def stream_move_on(row: AuditStream, destination: Destination, batch: Batch) -> bool:
    """Note that a batch was taken. False if another worker has taken over, who sends it again."""
    kept = 0 if destination.scheme == HTTPS else settings.SIEM_RESEND
    sent = [*row.sent, *(message.seq for message in batch.messages)][-(kept + 1) :]
    now = database_now()
    facts = {"told_to": batch.upto, "sent": sent, "held_until": now + LEASE}
    if batch.messages:
        facts["taken_at"] = now
    held = AuditStream.objects.filter(pk=row.pk, held_until=row.held_until)
    if not held.update(
        **facts,
        streamed=F("streamed") + len(batch.messages),
        skipped=F("skipped") + batch.skipped,
    ):
        return False
    for name, value in facts.items():
        setattr(row, name, value)
    return True


def stream_end(row: AuditStream, *, is_closed: bool) -> None:
    """Give a stream back after a run in which nothing failed. `is_closed`: the receiver has closed
    the connection after us, so it has read all."""
    sent = {"sent": row.sent[-1:]} if is_closed else {}
    AuditStream.objects.filter(pk=row.pk, held_until=row.held_until).update(
        **sent, held_until=None, next_at=None, failures_in_a_row=0, trouble=""
    )


def stream_fail(
    row: AuditStream,
    problem: Sentence,
    *,
    wait_seconds: float = 0.0,
    jitter: Callable[[], float] | None = None,
) -> None:
    """Note why a receiver did not take what it was sent, and go back to what it has surely taken.
    It is tried again after a while, which grows, or after `wait_seconds` if that is longer."""
    _go_back(row)
    tries = row.failures_in_a_row + 1
    seconds = retry_seconds(RETRIES, tries, *([jitter] if jitter else []))
    wait = min(max(seconds, wait_seconds), RETRY_MOST)
    AuditStream.objects.filter(pk=row.pk, held_until=row.held_until).update(
        told_to=row.told_to,
        sent=row.sent,
        held_until=None,
        next_at=database_now() + timedelta(seconds=wait),
        failures=F("failures") + 1,
        failures_in_a_row=tries,
        trouble=stored(problem),
    )
