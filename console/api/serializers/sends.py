"""What the API takes and gives of sends and their deliveries."""

from datetime import datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.api.serializers import fields
from console.api.serializers.common import NOT_BLANK, REASON, InteractionOutput, StrictInput
from console.api.serializers.values import COUNTS, reference
from console.catalogue.models import Visibility
from console.interactions.models import Interaction
from console.sends.evidence.people import REMARK_LIMIT
from console.sends.evidence_models import LookedIn, Verdict
from console.sends.models import (
    Delivery,
    DeliveryStatus,
    Evidence,
    LateAnswer,
    NicknameSource,
    Resolution,
    Send,
    SendingStop,
)
from console.sends.plan.promise import WRITTEN_LIMIT, Promise
from console.sends.plan.testing import CHATS_MOST
from console.sends.plan.values import LeaveOut
from console.sends.reasons import Reason
from console.sends.timeline import SHOWN_MOST, chat_timeline

# --- Input -------------------------------------------------------------------------------------


class Time(fields.Moment):
    """ISO 8601 as it stands: which zone a time without an offset is in, `time_zone` says."""

    def enforce_timezone(self, value: datetime) -> datetime:
        return value


CANARY = fields.described(serializers.DictField, **reference("Canary"))
AUDIENCE = fields.described(serializers.DictField, **reference("Audience"))
FILTER = fields.described(serializers.DictField, **reference("ChatFilter"))
INTERACTIONS = fields.described(
    serializers.ListField,
    type="array",
    items={"type": "string", "pattern": fields.FILLED_LINE, "maxLength": 64},
    minItems=1,
    maxItems=settings.TARGET_LIMIT,
)
# The notice determines which answers are valid. Others are refused with 422.
ANSWERS = fields.described(serializers.DictField, **reference("Answers"))
TIME_ZONE = "IANA name, such as Europe/Berlin: of a time without an offset, and for showing it."


# What stands beside a delivery: to be read with it.
BESIDE = ("late_answers", "evidence", "resolution")
REMARK = fields.described(fields.Text, type="string", pattern=NOT_BLANK, maxLength=REMARK_LIMIT)
OLD_PREVIEW = fields.described(fields.Truth, type="boolean", const=False, deprecated=True)


class PreviewInput(StrictInput):
    """The same as a send takes, so that one body does for both."""

    notice = fields.Line(max_length=100, help_text="The notice's key.")
    interactions = INTERACTIONS(child=fields.Line(), required=False)
    filter = FILTER(
        required=False,
        help_text="As the filters of interactions/; every live chat that you see: `all`, alone.",
    )
    audience = AUDIENCE(
        required=False,
        help_text="All live chats that match, by the audience language (docs/audiences.md).",
    )
    visibility = fields.Choice(
        choices=Visibility.choices,
        required=False,
        help_text="May narrow the notice's own, never widen it.",
    )
    nickname = fields.Line(
        max_length=100,
        required=False,
        help_text="That of a preset, instead of the notice's own.",
    )
    scheduled_at = Time(
        required=False,
        help_text="With an offset; or without one, on the clocks of time_zone. Left out: now.",
    )
    time_zone = fields.Line(required=False, help_text=TIME_ZONE)
    allow_repeat = fields.Truth(
        required=False,
        default=False,
        help_text="Also to chats that got this notice a short while ago.",
    )
    leave_out = serializers.ListField(
        child=fields.Choice(choices=LeaveOut.choices),
        required=False,
        min_length=1,
        allow_empty=False,
        help_text="Whom to skip who would get the default language's text: chats that say another "
        "language (other_language), chats of which nobody knows one (unknown_language).",
    )
    canary = CANARY(
        required=False,
        help_text="It goes to this many chats first, and pauses then.",
    )
    why = fields.Line(
        max_length=2000, required=False, allow_blank=True, help_text="For the history."
    )
    once = fields.Truth(
        required=False,
        default=False,
        help_text="This notice at most once into this chat: asked again, the answer is the first "
        "send as it is now. For one chat, and without Idempotency-Key.",
    )
    expected_plan = fields.Text(
        max_length=WRITTEN_LIMIT,
        required=False,
        help_text="What the preview answered: no chat gets it that was not ready there, and 409 "
        "where the notice, its version, who sees it, the nickname, the answers or the time are "
        "others.",
    )
    # Last, since it hides the module `fields` from here on.
    fields = ANSWERS(  # type: ignore[assignment]
        required=False, help_text="Answers to the fields that the notice asks for, by their names."
    )


