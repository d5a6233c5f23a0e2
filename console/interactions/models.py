"""Chat Servers and the interactions that they own (docs/domain.md sections 2 and 7)."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.accounts.models import Team
from console.database.clock import near_now
from console.interactions.view_models import SavedView as SavedView
from console.text.sentence_field import SentenceField


class Health(models.TextChoices):
    """What the last attempts to reach a Chat Server showed."""

    UNTRIED = "untried", _("Not tried yet")
    HEALTHY = "healthy", _("Healthy")
    UNHEALTHY = "unhealthy", _("Unreachable")


class ChatServer(models.Model):
    """A Chat Server application and how to reach it.

    `name` is the application name that interactions carry as ChatServerAppName. The pace is in
    messages a second, `burst` is the maximum in any one second, the window is in requests in
    flight, timeouts are in seconds. The defaults come from the vendor's sizing (docs/domain.md
    section 9).
    """

    name = models.CharField(max_length=128, unique=True)
    url = models.CharField(max_length=500)
    pace_per_second = models.FloatField(
        default=50, validators=[MinValueValidator(0.1), MaxValueValidator(100_000)]
    )
    burst = models.PositiveIntegerField(
        default=150, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    window = models.PositiveIntegerField(
        default=32, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    connect_timeout_seconds = models.FloatField(
        default=5, validators=[MinValueValidator(0.1), MaxValueValidator(60)]
    )
    request_timeout_seconds = models.FloatField(
        default=10, validators=[MinValueValidator(0.1), MaxValueValidator(120)]
    )
    enabled = models.BooleanField(default=True)
    # While it is held, as for maintenance, its deliveries wait and their time to live stands still.
    held_at = models.DateTimeField(null=True, blank=True, editable=False)
    held_by = models.CharField(max_length=200, blank=True, editable=False)
    held_reason = models.TextField(blank=True, editable=False)
    health = models.CharField(max_length=10, choices=Health.choices, default=Health.UNTRIED)
    health_since = models.DateTimeField(null=True, blank=True)
    health_detail = SentenceField(blank=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    # When it last took something. While it makes progress, pending deliveries do not expire.
    progressed_at = models.DateTimeField(null=True, blank=True)
    # The token bucket of its pace (chat_server_take_tokens), shared by all workers.
    bucket_tokens = models.FloatField(default=1)
    bucket_at = models.DateTimeField(default=timezone.now)
    grant_slots = ArrayField(models.BigIntegerField(), default=list, editable=False)
    grant_counts = ArrayField(models.IntegerField(), default=list, editable=False)
    # The lease of its drain (console.interactions.services.wire). `drain_epoch` counts the drains.
    drain_epoch = models.BigIntegerField(default=0)
    drain_holder = models.UUIDField(null=True, blank=True)
    drain_renewed_at = models.DateTimeField(null=True, blank=True)
    drain_contested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(pace_per_second__gt=0) & Q(burst__gte=1) & Q(window__gte=1),
                name="chat_server_pace_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def takes_deliveries(self) -> bool:
        """Whether deliveries may leave for it now; otherwise they wait."""
        return self.enabled and self.held_at is None


class FormerName(models.Model):
    """A name that a Chat Server had until it was renamed. Deliveries keep the name under which they
    were sent, and the feed may go on using it."""

    name = models.CharField(max_length=128, unique=True)
    chat_server = models.ForeignKey(
        ChatServer, on_delete=models.CASCADE, related_name="former_names"
    )

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name


class HealthChange(models.Model):
    """A Chat Server became healthy or unhealthy. An outbox in the order of its ids: a row is
    written with the change and deleted when it has been reported (health_changes_take)."""

    chat_server_name = models.CharField(max_length=128)
    health = models.CharField(max_length=10, choices=Health.choices)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.chat_server_name} {self.health}"


class Interaction(models.Model):
    """A chat as the feed describes it. `user_data` is the interaction's whole user data.

    (`last_event_at`, `last_sequence`) orders events: an older one never overwrites a newer one.
    `chat_server_name` is the last ChatServerAppName, whether or not that Chat Server is registered.
    A test chat (`is_test`) is in no list or count of live chats, and gets only test sends.
    """

    # Ids are compared byte for byte, which is quicker than by a language's order, and does not
    # change with the operating system's.
    id = models.CharField(max_length=64, primary_key=True, db_collation="C")
    media_type = models.CharField(max_length=64, blank=True)
    tenant_id = models.IntegerField(null=True, blank=True)
    state = models.CharField(max_length=64, blank=True)
    is_online = models.BooleanField(default=True)
    chat_server_name = models.CharField(max_length=128, blank=True)
    queue = models.CharField(max_length=255, blank=True)
    agent = models.CharField(max_length=255, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    customer_name = models.CharField(max_length=255, blank=True)
    # The value of the user data that tells customers apart (a setting); "" for none.
    customer_key = models.CharField(max_length=255, blank=True, default="", db_default="")
    received_at = models.DateTimeField()
    user_data = models.JSONField(default=dict)
    last_event_at = models.DateTimeField()
    last_sequence = models.BigIntegerField(default=-1)
    # The same order for what decides about sending: is_online, chat_server_name and user_data.
    facts_at = models.DateTimeField(default=timezone.now)
    facts_sequence = models.BigIntegerField(default=-1)
    ended_at = models.DateTimeField(null=True, blank=True)
    # The newest snapshot of the poller that contained it; None if none did.
    snapshot_at = models.DateTimeField(null=True, blank=True, editable=False)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL)
    is_test = models.BooleanField(default=False, db_default=False)
    # The order of what says whether it is a test chat.
    test_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    test_told_sequence = models.BigIntegerField(default=-1, db_default=-1, editable=False)

    class Meta:
        ordering: ClassVar = ["received_at", "id"]
        indexes: ClassVar = [
            models.Index(
                F("received_at"), F("id"), name="interaction_live", condition=Q(ended_at=None)
            ),
            models.Index(F("ended_at"), name="interaction_ended", condition=~Q(ended_at=None)),
            models.Index(
                F("customer_key"),
                F("id"),
                name="interaction_by_customer",
                condition=~Q(customer_key=""),
            ),
            models.Index(F("id"), name="interaction_test", condition=Q(is_test=True)),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_live(self) -> bool:
        return self.ended_at is None

    @property
    def waiting_seconds(self) -> int:
        """Seconds since the chat was received, or until its end if it has ended."""
        until = self.ended_at or near_now()
        return max(0, int((until - self.received_at).total_seconds()))


class Party(models.TextChoices):
    """Who wrote a line of a transcript."""

    CUSTOMER = "customer", _("Customer")
    AGENT = "agent", _("Agent")
    SUPERVISOR = "supervisor", _("Supervisor")
    BOT = "bot", _("Bot")
    SYSTEM = "system", _("System")


class LineVisibility(models.TextChoices):
    """Who sees a line of a transcript in the chat (docs/domain.md section 3)."""

    ALL = "ALL", _("Everybody")
    INT = "INT", _("Staff only")
    VIP = "VIP", _("Supervisors only")


class TranscriptLine(models.Model):
    """One of the last lines of a live chat. Never exported, and deleted when the chat ends.

    `key` is a digest of all that it says, so that a line that comes twice is stored once. Read it
    only through `transcript_seen`, which leaves out what the actor must not see.
    """

    interaction = models.ForeignKey(
        Interaction, on_delete=models.CASCADE, db_index=False, related_name="lines"
    )
    at = models.DateTimeField()
    party = models.CharField(max_length=10, choices=Party.choices)
    nickname = models.CharField(max_length=255, blank=True)
    text = models.TextField()
    visibility = models.CharField(max_length=3, choices=LineVisibility.choices)
    key = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["interaction", "key"], name="each_line_once"),
        ]

    def __str__(self) -> str:
        return f"line {self.pk} of {self.interaction_id}"


class InteractionPoll(models.Model):
    """The poller's last poll (docs/poller.md), and its totals.

    One row. `withheld` chats were missing but not ended. `unconfirmed` live chats are in no
    snapshot, and never were.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    started_at = models.DateTimeField(null=True)
    # Of the last poll that finished.
    ended_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=500, blank=True)
    seen = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    withheld = models.PositiveIntegerField(default=0)
    unconfirmed = models.PositiveIntegerField(default=0)
    is_whole = models.BooleanField(default=True)
    # Since the last poll that finished.
    failed_at = models.DateTimeField(null=True)
    failure = models.TextField(blank=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    # These only grow.
    polls_total = models.BigIntegerField(default=0)
    failures_total = models.BigIntegerField(default=0)
    new_total = models.BigIntegerField(default=0)
    changed_total = models.BigIntegerField(default=0)
    ended_total = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="one_interaction_poll"),
        ]

    def __str__(self) -> str:
        return f"poll of {self.address}"
