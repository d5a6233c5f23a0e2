"""What the API takes and gives. Input and output apart; no logic, that is in the services."""

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.api.serializers import fields
from console.api.serializers.values import LOCALE, reference
from console.audit.models import AuditCheckpoint, AuditEntry
from console.catalogue.content.notices import SHORTCUT_LIMIT, TAG_LIMIT, TAGS_LIMIT
from console.catalogue.content.questions import FIELD_LIMIT
from console.catalogue.content.version_content import revision
from console.catalogue.models import (
    CannedNotice,
    NoticeClass,
    NoticeKind,
    NoticeStatus,
    NoticeVersion,
    Visibility,
)
from console.interactions.models import ChatServer, Interaction

# For the OpenAPI document only: the services check these, with their own error codes.
NOT_BLANK = r"\S"
KEY = fields.described(
    fields.Line, type="string", pattern="^[a-z0-9]+([-_][a-z0-9]+)*$", maxLength=100
)
REASON = fields.described(fields.Text, type="string", pattern=NOT_BLANK, maxLength=2000)
PATH = "From the top, as in `Delivery / Late`; made where it is not there yet."
TITLE = fields.described(fields.Line, type="string", pattern=fields.FILLED_LINE, maxLength=200)
CATEGORY = fields.described(fields.Line, type="string", pattern=fields.FILLED_LINE, maxLength=600)
TAGS = fields.described(
    fields.Texts,
    type="array",
    items={"type": "string", "pattern": fields.FILLED_LINE, "maxLength": TAG_LIMIT},
    maxItems=TAGS_LIMIT,
)
SHORTCUT = fields.described(
    fields.Line,
    type="string",
    pattern="^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
    maxLength=SHORTCUT_LIMIT,
)


def _number(least: float, most: float) -> type[fields.Number]:
    return fields.described(fields.Number, type="number", minimum=least, maximum=most)


def _whole(most: int) -> type[fields.Whole]:
    return fields.described(fields.Whole, type="integer", minimum=1, maximum=most)


class ErrorOutput(serializers.Serializer[Any]):
    """Why it was not done. `details` names the fields at fault where there are some."""

    code = serializers.CharField(help_text="For programs: it stays.")
    message = serializers.CharField(help_text="For people, in English: it may change.")
    params = fields.named("JsonObject")(
        help_text="What the message names, each by what it is: to word the code otherwise."
    )
    details = fields.named("JsonObject")()


class StrictInput(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a misspelt one must not pass as absent."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {name: ["There is no such field."] for name in unknown}
                )
        return super().to_internal_value(data)


# --- Feed and interactions ---------------------------------------------------------------------