class SendInput(PreviewInput):
    dry_run = OLD_PREVIEW(
        required=False,
        default=False,
        help_text="The old way to ask for what sends/preview/ answers. Call that instead: true is "
        "answered with 200 and the preview, which this document leaves out, so that the call has "
        "one answer.",
    )


class RescheduleInput(StrictInput):
    scheduled_at = Time(help_text="With an offset; or without one, on the clocks of time_zone.")
    time_zone = fields.Line(required=False, help_text=TIME_ZONE)


class RetryUnknownInput(StrictInput):
    may_show_twice = fields.Truth(
        help_text="true: it is all right that a customer may see the text twice."
    )


class EvidenceInput(StrictInput):
    verdict = fields.Choice(
        choices=Verdict.choices,
        help_text="What the person saw; withdrawn: what they said in `replaces` does not stand.",
    )
    looked_in = fields.Choice(
        choices=LookedIn.choices, required=False, help_text="Where; needed unless withdrawn."
    )
    remark = REMARK(help_text="What the person saw, in their words.")
    replaces = fields.Whole(
        required=False,
        min_value=1,
        help_text="The id of the caller's own evidence that this corrects or withdraws.",
    )


class StopInput(StrictInput):
    reason = REASON(allow_blank=True, help_text="Shown to everybody who sends.")


# --- Output ------------------------------------------------------------------------------------


class TargetOutput(serializers.Serializer[Any]):
    interaction = serializers.CharField(source="interaction_id")
    customer_name = serializers.CharField()
    locale = serializers.CharField(help_text="The text's language, as the notice has it.")
    language = serializers.CharField(
        help_text="The chat's own, in the tag's canonical form; empty where nobody knows it."
    )
    own_language = serializers.BooleanField(
        allow_null=True,
        help_text="Whether the text is in the chat's own language; null where it gets none.",
    )
    body = serializers.CharField()
    chat_server = serializers.CharField(source="chat_server_name")
    reason = serializers.ChoiceField(
        choices=Reason.choices, help_text="Why it would be skipped; empty when it is ready."
    )
    detail = serializers.CharField()
    detail_code = fields.CodeOf(source="detail")
    detail_params = fields.ParamsOf(source="detail")


class ContactBudgetOutput(serializers.Serializer[Any]):
    """What the chats that are ready have had of their contact budget."""

    limit = serializers.IntegerField(
        source="number", help_text="How many notices that the customer sees a chat gets."
    )
    minutes = serializers.IntegerField(help_text="Within how many minutes.")
    had = serializers.DictField(
        source="counts",
        child=serializers.IntegerField(),
        help_text='How many of the chats that are ready have had how many: `{"2": 40}`.',
    )


class PlanOutput(serializers.Serializer[Any]):
    """What a send would do. Nothing was written."""

    dry_run = serializers.SerializerMethodField(help_text="Always true: nothing was sent.")
    notice = serializers.CharField(source="version.notice.key")
    version = serializers.IntegerField(source="version.number")
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    nickname = serializers.CharField()
    nickname_from = serializers.ChoiceField(choices=NicknameSource.choices)
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="How many chats are `ready`, and how many are skipped for each reason.",
    )
    needs_approval = serializers.BooleanField(
        help_text="Whether a second person has to approve before anything leaves."
    )
    quota_left = serializers.IntegerField(
        allow_null=True, help_text="To how many chats this person may send now; null: no limit."
    )
    contact_budget = ContactBudgetOutput(
        source="contacts",
        allow_null=True,
        help_text="null: no contact budget limits this send. Chats whose budget is spent are "
        "skipped as `contact_budget`.",
    )
    targets = TargetOutput(many=True)
    expected_plan = serializers.SerializerMethodField(
        help_text="For the send that is to do this and no more."
    )

    @extend_schema_field(bool)
    def get_dry_run(self, plan: Any) -> bool:
        return True

    def get_expected_plan(self, plan: Any) -> str:
        return Promise.of(plan).written()


