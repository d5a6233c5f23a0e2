"""What the API takes and gives of playbooks and incidents."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.api.serializers import fields
from console.api.serializers.common import NOT_BLANK, TITLE, StrictInput
from console.api.serializers.sends import ANSWERS, AUDIENCE, PlanOutput
from console.api.serializers.values import a_map, reference
from console.catalogue.states import VersionStatus
from console.incidents.models import IncidentStatus, Playbook, PlaybookVersion, Reach
from console.incidents.playbook_content import (
    MINUTES_MOST,
    NAME_LENGTH,
    NOTE_LENGTH,
)
from console.incidents.selectors import OUTCOMES
from console.incidents.services.incidents import WHY_LENGTH, WORD_LENGTH
from console.incidents.shown import ShownIncident, ShownStage
from console.sends.models import DeliveryStatus, Reason
from console.sends.plan.promise import WRITTEN_LIMIT
from console.sends.plan.values import CANARY_MINUTES_MOST

COUNTED = {"type": "integer"}
PLAYBOOK_KEY = fields.described(
    fields.Line, type="string", pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", maxLength=100
)
PROMISE = "What the preview answered: no chat gets it that was not ready there."

# --- Playbooks -----------------------------------------------------------------------------------


class PlaybookStage(StrictInput):
    """One stage. The first reaches all who match."""

    name = fields.Line(max_length=NAME_LENGTH, help_text="Each stage has a name of its own.")
    notice = fields.Line(
        max_length=100,
        help_text="The notice's key. The version in effect when the playbook is submitted is sent.",
    )
    reach = fields.Choice(
        choices=Reach.choices,
        required=False,
        default=Reach.MATCHING.value,
        help_text="Whom it reaches.",
    )
    update_minutes = fields.Whole(
        min_value=1,
        max_value=MINUTES_MOST,
        required=False,
        allow_null=True,
        default=None,
        help_text="When the next update is due; null: never.",
    )
    is_standing = fields.Truth(
        required=False,
        default=False,
        help_text="Whether chats that newly match get it too, until the next stage starts.",
    )
    canary_size = fields.Whole(
        min_value=1,
        max_value=100_000,
        required=False,
        allow_null=True,
        default=None,
        help_text="It goes to so many chats first, and pauses then; null: to all at once.",
    )
    canary_minutes = fields.Whole(
        min_value=1,
        max_value=CANARY_MINUTES_MOST,
        required=False,
        allow_null=True,
        default=None,
        help_text="After how many minutes it goes on by itself; null: when it is resumed.",
    )


class PlaybookChanges(StrictInput):
    audience = AUDIENCE(required=False, help_text="Which live chats are affected.")
    stages = PlaybookStage(
        many=True,
        required=False,
        # How many there may be is the service's to say, in its own words.
        help_text="All of them, in their order: 1 to 10.",
    )
    is_for_emergency = fields.Truth(
        required=False, help_text="Whether it may be started by the emergency path."
    )
    change_note = fields.Text(
        max_length=NOTE_LENGTH, required=False, allow_blank=True, help_text="For the reviewer."
    )


class PlaybookInput(PlaybookChanges):
    key = PLAYBOOK_KEY(max_length=100, help_text="It stays for ever.")
    title = TITLE(max_length=200)
    team = fields.Line(
        max_length=100,
        required=False,
        allow_null=True,
        help_text="A team's name; null: everybody's.",
    )
    audience = AUDIENCE(help_text="Which live chats are affected.")
    stages = PlaybookStage(
        many=True,
        # How many there may be is the service's to say, in its own words.
        help_text="All of them, in their order: 1 to 10.",
    )


class PlaybookStageOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    notice = serializers.CharField()
    version = serializers.IntegerField(
        allow_null=True, help_text="Of the notice; null in a draft, where it is not fixed yet."
    )
    reach = serializers.ChoiceField(choices=Reach.choices)
    update_minutes = serializers.IntegerField(allow_null=True)
    is_standing = serializers.BooleanField()
    canary_size = serializers.IntegerField(allow_null=True, default=None)
    canary_minutes = serializers.IntegerField(allow_null=True, default=None)


class PlaybookVersionOutput(serializers.ModelSerializer[PlaybookVersion]):
    status = serializers.ChoiceField(choices=VersionStatus.choices)
    audience = fields.named("Audience")()
    stages = PlaybookStageOutput(many=True)
    author = serializers.CharField(source="author_name")
    reviewer = serializers.CharField(source="reviewer_name")

    class Meta:
        model = PlaybookVersion
        fields = (
            "number",
            "status",
            "audience",
            "stages",
            "is_for_emergency",
            "change_note",
            "author",
            "created_at",
            "submitted_at",
            "reviewer",
            "reviewed_at",
            "reject_reason",
        )


class PlaybookOutput(serializers.ModelSerializer[Playbook]):
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    newest = serializers.SerializerMethodField(
        help_text="The newest version, whatever its status is."
    )
    published = serializers.SerializerMethodField(
        help_text="The number of the version that can be started; null: none."
    )

    class Meta:
        model = Playbook
        fields = ("key", "title", "team", "created_at", "retired_at", "newest", "published")

    @extend_schema_field(PlaybookVersionOutput)
    def get_newest(self, playbook: Playbook) -> Any:
        versions = sorted(playbook.versions.all(), key=lambda version: version.number)
        return PlaybookVersionOutput(versions[-1]).data

    @extend_schema_field({"type": ["integer", "null"]})
    def get_published(self, playbook: Playbook) -> int | None:
        found = (v for v in playbook.versions.all() if v.status == VersionStatus.PUBLISHED)
        return next((version.number for version in found), None)


# --- Incidents -----------------------------------------------------------------------------------


class StartPreviewInput(StrictInput):
    """The same as a start takes, so that one body does for both."""

    playbook = fields.Line(max_length=100, help_text="The playbook's key.")
    why = fields.Line(max_length=WHY_LENGTH, required=False, help_text="What happened.")
    is_emergency = fields.Truth(
        required=False,
        default=False,
        help_text="Take the emergency path: without approval, and to be confirmed by somebody "
        "else. For playbooks that were approved for it.",
    )
    expected_plan = fields.Text(max_length=WRITTEN_LIMIT, required=False, help_text=PROMISE)
    # Last, since it hides the module `fields` from here on.
    fields = ANSWERS(  # type: ignore[assignment]
        required=False, help_text="Answers to what the notices of all stages ask for."
    )


class StartInput(StartPreviewInput):
    why = fields.described(
        fields.Line, type="string", pattern=fields.FILLED_LINE, maxLength=WHY_LENGTH
    )(max_length=WHY_LENGTH, help_text="What happened.")


class StageStartInput(StrictInput):
    expected_plan = fields.Text(max_length=WRITTEN_LIMIT, required=False, help_text=PROMISE)


class CloseInput(StrictInput):
    word = fields.described(fields.Text, type="string", pattern=NOT_BLANK, maxLength=WORD_LENGTH)(
        max_length=WORD_LENGTH, help_text="How it ended."
    )


class StagePlanOutput(serializers.Serializer[Any]):
    """What starting a stage would do. Nothing was written."""

    position = serializers.IntegerField()
    name = serializers.CharField()
    is_standing = serializers.BooleanField()
    plan = PlanOutput(
        allow_null=True,
        help_text="The send that it would begin with; null: no live chat that you see matches now.",
    )


class IncidentStageOutput(serializers.Serializer[ShownStage]):
    """A stage of the playbook. What was not started has no `id`, and nulls."""

    id = serializers.IntegerField(
        source="stage.id", default=None, allow_null=True, help_text="The `stage` of its sends."
    )
    position = serializers.IntegerField()
    name = serializers.CharField(source="content.name")
    notice = serializers.CharField(source="content.notice")
    version = serializers.IntegerField(source="content.version", allow_null=True)
    reach = serializers.ChoiceField(source="content.reach", choices=Reach.choices)
    is_standing = serializers.BooleanField(source="content.is_standing")
    is_paused = serializers.BooleanField()
    started_by = serializers.CharField()
    started_at = serializers.DateTimeField(source="stage.started_at", default=None, allow_null=True)
    ended_at = serializers.DateTimeField(source="stage.ended_at", default=None, allow_null=True)
    due_at = serializers.DateTimeField(
        source="stage.due_at",
        default=None,
        allow_null=True,
        help_text="When the next update is due.",
    )
    overdue_at = serializers.DateTimeField(source="stage.overdue_at", default=None, allow_null=True)
    trouble = serializers.CharField(
        help_text="Why it does not reach new chats although it should; empty: it does.",
    )
    counts = serializers.SerializerMethodField(help_text="Chats by what became of them.")
    skipped_reasons = serializers.SerializerMethodField(
        help_text="How many were skipped for each reason."
    )

    @extend_schema_field(reference("IncidentCounts"))
    def get_counts(self, shown: ShownStage) -> Mapping[str, int]:
        return shown.figures.by_outcome

    @extend_schema_field(a_map(COUNTED, says="By the reason's code."))
    def get_skipped_reasons(self, shown: ShownStage) -> dict[str, int]:
        return dict(shown.figures.reasons)


class IncidentOutput(serializers.Serializer[ShownIncident]):
    """An incident with all stages of its playbook. `why`, `fields` and `closing_word` are empty for
    administrators, who do not read what people typed."""

    id = serializers.IntegerField(source="incident.pk")
    title = serializers.CharField(source="incident.title")
    playbook = serializers.CharField(source="incident.playbook.key")
    version = serializers.IntegerField(source="incident.version.number")
    status = serializers.ChoiceField(source="incident.status", choices=IncidentStatus.choices)
    is_overdue = serializers.BooleanField(help_text="Whether its next update is overdue now.")
    why = serializers.CharField(source="incident.why")
    audience = fields.named("Audience")(source="incident.audience")
    started_by = serializers.CharField(source="incident.actor_name")
    started_at = serializers.DateTimeField(source="incident.started_at")
    is_emergency = serializers.BooleanField(source="incident.is_emergency")
    confirm_until = serializers.DateTimeField(source="incident.confirm_until", allow_null=True)
    confirmed_by = serializers.CharField(source="incident.confirmed_by_name")
    confirmed_at = serializers.DateTimeField(source="incident.confirmed_at", allow_null=True)
    paused_at = serializers.DateTimeField(
        source="incident.paused_at",
        allow_null=True,
        help_text="Since when it is paused, because nobody has confirmed the emergency.",
    )
    closed_by = serializers.CharField(source="incident.closed_by_name")
    closed_at = serializers.DateTimeField(source="incident.closed_at", allow_null=True)
    closing_word = serializers.CharField(source="incident.closing_word")
    stages = IncidentStageOutput(many=True)
    fields = fields.named("Answers")(  # type: ignore[assignment]
        source="incident.answers", help_text="What was filled in, for all stages."
    )

    def to_representation(self, instance: ShownIncident) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not self.context.get("readable", False):
            shown |= {"why": "", "fields": {}, "closing_word": ""}
        return shown


class IncidentChatOutput(serializers.Serializer[Any]):
    interaction = serializers.CharField(source="interaction_id")
    customer_name = serializers.CharField(source="delivery.customer_name")
    stage = serializers.IntegerField(source="stage.position", help_text="Its position.")
    outcome = serializers.ChoiceField(
        choices=OUTCOMES,
        help_text="What became of it, by the evidence of unknown ones too.",
    )
    status = serializers.ChoiceField(source="delivery.status", choices=DeliveryStatus.choices)
    reason = serializers.ChoiceField(
        source="delivery.reason",
        choices=Reason.choices,
        help_text="Why it got nothing; may be empty.",
        allow_blank=True,
    )
    detail = serializers.SerializerMethodField(
        help_text="The reason in words, for those who may read what was sent."
    )
    matched_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(source="delivery.finished_at", allow_null=True)
    send = serializers.IntegerField(source="delivery.send_id")
    delivery = serializers.IntegerField(source="delivery_id")

    def get_detail(self, target: Any) -> str:
        return str(target.delivery.detail) if target.is_readable else ""