@extend_schema_field(OpenApiTypes.ANY)
class Anything(serializers.Field[Any, Any, Any, Any]):
    """JSON, null included, as it came: what is wrong with it is the service's to say."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class FeedInput(StrictInput):
    events = fields.described(
        serializers.ListField,
        type="array",
        items=reference("FeedEvent"),
        maxItems=settings.FEED_EVENT_LIMIT,
    )(child=Anything())


class RejectedEvent(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()
    params = fields.named("JsonObject")(help_text="What the message names, each by what it is.")


class FeedOutput(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    ignored = serializers.IntegerField()
    rejected = RejectedEvent(many=True)


class LinesInput(StrictInput):
    lines = fields.described(
        serializers.ListField,
        type="array",
        items=reference("TranscriptLine"),
        maxItems=settings.FEED_EVENT_LIMIT,
    )(child=Anything())


class LinesOutput(serializers.Serializer[Any]):
    accepted = serializers.IntegerField(help_text="How many lines could be read.")
    rejected = RejectedEvent(many=True)


class InteractionOutput(serializers.ModelSerializer[Interaction]):
    chat_server = serializers.CharField(source="chat_server_name")
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    user_data = fields.named("UserData")()

    class Meta:
        model = Interaction
        fields = (
            "id",
            "media_type",
            "tenant_id",
            "state",
            "is_online",
            "chat_server",
            "queue",
            "agent",
            "locale",
            "customer_name",
            "received_at",
            "waiting_seconds",
            "ended_at",
            "last_event_at",
            "team",
            "user_data",
        )


# --- Catalogue ---------------------------------------------------------------------------------


class NoticeInput(StrictInput):
    key = KEY(max_length=100)
    kind = serializers.ChoiceField(choices=NoticeKind.choices)
    title = TITLE(max_length=200)
    category = CATEGORY(max_length=600, required=False, help_text=PATH)
    team = fields.Line(
        max_length=100, required=False, help_text="A team's name. Left out: everybody's."
    )
    tags = TAGS(required=False)
    shortcut = SHORTCUT(required=False)


class NoticeChanges(StrictInput):
    title = TITLE(max_length=200, required=False)
    category = CATEGORY(
        max_length=600, required=False, allow_null=True, help_text=f"{PATH} null: none."
    )
    team = fields.Line(
        max_length=100, required=False, allow_null=True, help_text="null: everybody's."
    )
    tags = TAGS(required=False, help_text="All of them; an empty list takes them away.")
    shortcut = SHORTCUT(required=False, allow_null=True, help_text="null takes it away.")


class NoticeOutput(serializers.ModelSerializer[CannedNotice]):
    status = serializers.ChoiceField(choices=NoticeStatus.choices)
    shortcut = serializers.CharField()
    category = serializers.CharField(source="category.path", default=None, allow_null=True)
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    published_version = serializers.IntegerField(source="published_number", allow_null=True)

    class Meta:
        model = CannedNotice
        fields = (
            "key",
            "kind",
            "title",
            "status",
            "category",
            "team",
            "tags",
            "shortcut",
            "published_version",
            "created_at",
            "retired_at",
        )


class VersionUse(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    sends = serializers.IntegerField()
    delivered = serializers.IntegerField(help_text="Deliveries that Chat Server took.")


class NoticeUseOutput(serializers.Serializer[Any]):
    versions = VersionUse(many=True)


ASKED = fields.described(
    serializers.ListField,
    type="array",
    maxItems=FIELD_LIMIT,
    items=reference("AskedFieldRequest"),
)


class VersionInput(StrictInput):
    default_locale = fields.described(fields.Line, type="string", pattern=LOCALE, maxLength=35)(
        max_length=35
    )
    bodies = fields.described(serializers.DictField, **reference("BodiesRequest"))(
        child=fields.Text(allow_blank=True, trim_whitespace=False)
    )
    message_type = fields.Line(
        max_length=100, required=False, allow_blank=True, help_text="Empty: none."
    )
    nickname = fields.Line(
        max_length=100, required=False, allow_blank=True, help_text="Empty: the preset's."
    )
    preset = fields.Line(max_length=100, required=False, help_text="A preset's name or id.")
    visibility = fields.Choice(
        choices=Visibility.choices,
        required=False,
        help_text="Left out of a new version: the preset's, and without one ALL.",
    )
    notice_class = fields.Choice(
        choices=NoticeClass.choices,
        required=False,
        help_text="Left out of a new version: routine. safety is never held back by the contact "
        "budget, and goes first.",
    )
    valid_from = fields.Moment(required=False, allow_null=True)
    valid_until = fields.Moment(required=False, allow_null=True)
    change_note = fields.Text(required=False, allow_blank=True, max_length=2000)
    new_title = fields.Line(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="What the notice is called once this version is published. Empty: it stays.",
    )
    new_shortcut = fields.Line(
        max_length=41, required=False, allow_blank=True, help_text="Its shortcut, likewise."
    )
    expected = fields.Text(
        required=False,
        max_length=64,
        help_text="The `mark` of the version that was read before, `none` for no version: where "
        "there is another by now nothing is saved, and the answer is 409.",
    )
    # Last, since it hides the module `fields` from here on.
    fields = ASKED(  # type: ignore[assignment]
        child=serializers.DictField(),
        required=False,
        help_text="What the sender fills in; a text says {{ field.name }}.",
    )


class VersionOutput(serializers.ModelSerializer[NoticeVersion]):
    notice = serializers.CharField(source="notice.key")
    preset = serializers.CharField(source="preset.name", default=None, allow_null=True)
    author = serializers.CharField(source="author_name")
    reviewer = serializers.CharField(source="reviewer_name")
    mark = serializers.SerializerMethodField(help_text="Another for any other content.")
    bodies = fields.named("Bodies")()
    snippets = fields.named("SnippetVersions")()
    # Last, since it hides the module `fields` from here on.
    fields = fields.described(  # type: ignore[assignment]
        serializers.ListField, type="array", items=reference("AskedField")
    )()

    def get_mark(self, version: NoticeVersion) -> str:
        return revision(version)

    class Meta:
        model = NoticeVersion
        fields = (
            "notice",
            "number",
            "status",
            "default_locale",
            "bodies",
            "fields",
            "snippets",
            "message_type",
            "nickname",
            "preset",
            "visibility",
            "notice_class",
            "valid_from",
            "valid_until",
            "change_note",
            "new_title",
            "new_shortcut",
            "author",
            "created_at",
            "submitted_at",
            "reviewer",
            "reviewed_at",
            "reject_reason",
            "mark",
        )


class RejectInput(StrictInput):
    reason = REASON(max_length=2000, allow_blank=True)


# --- Chat Servers ------------------------------------------------------------------------------


class ChatServerChanges(StrictInput):
    url = fields.Line(max_length=500, required=False)
    pace_per_second = _number(0.1, 100_000)(required=False)
    burst = _whole(100_000)(required=False)
    window = _whole(1000)(required=False)
    connect_timeout_seconds = _number(0.1, 60)(required=False)
    request_timeout_seconds = _number(0.1, 120)(required=False)
    enabled = fields.Truth(required=False)


class ChatServerInput(ChatServerChanges):
    name = fields.Line(max_length=128)
    url = fields.Line(max_length=500)


class HoldInput(StrictInput):
    reason = REASON(max_length=2000, allow_blank=True, help_text="Shown beside its health.")


class RenameInput(StrictInput):
    name = fields.Line(max_length=128)


class ChatServerOutput(serializers.ModelSerializer[ChatServer]):
    health_detail_code = fields.CodeOf(source="health_detail")
    health_detail_params = fields.ParamsOf(source="health_detail")
    live_interactions = serializers.IntegerField(source="live_count")
    held_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Since when it is held; null if it is not."
    )
    held_by = serializers.CharField(read_only=True, help_text="Who holds it.")
    held_reason = serializers.CharField(read_only=True, help_text="Why it is held.")
    former_names: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name",
        many=True,
        read_only=True,
        help_text="Names that it had before it was renamed; the history has them.",
    )

    class Meta:
        model = ChatServer
        fields = (
            "name",
            "url",
            "pace_per_second",
            "burst",
            "window",
            "connect_timeout_seconds",
            "request_timeout_seconds",
            "enabled",
            "held_at",
            "held_by",
            "held_reason",
            "former_names",
            "health",
            "health_since",
            "health_detail",
            "health_detail_code",
            "health_detail_params",
            "live_interactions",
        )


# --- The ledger --------------------------------------------------------------------------------


class AuditEntryOutput(serializers.ModelSerializer[AuditEntry]):
    data = fields.named("JsonObject")(  # type: ignore[assignment]
        help_text="What belongs to the action."
    )

    class Meta:
        model = AuditEntry
        fields = (
            "seq",
            "at",
            "actor_ref",
            "actor_name",
            "action",
            "target_kind",
            "target_ref",
            "target_name",
            "data",
            "prev_hash",
            "hash",
        )


class AuditCheckpointOutput(serializers.ModelSerializer[AuditCheckpoint]):
    class Meta:
        model = AuditCheckpoint
        fields = (
            *("seq", "hash", "at", "key_id", "signature", "signed_from", "foreign"),
            "outside_at",
        )


class ProvedItemOutput(serializers.Serializer[Any]):
    """What an entry says of the delivery, and its place in the entry's own tree."""

    index = serializers.IntegerField()
    of = serializers.IntegerField()
    said = serializers.CharField()
    salt = serializers.CharField()
    path = serializers.ListField(child=serializers.IntegerField())


class ProvedEntryOutput(serializers.Serializer[Any]):
    """An entry of the trail, and its place in the tree."""

    seq = serializers.IntegerField()
    leaf = serializers.CharField()
    salt = serializers.CharField()
    path = serializers.ListField(child=serializers.IntegerField())
    item = ProvedItemOutput(required=False)


class DeliveryProofOutput(serializers.Serializer[Any]):
    """The file of docs/proof-format.md."""

    format = serializers.IntegerField()
    kind = serializers.CharField()
    delivery = serializers.IntegerField()
    send = serializers.IntegerField()
    made_at = serializers.CharField()
    head = serializers.CharField()
    hashes = serializers.ListField(child=serializers.CharField())
    entries = ProvedEntryOutput(many=True)
    version = serializers.CharField()
    text = serializers.CharField(required=False)
    text_salt = serializers.CharField(required=False)
    timestamp = serializers.CharField(required=False)
    key_id = serializers.CharField()
    signature = serializers.CharField()
