"""A send and its deliveries: one row for each interaction that it was meant for."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.catalogue.models import NoticeClass, NoticeVersion, Visibility
from console.interactions.models import Interaction
from console.sends.contact_models import Contact as Contact
from console.sends.evidence_models import Evidence as Evidence
from console.sends.evidence_models import Resolution as Resolution
from console.sends.history_models import CustomerChat as CustomerChat
from console.sends.history_models import HistoryColumns as HistoryColumns
from console.sends.history_models import HistoryFact as HistoryFact
from console.sends.history_models import HistoryPart as HistoryPart
from console.sends.history_models import HistorySpan as HistorySpan
from console.sends.history_models import Origin as Origin
from console.sends.history_models import SavedSearch as SavedSearch
from console.sends.plan.nickname_sources import NicknameSource as NicknameSource
from console.sends.reasons import Reason as Reason
from console.sends.retention_models import Retention as Retention
from console.sends.usage_models import VersionUse as VersionUse
from console.text.language_tags import is_own
from console.text.sentence_field import SentenceField


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


# The statuses of sends that are not over.
LIVE_STATUSES = (
    SendStatus.SCHEDULED,
    SendStatus.AWAITING_APPROVAL,
    SendStatus.HOLDING,
    SendStatus.RUNNING,
    SendStatus.PAUSED,
)
OPEN_STATUSES = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)
# What `Send.counts` counts of a send's deliveries, in this order.
ENDED_STATUSES = ("delivered", "failed", "unknown", "skipped", "cancelled")
COUNTED = (
    *ENDED_STATUSES,
    "sending",
    "resolved_delivered",
    "resolved_not_delivered",
    "contested",
)


class Send(models.Model):
    """Somebody's decision to put one notice version into chosen chats.

    The version is pinned: a later publication changes nothing here. `target` is the requested
    target: {"interactions": [ids]} or {"filter": {…}}. It resolved to `target_count` chats, of
    which `ready_count` were ready. `notice_class` is the version's. `time_zone` is the zone in
    which `scheduled_at` was chosen. `fields` are the sender's answers to the notice's questions, as
    {"values", "salt"}.
    `nickname_from` says who chose the nickname. `ended_by_name` and `end_note` say who cancelled
    the send, and why. `retry_of` is the send whose failed or unknown deliveries this one retries.
    `incident_id` and `stage_id` are of the incident's stage to which it belongs; `is_emergency`
    says that it left without the approval that it would have needed (docs/incidents.md).

    `canary_size` is to how many chats it goes first; then it pauses, and goes on by a person's
    click, or after `canary_minutes` by itself (`resumes_at`). `pause_reason` says why it paused
    itself. `ignores_failures` is true since a person let it go on although too many failed.
    `texts_erased_at` is the time from which none of its texts are stored any more. `is_replayed`
    marks an object in memory that an earlier request had already made. A test (`is_test`) goes only
    to test chats, and counts nowhere: its version need not be published. While `is_unconfirmed`
    nobody may resume it: nobody has confirmed its emergency in time. `is_searchable` says that the
    search of the history finds its deliveries by their parts, and `is_at_rest` that they lie packed
    (console.sends.history).
    """

    is_replayed = False

    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    version = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT, related_name="sends")
    visibility = models.CharField(max_length=3, choices=Visibility.choices)
    notice_class = models.CharField(
        max_length=10,
        choices=NoticeClass.choices,
        default=NoticeClass.ROUTINE,
        db_default=NoticeClass.ROUTINE,
    )
    nickname = models.CharField(max_length=100, blank=True)
    nickname_from = models.CharField(
        max_length=10, choices=NicknameSource.choices, blank=True, default="", db_default=""
    )
    target = models.JSONField()
    fields = models.JSONField(default=dict, blank=True)
    why = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=SendStatus.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    release_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    target_count = models.PositiveIntegerField(default=0)
    ready_count = models.PositiveIntegerField(default=0)
    idempotency_key = models.CharField(max_length=255, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    approved_by_ref = models.CharField(max_length=64, blank=True)
    approved_by_name = models.CharField(max_length=200, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    ended_by_name = models.CharField(max_length=200, blank=True)
    end_note = models.TextField(blank=True)
    retry_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="retries"
    )
    texts_erased_at = models.DateTimeField(null=True, blank=True)
    incident_id = models.BigIntegerField(null=True, blank=True)
    stage_id = models.BigIntegerField(null=True, blank=True)
    is_emergency = models.BooleanField(default=False, db_default=False)
    canary_size = models.PositiveIntegerField(null=True, blank=True)
    canary_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    canary_ended_at = models.DateTimeField(null=True, blank=True)
    resumes_at = models.DateTimeField(null=True, blank=True)
    pause_reason = SentenceField(blank=True, default="", db_default="")
    ignores_failures = models.BooleanField(default=False, db_default=False)
    is_test = models.BooleanField(default=False, db_default=False)
    is_unconfirmed = models.BooleanField(default=False, db_default=False)
    is_searchable = models.BooleanField(default=False, db_default=False)
    is_at_rest = models.BooleanField(default=False, db_default=False)

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
            models.Index(fields=["actor_ref", "release_at"], name="send_by_actor_release"),
            models.Index(fields=["version", "created_at"], name="send_by_version"),
            models.Index(fields=["created_at", "version"], name="send_by_time"),
            models.Index(
                fields=["release_at"],
                condition=Q(status__in=[SendStatus.SCHEDULED, SendStatus.HOLDING]),
                name="send_to_release",
            ),
            models.Index(
                fields=["id"], condition=Q(status=SendStatus.RUNNING), name="send_running"
            ),
            models.Index(fields=["id"], condition=Q(status__in=LIVE_STATUSES), name="send_live"),
            models.Index(
                fields=["id"], condition=Q(status=SendStatus.CANCELLED), name="send_cancelled"
            ),
            models.Index(
                fields=["actor_ref", "id"],
                condition=Q(status=SendStatus.CANCELLED),
                name="send_cancelled_by_actor",
            ),
            models.Index(
                fields=["approved_by_ref", "id"],
                condition=~Q(approved_by_ref=""),
                name="send_by_approver",
            ),
            models.Index(fields=["version", "id"], condition=Q(is_test=True), name="send_test"),
            models.Index(
                fields=["id"], condition=Q(is_searchable=False), name="send_not_searchable"
            ),
            models.Index(fields=["id"], condition=Q(is_at_rest=False), name="send_not_at_rest"),
            models.Index(
                fields=["incident_id", "id"],
                condition=Q(incident_id__isnull=False),
                name="send_by_incident",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(texts_erased_at=None, finished_at__isnull=False),
                name="send_with_texts",
            ),
        ]

    def __str__(self) -> str:
        return f"send {self.pk}"

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of COUNTED, if the send was read with them (console.sends.selectors).

        Each is an attribute too. With them come `total`, `open` and `pending`, and `unresolved`:
        the unknown deliveries whose end nothing says.
        """
        return tuple(getattr(self, name) for name in COUNTED)

    @counts.setter
    def counts(self, numbers: Sequence[int]) -> None:
        found = dict(zip(COUNTED, numbers, strict=True))
        found["total"] = self.target_count
        found["open"] = self.target_count - sum(found[status] for status in ENDED_STATUSES)
        found["pending"] = found["open"] - found["sending"]
        found["unresolved"] = (
            found["unknown"] - found["resolved_delivered"] - found["resolved_not_delivered"]
        )
        for name, number in found.items():
            setattr(self, name, number)

    @property
    def answers(self) -> dict[str, Any]:
        """The sender's answers, by the questions' names."""
        return dict(self.fields.get("values", {}))


