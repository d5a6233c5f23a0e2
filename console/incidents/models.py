"""Playbooks, which are reviewed like notices, and the incidents that run by them
(docs/incidents.md)."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from console.accounts.models import Team
from console.catalogue.states import VersionStatus
from console.interactions.audience.audience import Audience
from console.text.sentence_field import SentenceField


class Reach(models.TextChoices):
    """Whom a stage reaches: who matches the audience; who got, or may have got, an earlier stage of
    the incident and still lives; or who matches and got none."""

    MATCHING = "matching", _("All who match the audience")
    GOT_EARLIER = "got_earlier", _("Those who got an earlier stage")
    NOT_GOT_EARLIER = "not_got_earlier", _("Those who match and got no earlier stage")


class Playbook(models.Model):
    """A prepared answer to an outage, by its stable `key`. What it does is in its versions."""

    key = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["title", "key"]

    def __str__(self) -> str:
        return self.key


class PlaybookVersion(models.Model):
    """What a playbook does, numbered from 1. Never changed after submission.

    `audience` is an audience in JSON. `stages` are the stages in their order, as
    console.incidents.playbook_content writes them; since submission each has the number of its
    notice's version. `is_for_emergency` says that it was approved for the emergency path.
    """

    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(
        max_length=10, choices=VersionStatus.choices, default=VersionStatus.DRAFT
    )
    audience = models.JSONField()
    stages = models.JSONField()
    is_for_emergency = models.BooleanField(default=False)
    change_note = models.TextField(blank=True)
    author_ref = models.CharField(max_length=64)
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    reviewer_ref = models.CharField(max_length=64, blank=True)
    reviewer_name = models.CharField(max_length=200, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reject_reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["playbook", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["playbook", "number"], name="playbook_version_number_unique"
            ),
            models.UniqueConstraint(
                fields=["playbook"],
                condition=Q(status=VersionStatus.PUBLISHED),
                name="one_published_version_a_playbook",
            ),
            models.UniqueConstraint(
                fields=["playbook"],
                condition=Q(status__in=[VersionStatus.DRAFT, VersionStatus.IN_REVIEW]),
                name="one_open_version_a_playbook",
            ),
            models.CheckConstraint(
                condition=~Q(reviewer_ref=F("author_ref")), name="nobody_reviews_own_playbook"
            ),
            models.CheckConstraint(
                condition=~Q(status=VersionStatus.PUBLISHED) | ~Q(reviewer_ref=""),
                name="published_playbook_has_reviewer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook_id} version {self.number}"


class IncidentStatus(models.TextChoices):
    RUNNING = "running", _("Running")
    CLOSED = "closed", _("Closed")


class Incident(models.Model):
    """A playbook that was started: who, why, and for whom.

    `audience` is the version's, frozen as a definition. `answers` are to the questions of all
    stages' notices, by the questions' names. `confirm_until` is until when a second person must
    confirm an incident that was started by the emergency path, and None for others; `paused_at` is
    since when it is paused because nobody did.
    """

    version = models.ForeignKey(PlaybookVersion, on_delete=models.PROTECT, related_name="incidents")
    # That of the version; here for the constraint.
    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="incidents")
    title = models.CharField(max_length=200)
    why = models.TextField()
    audience = models.JSONField()
    answers = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=10, choices=IncidentStatus.choices, default=IncidentStatus.RUNNING
    )
    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    confirm_until = models.DateTimeField(null=True, blank=True)
    confirmed_by_ref = models.CharField(max_length=64, blank=True)
    confirmed_by_name = models.CharField(max_length=200, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by_name = models.CharField(max_length=200, blank=True)
    closing_word = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["playbook"],
                condition=Q(status=IncidentStatus.RUNNING),
                name="one_running_incident_a_playbook",
            ),
            models.CheckConstraint(
                condition=~Q(confirmed_by_ref=F("actor_ref")), name="nobody_confirms_own_incident"
            ),
            models.CheckConstraint(
                condition=~Q(status=IncidentStatus.CLOSED) | ~Q(closing_word=""),
                name="closed_incident_has_a_word",
            ),
        ]

    def __str__(self) -> str:
        return f"incident {self.pk}"

    @property
    def is_running(self) -> bool:
        return self.status == IncidentStatus.RUNNING

    @property
    def is_emergency(self) -> bool:
        return self.confirm_until is not None

    @property
    def read_audience(self) -> Audience:
        return Audience.from_mapping(self.audience)


class Stage(models.Model):
    """A stage of an incident that was started. Only the newest may follow new chats.

    `content` is the playbook's stage. While it `is_standing`, chats that newly match get its text.
    Until it `is_settled`, deliveries of earlier stages that were under way when it started may
    still add chats to those who got one. `overdue_at` is when the trail said that its next update
    is overdue. `trouble` says why it does not reach new chats although it should.
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="stages")
    position = models.PositiveSmallIntegerField()
    content = models.JSONField()
    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    is_standing = models.BooleanField(default=False)
    is_settled = models.BooleanField(default=True)
    is_paused = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True, blank=True)
    overdue_at = models.DateTimeField(null=True, blank=True)
    trouble = SentenceField(blank=True)

    class Meta:
        ordering: ClassVar = ["incident", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "position"], name="each_stage_once"),
            models.UniqueConstraint(
                fields=["incident"], condition=Q(ended_at=None), name="one_stage_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"stage {self.position} of incident {self.incident_id}"


class StageTarget(models.Model):
    """A chat that matched a stage, since when, and the delivery that it got: one a chat and stage.

    A chat that was skipped for a reason that can pass is tried again, and has another delivery then
    (`tried_at`).
    """

    stage = models.ForeignKey(
        Stage, on_delete=models.PROTECT, db_index=False, related_name="targets"
    )
    interaction_id = models.CharField(max_length=64, db_collation="C")
    matched_at = models.DateTimeField()
    tried_at = models.DateTimeField()
    delivery = models.ForeignKey(
        "sends.Delivery", on_delete=models.PROTECT, db_constraint=False, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["stage", "interaction_id"], name="each_stage_once_a_chat"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.interaction_id} in stage {self.stage_id}"
