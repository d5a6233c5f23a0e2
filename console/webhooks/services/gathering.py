"""Writes a message for each event and each webhook that subscribes to it.

The messages and the position in the ledger are written in one transaction: whatever crashes, an
event becomes a message once, with an id that stays.
"""

from uuid import uuid4

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from console.audit import following
from console.audit.models import AuditEntry
from console.database import notifications
from console.database.clock import near_now
from console.interactions.services import health_changes_take
from console.sends.models import Send
from console.webhooks.event_payloads import Fact, health_fact, ledger_actions, ledger_facts
from console.webhooks.models import Mark, Message, Webhook

ENTRIES_A_PIECE = 2_000
CHANGES_A_PIECE = 500
# In one call; the rest waits for the next, two seconds later.
PIECES_MOST = 10


def mark_begin() -> None:
    """Start at the present end of the ledger. Before the first webhook nobody had subscribed."""
    following.mark_begin(Mark)


def facts_gather() -> int:
    """Write the messages of all events since the last call, and return how many.

    Does nothing if another worker is doing it.
    """
    return following.entries_follow(
        Mark,
        _messages_write,
        at_once=ENTRIES_A_PIECE,
        pieces=PIECES_MOST,
        # Without webhooks, skip to the end at once.
        skips=lambda: not Webhook.objects.filter(enabled=True).exists(),
    )


def _messages_write(entries: QuerySet[AuditEntry]) -> int:
    """Write the messages of one piece of the ledger, and return how many."""
    webhooks = list(Webhook.objects.filter(enabled=True))
    messages = [
        message(webhook, fact)
        for fact in _facts(entries, is_heard=bool(webhooks))
        for webhook in webhooks
        if fact.type in webhook.events
    ]
    Message.objects.bulk_create(messages)
    if messages:
        notifications.publish(notifications.WEBHOOKS)
    return len(messages)


def _facts(entries: QuerySet[AuditEntry], *, is_heard: bool) -> list[Fact]:
    changes = health_changes_take(CHANGES_A_PIECE)
    if not is_heard:
        return []
    # Nobody outside hears of a test.
    tests = Send.objects.filter(is_test=True).annotate(ref=Cast("pk", TextField()))
    of_tests = Q(target_kind="send", target_ref__in=tests.values("ref"))
    told = list(entries.filter(action__in=ledger_actions()).exclude(of_tests))
    return [*ledger_facts(told), *map(health_fact, changes)]


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