class Delivery(models.Model):
    """One send to one interaction: its text, and what is known of its outcome.

    `retry_of` is the delivery that it retries; no two retry the same one, and a skipped or
    cancelled delivery retries none. `locale` is the text's; `chat_locale` is the chat's own, "" if
    the chat named none, None if it was not recorded. `claim` is the batch that took it to the wire.
    `body_salt` makes the text's digest in the ledger erasable (console.audit.chain).

    Erasure, on request or after the retention time, removes text, salt, name and all free text
    about the outcome; `erased_at` says when.

    No index has a column that changes on the way to the wire and back. So PostgreSQL puts new
    versions of a row on the same page (HOT), and recording an outcome touches no index. Outbox has
    the open deliveries.

    Half of each page and more is left free for that. A day after the send is over its deliveries
    move to sends_delivery_at_rest, which has the same columns and is packed
    (console.sends.history.resting). PostgreSQL reads it as part of this table, unless a statement
    says ONLY: what is open, and what is of a live chat, is never there.
    """

    send = models.ForeignKey(
        Send, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    # Interactions are erased after a while, their deliveries are not.
    interaction = models.ForeignKey(
        Interaction,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
    )
    customer_name = models.CharField(max_length=255, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    chat_locale = models.CharField(max_length=35, null=True, blank=True)  # noqa: DJ001
    body = models.TextField(blank=True)
    body_salt = models.CharField(max_length=32, blank=True)
    method = models.CharField(max_length=16)
    chat_server_name = models.CharField(max_length=128, blank=True)
    status = models.CharField(
        max_length=10, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING
    )
    reason = models.CharField(max_length=24, choices=Reason.choices, blank=True)
    detail = SentenceField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    claim = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    attempted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    reference_id = models.IntegerField(null=True, blank=True)
    fault_code = models.CharField(max_length=100, blank=True)
    fault_text = models.TextField(blank=True)
    answer = models.JSONField(null=True, blank=True)
    retry_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,
        related_name="retries",
    )
    erased_at = models.DateTimeField(null=True, blank=True)
    erased_on_request = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["send", "interaction"], name="one_delivery_a_target"),
            models.UniqueConstraint(
                fields=["retry_of"],
                condition=Q(retry_of__isnull=False),
                name="one_retry_a_delivery",
            ),
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
            models.Index(fields=["interaction", "-id"], name="delivery_by_interaction"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"

    @property
    def own_language(self) -> bool | None:
        """Whether the text is in the chat's own language; None if there is no text, or the chat's
        language was not recorded."""
        if not self.locale or self.chat_locale is None:
            return None
        return is_own(self.chat_locale, self.locale)


class LateAnswer(models.Model):
    """What became known of a delivery after it had ended as unknown. The delivery stays as it was
    recorded; this stands beside it.

    `status` is `delivered` or `failed`. `seconds` is the time from the request to the answer; None
    if the answer came in time and could not be recorded, or if nothing was written. `key` is that
    of the line in a worker's file, so that no line is recorded twice. Erased with its delivery's
    texts.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="late_answers")
    at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=DeliveryStatus.choices)
    seconds = models.FloatField(null=True)
    detail = SentenceField(blank=True)
    reference_id = models.IntegerField(null=True)
    fault_code = models.CharField(max_length=100, blank=True)
    fault_text = models.TextField(blank=True)
    answer = models.JSONField(null=True)
    key = models.UUIDField(null=True)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"late answer to delivery {self.delivery_id}"


class Outbox(models.Model):
    """The open deliveries, `pending` or `sending`, and when each may be sent.

    A row is written with the delivery and deleted in the transaction that ends it. `expires_at`
    ends the delivery's time to live, unless its Chat Server is making progress (docs/delivery.md).
    """

    delivery = models.OneToOneField(
        Delivery,
        primary_key=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="outbox",
    )
    send = models.ForeignKey(
        Send, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    chat_server_name = models.CharField(max_length=128)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "outbox"
        indexes: ClassVar = [
            models.Index(
                fields=["send", "chat_server_name", "due_at", "delivery"], name="outbox_by_send"
            ),
        ]

    def __str__(self) -> str:
        return f"open delivery {self.pk}"


class SendOutcome(models.Model):
    """How many deliveries of a send have ended with a status. Written with their entry in the
    ledger, so that following a broadcast of 100,000 does not count them each time."""

    send = models.ForeignKey(
        Send, on_delete=models.CASCADE, db_index=False, related_name="outcomes"
    )
    status = models.CharField(max_length=10, choices=DeliveryStatus.choices)
    number = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["send", "status"], name="one_number_an_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.status} of send {self.send_id}"


class Claim(models.Model):
    """A batch that was taken to the wire: its deliveries carry this id.

    The row is deleted when all of them have ended. A lost worker's deliveries are found by it.
    """

    id = models.UUIDField(primary_key=True)
    chat_server_name = models.CharField(max_length=128)
    delivery_ids = ArrayField(models.BigIntegerField())
    claimed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"claim {self.pk}"


class SendingStop(models.Model):
    """The stop-everything switch: while its one row exists, nothing is taken to the wire."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    reason = models.TextField()
    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    stopped_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="one_sending_stop"),
        ]

    def __str__(self) -> str:
        return f"sending stopped by {self.actor_name}"


