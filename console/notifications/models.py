"""What waits for a person, what each person wants to hear of it, and what leaves to whom."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.accounts.models import User
from console.audit.following import LedgerMark
from console.database.clock import near_now
from console.text.sentence_field import SentenceField

# After this, a silent courier counts as dead: nobody knows what became of what it had taken.
LONGEST_ATTEMPT = timedelta(seconds=120)
# What an administrator's test mail is, in the place of a matter's kind.
TEST = "mail.test"


class Way(models.TextChoices):
    """The ways by which a person hears of a matter."""

    MAIL = "mail", _("Mail")
    BROWSER = "browser", _("Browser")


class Route(models.TextChoices):
    """The ways on which the courier carries something."""

    MAIL = "mail", _("Mail")
    CHANNEL = "channel", _("Channel")


class Step(models.TextChoices):
    ASKED = "asked", _("First word")
    REMINDED = "reminded", _("Reminder")
    ESCALATED = "escalated", _("Escalation")


class Status(models.TextChoices):
    WAITING = "waiting", _("On its way")
    SENDING = "sending", _("Being handed over")
    SENT = "sent", _("Sent")
    UNKNOWN = "unknown", _("Unknown")
    FAILED = "failed", _("Failed")
    DROPPED = "dropped", _("Not needed any more")


OPEN = (Status.WAITING, Status.SENDING)


class Matter(models.Model):
    """Something that waits for a person's decision, from one entry of the ledger to another.

    `ref` is the id of the ledger's target; one matter of a kind and a ref is open at a time.
    `title` is a name that everybody who may decide sees: a notice's title, a preset's name. Nothing
    of a text, and nothing of a customer, stands here.
    """

    kind = models.CharField(max_length=40)
    ref = models.CharField(max_length=128)
    title = models.CharField(max_length=255)
    number = models.PositiveIntegerField(null=True, blank=True)
    by_ref = models.CharField(max_length=64)
    by_name = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "ref"], condition=Q(ended_at=None), name="matter_open_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["kind"], condition=Q(ended_at=None), name="matter_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"


class Notification(models.Model):
    """One word to one person by mail, or to one channel. Without a matter it is a test.

    The courier first writes that it takes it (`sending`), then hands it over, then writes what came
    of it. What a dead courier had taken becomes `unknown`: it is not sent again. `absent` is the
    person in whose stead this one hears of it.
    """

    matter = models.ForeignKey(
        Matter, null=True, blank=True, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(max_length=40)
    step = models.CharField(max_length=10, choices=Step.choices, default=Step.ASKED)
    route = models.CharField(max_length=10, choices=Route.choices, default=Route.MAIL)
    person = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="notifications"
    )
    absent = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    channel = models.CharField(max_length=40, blank=True)
    # The mail's Message-ID, the same for each attempt.
    key = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    first_due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    taken_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    error = SentenceField(blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(route=Route.MAIL, person__isnull=False, channel="")
                | (Q(route=Route.CHANNEL, person=None) & ~Q(channel="")),
                name="notification_to_person_or_channel",
            ),
            models.UniqueConstraint(
                fields=["matter", "step", "person"],
                condition=Q(route=Route.MAIL),
                name="notification_once_each_person",
            ),
            models.UniqueConstraint(
                fields=["matter", "step", "channel"],
                condition=Q(route=Route.CHANNEL),
                name="notification_once_each_channel",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(status__in=OPEN), name="notification_due"),
            models.Index(
                fields=["route", "-ended_at"],
                condition=~Q(ended_at=None),
                name="notification_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.pk}"


class Preferences(models.Model):
    """What a person has chosen. Without a row, and for kinds that come later, all ways are chosen.

    `declined` has "kind way" for each way of a kind that the person does not want. Between
    `quiet_from` and `quiet_to`, on the clocks of `time_zone`, only urgent kinds are told.
    """

    person = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="preferences"
    )
    declined = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_to=None)
                | (
                    Q(quiet_from__isnull=False, quiet_to__isnull=False)
                    & ~Q(quiet_from=F("quiet_to"))
                ),
                name="preferences_quiet_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"preferences of {self.person_id}"

    def wants(self, kind: str, way: str) -> bool:
        return f"{kind} {way}" not in self.declined


class StandIn(models.Model):
    """Somebody who hears what `person` hears, from `begins_at` until `ends_at`."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="stand_ins")
    stand_in = models.ForeignKey(User, on_delete=models.CASCADE, related_name="stands_in_for")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["begins_at", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(person=F("stand_in")), name="stand_in_is_another"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")), name="stand_in_ends_later"
            ),
        ]

    def __str__(self) -> str:
        return f"stand-in {self.pk}"

    def is_over(self, now: datetime | None = None) -> bool:
        return self.ends_at <= (now or near_now())


class Mark(LedgerMark):
    """How far the ledger was turned into matters, and which worker carries notifications."""
