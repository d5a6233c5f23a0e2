"""Writes a message for each event and each webhook that subscribes to it.

The messages and the position in the ledger are written in one transaction: whatever crashes, an
event becomes a message once, with an id that stays.
"""

from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Max

from console.audit.models import AuditEntry
from console.database import notifications
from console.database.clock import near_now
from console.interactions.services import health_changes_take
from console.webhooks.event_payloads import ACTIONS, Fact, health_fact, ledger_facts
from console.webhooks.models import Mark, Message, Webhook

ENTRIES_A_PIECE = 2_000
CHANGES_A_PIECE = 500
# In one call; the rest waits for the next, two seconds later.
PIECES_MOST = 10

BEGIN = """
INSERT INTO webhooks_mark (id, told_to)
SELECT 1, coalesce(max(seq), 0) FROM audit_auditentry
ON CONFLICT DO NOTHING
"""


def mark_begin() -> None:
    """Start at the present end of the ledger. Before the first webhook nobody had subscribed."""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN)


def facts_gather() -> int:
    """Write the messages of all events since the last call, and return how many.

    Does nothing if another worker is doing it.
    """
    mark_begin()
    made = 0
    for _piece in range(PIECES_MOST):
        number, is_all = _gather_piece(ENTRIES_A_PIECE)
        made += number
        if is_all:
            break
    return made


def _gather_piece(most: int) -> tuple[int, bool]:
    """Write one batch. Return the number of messages, and whether nothing is left."""
    with transaction.atomic():
        mark = Mark.objects.select_for_update(skip_locked=True).first()
        if mark is None:
            return 0, True
        webhooks = list(Webhook.objects.filter(enabled=True))
        newest = AuditEntry.objects.aggregate(seq=Max("seq"))["seq"] or 0
        # Without webhooks, skip to the end at once.
        upto = min(newest, mark.told_to + most) if webhooks else newest
        facts = _facts(mark.told_to, upto, is_heard=bool(webhooks))
        messages = [
            message(webhook, fact)
            for fact in facts
            for webhook in webhooks
            if fact.type in webhook.events
        ]
        Message.objects.bulk_create(messages)
        if upto > mark.told_to:
            mark.told_to = upto
            mark.save(update_fields=["told_to"])
        if messages:
            notifications.publish(notifications.WEBHOOKS)
    return len(messages), upto >= newest


def _facts(after: int, upto: int, *, is_heard: bool) -> list[Fact]:
    changes = health_changes_take(CHANGES_A_PIECE)
    if not is_heard:
        return []
    entries = AuditEntry.objects.filter(seq__gt=after, seq__lte=upto, action__in=ACTIONS)
    return [*ledger_facts(list(entries.order_by("seq"))), *map(health_fact, changes)]


def message(webhook: Webhook, fact: Fact) -> Message:
    """Return an unsaved message. All its attempts have its id."""
    return Message(
        webhook=webhook,
        key=f"msg_{uuid4().hex}",
        type=fact.type,
        body=fact.body,
        occurred_at=fact.at,
        next_at=near_now(),
    )
