"""Writes administrators' changes to messages, and deletes old messages."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, NotFound
from console.webhooks.event_payloads import Fact
from console.webhooks.models import TEST, Attempt, Message, MessageStatus, Webhook
from console.webhooks.services.gathering import message
from console.webhooks.services.webhooks import lock, target

FORGOTTEN_AT_ONCE = 1_000


def webhook_test(actor: Actor, webhook: Webhook) -> Message:
    """Send a test event in the usual way. Raises Conflict if the webhook is not enabled."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        locked = lock(webhook)
        _require_enabled(locked)
        fact = Fact(TEST, database_now(), {"webhook": locked.name})
        made = message(locked, fact)
        made.save()
        notifications.publish(notifications.WEBHOOKS)
        data = {"message": made.key}
        audit.record(actor, Action.WEBHOOK_TESTED, target=target(locked), data=data)
    return made


def message_redeliver(actor: Actor, sent: Message) -> Message:
    """Queue a message once more, under the same id.

    Raises Conflict if it is waiting already or its webhook is not enabled; NotFound if it was
    deleted.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        webhook = lock(sent.webhook)
        _require_enabled(webhook)
        locked = Message.objects.select_for_update().filter(pk=sent.pk).first()
        if locked is None:
            raise NotFound("message_not_found", "This message has been forgotten by now.")
        if locked.status == MessageStatus.WAITING:
            raise Conflict(
                "message_waiting", "This message is on its way already: wait for its next attempt."
            )
        locked.status, locked.tries = MessageStatus.WAITING, 0
        locked.next_at, locked.ended_at = database_now(), None
        locked.save(update_fields=["status", "tries", "next_at", "ended_at"])
        notifications.publish(notifications.WEBHOOKS)
        data = {"message": locked.key}
        audit.record(actor, Action.WEBHOOK_REDELIVERED, target=target(webhook), data=data)
    return locked


def _require_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise Conflict(
            "webhook_disabled",
            "{webhook} is switched off: switch it on, then nothing is lost.",
            webhook=webhook,
        )


def messages_forget() -> int:
    """Delete the oldest messages that ended before the retention period. Return how many.

    At most FORGOTTEN_AT_ONCE are deleted.
    """
    before = database_now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    old = Message.objects.filter(ended_at__lt=before).order_by("ended_at")
    ids = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    with transaction.atomic():
        Attempt.objects.filter(message__in=ids).delete()
        # A message that somebody has queued again meanwhile stays.
        forgotten, _by_model = Message.objects.filter(pk__in=ids, ended_at__lt=before).delete()
    return forgotten
