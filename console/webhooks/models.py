"""Webhooks: the receivers, the messages to them, and each attempt to deliver one."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.audit.following import LedgerMark
from console.database.clock import near_now
from console.text.sentence_field import SentenceField


class EventType(models.TextChoices):
    """The types of events. Their values appear in messages and never change their meaning."""

    SEND_FINISHED = "send.finished", _("A send has finished")
    SEND_CANCELLED = "send.cancelled", _("A send was stopped or rejected")
    DELIVERIES_FAILED = "deliveries.failed", _("Deliveries have failed")
    DELIVERIES_UNKNOWN = "deliveries.unknown", _("Deliveries are unknown")
    DELIVERIES_RESOLVED = "deliveries.resolved", _("There is evidence of unknown deliveries")
    SEND_AWAITING_APPROVAL = "send.awaiting_approval", _("A send awaits approval")
    SEND_PAUSED_ITSELF = "send.paused_itself", _("A send has paused itself")
    VERSION_SUBMITTED = "version.submitted", _("A version of a notice awaits review")
    PRESET_SUBMITTED = "preset.submitted", _("A visibility preset awaits review")
    INCIDENT_STARTED = "incident.started", _("An incident was started")
    INCIDENT_STAGE_STARTED = "incident.stage_started", _("A stage of an incident was started")
    INCIDENT_OVERDUE = "incident.overdue", _("An incident's next update is overdue")
    INCIDENT_AWAITING_CONFIRMATION = (
        "incident.awaiting_confirmation",
        _("An emergency awaits a confirmation"),
    )
    INCIDENT_UNCONFIRMED = "incident.unconfirmed", _("Nobody has confirmed an emergency in time")
    INCIDENT_CLOSED = "incident.closed", _("An incident was closed")
    PLAYBOOK_SUBMITTED = "playbook.submitted", _("A playbook waits for a reviewer")
    CHAT_SERVER_UNHEALTHY = "chat_server.unhealthy", _("A Chat Server can't be reached")
    CHAT_SERVER_HEALTHY = "chat_server.healthy", _("A Chat Server answers again")


# After this, a silent courier counts as dead, and its messages are due again.
LONGEST_ATTEMPT = timedelta(seconds=60)
# The type of the page's test message. Nobody subscribes to it.
TEST = "webhook.test"
TYPE_WORDS = {**dict(EventType.choices), TEST: _("A test")}
MESSAGE_TYPES = tuple(TYPE_WORDS)


class Webhook(models.Model):
    """A receiver of events, and the secret by which it verifies their sender.

    The secrets are encrypted (console.webhooks.signing). After a rotation the previous one also
    signs, until `previous_secret_until`.
    """

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField(max_length=2000)
    events = ArrayField(models.CharField(max_length=40, choices=EventType.choices))
    enabled = models.BooleanField(default=True)
    secret = models.TextField()
    previous_secret = models.TextField(blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def old_secret_until(self, now: datetime | None = None) -> datetime | None:
        """Return until when two secrets sign, or None if only one does."""
        until = self.previous_secret_until
        return until if until is not None and until > (now or near_now()) else None


class MessageStatus(models.TextChoices):
    WAITING = "waiting", _("On its way")
    TAKEN = "taken", _("Taken")
    GIVEN_UP = "given_up", _("Given up")


class Message(models.Model):
    """One event for one webhook: the exact bytes that every attempt sends.

    `tries` counts since the message was last queued, by its event or by a person. A courier first
    moves `next_at` into the future, so that nobody else takes the message, and so that it is due
    again if the courier dies.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="messages")
    # The value of the header webhook-id.
    key = models.CharField(max_length=40, unique=True)
    type = models.CharField(max_length=40)
    body = models.TextField()
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(
        max_length=10, choices=MessageStatus.choices, default=MessageStatus.WAITING
    )
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["webhook", "-id"], name="webhook_messages"),
            models.Index(
                fields=["webhook", "next_at"],
                name="webhook_messages_due",
                condition=Q(status="waiting"),
            ),
            models.Index(
                fields=["ended_at"], name="webhook_messages_ended", condition=~Q(ended_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def type_words(self) -> str:
        return str(TYPE_WORDS.get(self.type, self.type))


class Attempt(models.Model):
    """One attempt to deliver a message.

    It is written before a byte is sent, and completed afterwards. If it was never completed, its
    worker stopped meanwhile, and its outcome is not known.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    status_code = models.PositiveIntegerField(null=True, blank=True)
    # Why there is no answer, or why the answer does not count.
    problem = SentenceField(blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"attempt {self.pk} of {self.message_id}"

    @property
    def is_lost(self) -> bool:
        """Whether its worker is gone, since no attempt takes this long."""
        return self.ended_at is None and near_now() - self.started_at > LONGEST_ATTEMPT

    @property
    def is_taken(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


class Mark(LedgerMark):
    """How far the ledger was turned into messages, and which worker carries them."""