class SendOutput(serializers.ModelSerializer[Send]):
    """`why`, `fields` and `target`, which may speak of customers, are empty for administrators who
    may not read them."""

    notice = serializers.CharField(source="version.notice.key")
    version = serializers.IntegerField(source="version.number")
    actor = serializers.CharField(source="actor_name")
    counts = serializers.SerializerMethodField(help_text="Deliveries by what became of them.")
    resolutions = serializers.SerializerMethodField(
        help_text="Of the `unknown` ones, of how many nothing is known (`unresolved`), how many "
        "were `delivered` or `not_delivered` by the evidence, and of how many of these the "
        "evidence differs (`contested`)."
    )
    target = fields.named("SendTarget")()
    approved_by = serializers.CharField(source="approved_by_name")
    ended_by = serializers.CharField(
        source="ended_by_name", help_text="Who stopped or rejected it; end_note says why."
    )
    retry_of = serializers.IntegerField(
        source="retry_of_id", allow_null=True, help_text="The send that this one tries again."
    )
    incident = serializers.IntegerField(
        source="incident_id",
        allow_null=True,
        help_text="The incident to which it belongs; null: none.",
    )
    stage = serializers.IntegerField(
        source="stage_id", allow_null=True, help_text="The id of the incident's stage."
    )
    fields = fields.named("Answers")(  # type: ignore[assignment]
        source="answers", help_text="What the sender filled in."
    )

    class Meta:
        model = Send
        fields = (
            "id",
            "status",
            "notice",
            "version",
            "visibility",
            "nickname",
            "nickname_from",
            "actor",
            "why",
            "fields",
            "target",
            "ready_count",
            "counts",
            "resolutions",
            "created_at",
            "scheduled_at",
            "time_zone",
            "release_at",
            "finished_at",
            "approved_by",
            "approved_at",
            "ended_by",
            "end_note",
            "retry_of",
            "canary_size",
            "canary_minutes",
            "resumes_at",
            "pause_reason",
            "incident",
            "stage",
        )

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not instance.is_readable:
            shown |= {"why": "", "fields": {}, "target": {}}
        return shown

    @extend_schema_field(reference("SendCounts"))
    def get_counts(self, send: Any) -> dict[str, int]:
        return {name: getattr(send, name) for name in COUNTS}

    @extend_schema_field(reference("SendResolutions"))
    def get_resolutions(self, send: Any) -> dict[str, int]:
        return resolution_counts(send)


KEY_VALUES = fields.described(fields.AsItIs, type=["array", "null"], items=reference("KeyValue"))


class FaultOutput(serializers.Serializer[Any]):
    code = serializers.CharField(source="fault_code")
    text = serializers.CharField(source="fault_text")


class LateAnswerOutput(serializers.ModelSerializer[LateAnswer]):
    fault = serializers.SerializerMethodField()
    answer = KEY_VALUES(help_text="What Chat Server said, word for word; null: nothing.")

    class Meta:
        model = LateAnswer
        fields = ("at", "status", "seconds", "detail", "reference_id", "fault", "answer")

    @extend_schema_field(FaultOutput(allow_null=True))
    def get_fault(self, late: LateAnswer) -> dict[str, str] | None:
        return fault_of(late)


def fault_of(answered: Delivery | LateAnswer) -> dict[str, str] | None:
    if not (answered.fault_code or answered.fault_text):
        return None
    return {"code": answered.fault_code, "text": answered.fault_text}


def resolution_counts(send: Any) -> dict[str, int]:
    return {
        "unresolved": send.unresolved,
        "delivered": send.resolved_delivered,
        "not_delivered": send.resolved_not_delivered,
        "contested": send.contested,
    }


class ResolutionOutput(serializers.ModelSerializer[Resolution]):
    contested = serializers.BooleanField(
        source="is_contested", help_text="Whether other evidence that stands says otherwise."
    )

    class Meta:
        model = Resolution
        fields = ("verdict", "source", "contested")


class EvidenceOutput(serializers.ModelSerializer[Evidence]):
    actor = serializers.CharField(source="actor_name")
    senders_own = serializers.BooleanField(
        source="is_senders_own", help_text="Whether the sender of the notice says so."
    )
    replaces = serializers.IntegerField(source="replaces_id", allow_null=True)

    class Meta:
        model = Evidence
        fields = (
            "id",
            "at",
            "source",
            "verdict",
            "actor",
            "senders_own",
            "looked_in",
            "remark",
            "line_at",
            "replaces",
        )


