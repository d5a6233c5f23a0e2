"""A send and its deliveries: one row for each interaction that it was meant for."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from console.catalogue.models import NoticeVersion, Visibility
from console.interactions.models import Interaction


class SendStatus(models.TextChoices):
    SCHEDULED = "scheduled", _("Scheduled")
    AWAITING_APPROVAL = "awaiting_approval", _("Awaiting approval")
    HOLDING = "holding", _("About to send")
    RUNNING = "running", _("Sending")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


class DeliveryStatus(models.TextChoices):
    """What is known of one delivery. `unknown`: bytes were written and no answer came."""

    PENDING = "pending", _("Waiting")
    SENDING = "sending", _("Sending")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")
    SKIPPED = "skipped", _("Skipped")
    CANCELLED = "cancelled", _("Cancelled")


OPEN_STATUSES = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)


class Reason(models.TextChoices):
    """Why a delivery was skipped, failed or is unknown."""

    NONE = "", ""
    OFFLINE = "offline", _("The chat had ended.")
    UNRESOLVED_VARIABLE = "unresolved_variable", _("A variable of the text has no value here.")
    EXPIRED_NOTICE = "expired_notice", _("The notice was not valid any more.")
    UNKNOWN_CHAT_SERVER = "unknown_chat_server", _("The console knows no such Chat Server.")
    CHAT_SERVER_DISABLED = "chat_server_disabled", _("The Chat Server is switched off here.")
    RECENTLY_SENT = "recently_sent", _("The chat got this notice a short while ago.")
    NOT_ALLOWED = "not_allowed", _("There is no such chat, or the sender may not see it.")
    INVALID_URL = "invalid_url", _("The URL that came out may not be pushed.")
    TEXT_TOO_LONG = "text_too_long", _("The text that came out is too long.")
    EMPTY_TEXT = "empty_text", _("The text that came out is empty.")
    TEMPLATE_ERROR = "template_error", _("The text could not be filled in.")
    INVALID_USER_DATA = "invalid_user_data", _("The chat's user data can't travel to Chat Server.")
    REFUSED = "refused", _("Chat Server refused it.")
    NOT_SENT = "not_sent", _("It could not be sent within its time to live. Nothing went out.")
    NO_ANSWER = "no_answer", _("The request went out and no answer came.")
    WORKER_LOST = "worker_lost", _("The worker stopped while it was sending.")


class Send(models.Model):
    """Somebody's decision to put one notice version into chosen chats.

    The version is pinned: what is published later changes nothing here. `target` is what was
    asked for: {"interactions": [ids]} or {"filter": {…}}.
    """

    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    version = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT, related_name="sends")
    visibility = models.CharField(max_length=3, choices=Visibility.choices)
    nickname = models.CharField(max_length=100, blank=True)
    target = models.JSONField()
    why = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=SendStatus.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    release_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    approved_by_ref = models.CharField(max_length=64, blank=True)
    approved_by_name = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["actor_ref", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="send_idempotency_key_unique",
            ),
            models.CheckConstraint(
                condition=Q(status__in=SendStatus.values), name="send_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(approved_by_ref=F("actor_ref")), name="nobody_approves_own_send"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["actor_ref", "-id"], name="send_by_actor"),
            models.Index(
                fields=["release_at"],
                condition=Q(status__in=[SendStatus.SCHEDULED, SendStatus.HOLDING]),
                name="send_to_release",
            ),
        ]

    def __str__(self) -> str:
        return f"send {self.pk}"


class Delivery(models.Model):
    """One send to one interaction: what was to be said, and what is known of its fate.

    `claim` names the batch that took it to the wire. `expires_at` ends its time to live, and
    `body_salt` is what makes the text's digest in the ledger erasable (console.audit.chain).
    """

    send = models.ForeignKey(Send, on_delete=models.PROTECT, related_name="deliveries")
    # Interactions are erased after a while, and their deliveries are not.
    interaction = models.ForeignKey(
        Interaction, on_delete=models.DO_NOTHING, db_constraint=False, related_name="deliveries"
    )
    customer_name = models.CharField(max_length=255, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    body = models.TextField(blank=True)
    body_salt = models.CharField(max_length=32)
    method = models.CharField(max_length=16)
    chat_server_name = models.CharField(max_length=128, blank=True)
    status = models.CharField(
        max_length=10, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING
    )
    reason = models.CharField(max_length=24, choices=Reason.choices, blank=True)
    detail = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    claim = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    attempted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    reference_id = models.IntegerField(null=True, blank=True)
    fault_code = models.CharField(max_length=100, blank=True)
    fault_text = models.TextField(blank=True)
    answer = models.JSONField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["send", "interaction"], name="one_delivery_a_target"),
            models.CheckConstraint(
                condition=Q(status__in=DeliveryStatus.values), name="delivery_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status=DeliveryStatus.SENDING) | Q(claim__isnull=False),
                name="sending_delivery_has_claim",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN_STATUSES) | Q(finished_at__isnull=False),
                name="ended_delivery_has_time",
            ),
        ]
        indexes: ClassVar = [
            # Only open rows are in these two, so that ending a delivery writes to neither.
            models.Index(
                fields=["chat_server_name", "due_at", "id"],
                condition=Q(status__in=OPEN_STATUSES),
                name="delivery_open_by_server",
            ),
            models.Index(
                fields=["send"], condition=Q(status__in=OPEN_STATUSES), name="delivery_open_by_send"
            ),
            models.Index(fields=["interaction", "-id"], name="delivery_by_interaction"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"