class OutcomeTotal(models.Model):
    """How many deliveries to a Chat Server ever ended with an outcome. Only grows.

    Counted from the ledger (console.sends.observe.outcome_counts): a monitor reads it every few
    seconds, too often to count the history each time. Chat Servers that were not registered at the
    time of counting are summed under "", since the feed chooses their names.
    """

    chat_server_name = models.CharField(max_length=128, blank=True)
    outcome = models.CharField(max_length=10, choices=DeliveryStatus.choices)
    total = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["chat_server_name", "outcome"], name="one_total_an_outcome"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chat_server_name} {self.outcome}"


class OutcomeMark(models.Model):
    """The ledger entry up to which the outcomes are counted: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    counted_to = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="one_outcome_mark"),
        ]

    def __str__(self) -> str:
        return f"counted to {self.counted_to}"


class Worker(models.Model):
    """A worker process with its heartbeat every few seconds; `seen_at` is PostgreSQL's time.

    `chat_servers` are those that it drains at the moment. The row is deleted when the process ends
    in order. The row of a lost worker stays for a while, so that people see it.
    """

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    is_stopping = models.BooleanField(default=False)
    chat_servers = ArrayField(models.CharField(max_length=128), default=list)
    # By how much its own clock is ahead of PostgreSQL's at least; below 0: behind.
    clock_ahead_seconds = models.FloatField(default=0.0, db_default=0.0)
    # Lines on its machine that tell of outcomes and can't be read.
    unreadable_outcomes = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        ordering: ClassVar = ["host", "pid", "started_at"]

    def __str__(self) -> str:
        return f"worker {self.pid} on {self.host}"


class Sweep(models.Model):
    """When the workers' last sweep ended, by PostgreSQL's clock: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    ended_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="one_sweep"),
        ]

    def __str__(self) -> str:
        return f"swept at {self.ended_at}"
