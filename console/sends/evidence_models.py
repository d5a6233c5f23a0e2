"""What became known of unknown deliveries by evidence, beside their first record."""

from collections.abc import Collection
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Verdict(models.TextChoices):
    """What evidence says of a delivery. `withdrawn` takes back what a person said, and says nothing
    else."""

    DELIVERED = "delivered", _("Was delivered")
    NOT_DELIVERED = "not_delivered", _("Was not delivered")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Source(models.TextChoices):
    """Who or what says it, the strongest first."""

    LATE_ANSWER = "late_answer", _("A late answer")
    TRANSCRIPT = "transcript", _("A line of the transcript")
    PERSON = "person", _("A person who looked")


class LookedIn(models.TextChoices):
    """Where a person looked."""

    TRANSCRIPT = "transcript", _("The chat's transcript")
    DESKTOP = "desktop", _("An agent's desktop")
    AGENT = "agent", _("An agent's word")
    CUSTOMER = "customer", _("The customer's word")
    CHAT_SERVER_LOG = "chat_server_log", _("Chat Server's log")
    ELSEWHERE = "elsewhere", _("Elsewhere, as the remark says")


class Evidence(models.Model):
    """One thing that says how an unknown delivery ended. Never changed and never deleted.

    `replaces` is the word of a person that this one corrects or withdraws. `line_at` is the time of
    the transcript's line. `is_senders_own` says that the person's own work is judged. The remark is
    erased with the delivery's text, with the salt of its digest in the ledger.
    """

    delivery = models.ForeignKey(
        "sends.Delivery", on_delete=models.PROTECT, related_name="evidence"
    )
    at = models.DateTimeField()
    source = models.CharField(max_length=12, choices=Source.choices)
    verdict = models.CharField(max_length=14, choices=Verdict.choices)
    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    is_senders_own = models.BooleanField(default=False)
    looked_in = models.CharField(max_length=16, choices=LookedIn.choices, blank=True)
    remark = models.TextField(blank=True)
    remark_salt = models.CharField(max_length=32, blank=True)
    line_at = models.DateTimeField(null=True)
    late_answer = models.OneToOneField(
        "sends.LateAnswer", null=True, on_delete=models.PROTECT, related_name="evidence"
    )
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )

    class Meta:
        ordering: ClassVar = ["pk"]
        verbose_name_plural = "evidence"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(verdict=Verdict.WITHDRAWN) | Q(replaces__isnull=False),
                name="withdrawn_evidence_is_named",
            ),
            models.CheckConstraint(
                condition=Q(source=Source.PERSON) | Q(replaces__isnull=True),
                name="only_persons_replace_evidence",
            ),
        ]

    def __str__(self) -> str:
        return f"evidence of delivery {self.delivery_id}"

    @property
    def is_replaced(self) -> bool:
        return hasattr(self, "replaced_by")

    @property
    def is_word(self) -> bool:
        """Whether it is a person's word that stands, and may be corrected or withdrawn."""
        is_persons = self.source == Source.PERSON and self.verdict != Verdict.WITHDRAWN
        return is_persons and not self.is_replaced

    def stands_for(self, refs: Collection[str]) -> bool:
        """Return whether it is the word of one of these, and stands."""
        return self.is_word and self.actor_ref in refs


class Resolution(models.Model):
    """How an unknown delivery ended by the evidence that stands: at most one a delivery.

    Made anew from the evidence each time that more comes. `is_contested` says that other evidence
    that stands says otherwise.
    """

    delivery = models.OneToOneField(
        "sends.Delivery", primary_key=True, on_delete=models.PROTECT, related_name="resolution"
    )
    send = models.ForeignKey("sends.Send", on_delete=models.PROTECT, related_name="+")
    chat_server_name = models.CharField(max_length=128, blank=True)
    verdict = models.CharField(max_length=14, choices=Verdict.choices)
    source = models.CharField(max_length=12, choices=Source.choices)
    is_contested = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(verdict=Verdict.WITHDRAWN), name="resolution_has_a_verdict"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict}: delivery {self.delivery_id}"
