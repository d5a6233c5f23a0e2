"""Reads of webhooks, only for administrators."""

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery

from console.actors import Actor, Permission
from console.errors import NotFound
from console.webhooks.models import Attempt, Message, MessageStatus, Webhook


def webhooks(actor: Actor) -> QuerySet[Webhook]:
    """Return webhooks by name.

    Each has the number of messages that wait (`waiting`) and were given up (`given_up`), when the
    last one was taken (`taken_at`), and the problem of the last attempt (`last_problem`).
    """
    actor.require(Permission.ADMINISTER)
    by_webhook = Attempt.objects.filter(message__webhook=OuterRef("pk"), ended_at__isnull=False)
    newest = by_webhook.order_by("-pk").values("problem")[:1]
    return Webhook.objects.annotate(
        waiting=Count("messages", filter=Q(messages__status=MessageStatus.WAITING)),
        given_up=Count("messages", filter=Q(messages__status=MessageStatus.GIVEN_UP)),
        taken_at=Max("messages__ended_at", filter=Q(messages__status=MessageStatus.TAKEN)),
        last_problem=Subquery(newest),
    ).order_by("name")


def webhooks_found(actor: Actor, q: str) -> QuerySet[Webhook]:
    """Return webhooks by name that have `q` in their name or address, without counting messages."""
    actor.require(Permission.ADMINISTER)
    named = Q(name__icontains=q) | Q(url__icontains=q)
    return Webhook.objects.filter(named).order_by("name")


def webhook_get(actor: Actor, webhook_id: int) -> Webhook:
    """Return a webhook. Raises NotFound."""
    found = webhooks(actor).filter(pk=webhook_id).first()
    if found is None:
        raise NotFound("webhook_not_found", "There is no such webhook.")
    return found


def messages(actor: Actor, webhook: Webhook, *, status: str = "") -> QuerySet[Message]:
    """Return the messages to a webhook, newest first.

    Each has its number of attempts (`attempt_count`) and the last one's result (`last_status`,
    `last_problem`).
    """
    actor.require(Permission.ADMINISTER)
    found = _messages().filter(webhook=webhook)
    return found.filter(status=status) if status else found


def message_get(actor: Actor, webhook: Webhook, message_id: int) -> Message:
    """Return a message of this webhook. Raises NotFound."""
    actor.require(Permission.ADMINISTER)
    found = _messages().filter(webhook=webhook, pk=message_id).first()
    if found is None:
        raise NotFound(
            "message_not_found", "There is no such message, or it has been forgotten by now."
        )
    return found


def attempts(actor: Actor, message: Message) -> QuerySet[Attempt]:
    """Return the attempts of a message, newest first."""
    actor.require(Permission.ADMINISTER)
    return message.attempts.order_by("-pk")


def _messages() -> QuerySet[Message]:
    last = Attempt.objects.filter(message=OuterRef("pk"), ended_at__isnull=False).order_by("-pk")
    return (
        Message.objects.select_related("webhook")
        .annotate(
            attempt_count=Count("attempts"),
            last_status=Subquery(last.values("status_code")[:1]),
            last_problem=Subquery(last.values("problem")[:1]),
        )
        .order_by("-pk")
    )