class DeliveryOutput(serializers.ModelSerializer[Delivery]):
    send = serializers.IntegerField(source="send_id")
    interaction = serializers.CharField(source="interaction_id")
    chat_server = serializers.CharField(source="chat_server_name")
    own_language = serializers.BooleanField(
        allow_null=True,
        help_text="Whether the text is in the chat's own language (chat_locale, as the chat said "
        "it); null where there is no text, or nobody wrote down what the chat said.",
    )
    detail_code = fields.CodeOf(source="detail")
    detail_params = fields.ParamsOf(source="detail")
    fault = serializers.SerializerMethodField()
    answer = KEY_VALUES(help_text="What Chat Server said, word for word; null: nothing.")
    late_answers = LateAnswerOutput(
        many=True,
        help_text="What became known after it had ended as `unknown`: an answer that came after "
        "its time, or that could not be recorded in time. `seconds` is the time from the request "
        "to the answer.",
    )
    resolution = ResolutionOutput(
        allow_null=True,
        default=None,
        help_text="What the evidence that stands says of an `unknown` delivery; null: nothing.",
    )
    evidence = EvidenceOutput(
        many=True,
        help_text="All that says how an `unknown` delivery ended, in order: late answers, lines of "
        "transcripts, and people who looked. Nothing of it is ever changed.",
    )
    retry_of = serializers.IntegerField(
        source="retry_of_id", allow_null=True, help_text="The delivery that this one tries again."
    )

    class Meta:
        model = Delivery
        fields = (
            "id",
            "send",
            "interaction",
            "customer_name",
            "status",
            "reason",
            "detail",
            "detail_code",
            "detail_params",
            "locale",
            "chat_locale",
            "own_language",
            "body",
            "chat_server",
            "method",
            "attempts",
            "reference_id",
            "fault",
            "answer",
            "created_at",
            "attempted_at",
            "finished_at",
            "late_answers",
            "resolution",
            "evidence",
            "retry_of",
            "erased_at",
        )

    @extend_schema_field(FaultOutput(allow_null=True))
    def get_fault(self, delivery: Delivery) -> dict[str, str] | None:
        return fault_of(delivery)


class ChatDeliveryOutput(serializers.Serializer[Any]):
    """What was sent to a chat, or waits for it."""

    at = serializers.DateTimeField(help_text="When it was decided.")
    notice = serializers.CharField(
        source="notice_key",
        help_text="Its key. Empty, as the title, for a notice of another team.",
    )
    title = serializers.CharField()
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    sender = serializers.CharField()
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    chat_server = serializers.CharField(source="chat_server_name")
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="When it may leave; null: it has ended."
    )
    attempted_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    resolution = ResolutionOutput(allow_null=True)
    is_test = serializers.BooleanField()
    delivery = DeliveryOutput(
        allow_null=True,
        help_text="All of it, with the text; null for whoever may not read that in the history.",
    )


class InteractionDetailOutput(InteractionOutput):
    """A chat, with what was sent to it. Lines of its transcript are on pages alone."""

    timeline = serializers.SerializerMethodField(
        help_text=f"The newest {SHOWN_MOST} deliveries to it, newest first, over all its Chat "
        "Servers."
    )

    class Meta(InteractionOutput.Meta):
        fields = (*InteractionOutput.Meta.fields, "is_test", "timeline")  # type: ignore[assignment]

    @extend_schema_field(ChatDeliveryOutput(many=True))
    def get_timeline(self, chat: Interaction) -> Any:
        return ChatDeliveryOutput(chat_timeline(self.context["actor"], chat), many=True).data


class TestInput(StrictInput):
    interactions = fields.described(
        serializers.ListField,
        type="array",
        items={"type": "string", "pattern": fields.FILLED_LINE, "maxLength": 64},
        minItems=1,
        maxItems=CHATS_MOST,
    )(
        child=fields.Line(),
        allow_empty=False,
        help_text="Test chats; any other refuses the whole test.",
    )
    # Last, since it hides the module `fields` from here on.
    fields = ANSWERS(  # type: ignore[assignment]
        required=False, help_text="Answers to the fields that the notice asks for, by their names."
    )


class TestOutput(serializers.ModelSerializer[Send]):
    """A test of a version, and what became of it."""

    deliveries = DeliveryOutput(many=True)

    class Meta:
        model = Send
        fields = ("id", "status", "created_at", "finished_at", "deliveries")


class SentOutput(SendOutput):
    """A send that was made, as it is then."""

    deliveries = DeliveryOutput(
        source="first_deliveries",
        many=True,
        required=False,
        help_text="What became of it, as far as is known: the first 100. Only where the answer "
        "waited (`Prefer: wait=N`).",
    )

    class Meta(SendOutput.Meta):
        fields = (*SendOutput.Meta.fields, "deliveries")  # type: ignore[assignment]


class StopOutput(serializers.Serializer[SendingStop | None]):
    """The stop-everything switch. While nobody has switched it on, all but `stopped` is empty."""

    stopped = serializers.BooleanField()
    reason = serializers.CharField()
    stopped_by = serializers.CharField()
    stopped_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: SendingStop | None) -> dict[str, Any]:
        return {
            "stopped": instance is not None,
            "reason": instance.reason if instance else "",
            "stopped_by": instance.actor_name if instance else "",
            "stopped_at": instance.stopped_at if instance else None,
        }
