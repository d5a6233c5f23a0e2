"""What the API takes and gives. Input and output apart; no logic, that is in the services."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.accounts.models import Role
from console.audit.models import AuditCheckpoint, AuditEntry
from console.catalogue.models import (
    CannedNotice,
    NoticeKind,
    NoticeVersion,
    Visibility,
    VisibilityPreset,
)
from console.interactions.models import ChatServer, Interaction


class ErrorOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


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
    """Taken as it came: what is wrong with it is the service's to say."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_internal_value(self, data: Any) -> Any:
        return data


class FeedInput(StrictInput):
    events = serializers.ListField(
        child=Anything(),
        help_text='Each {"type": "upsert" or "stopped", "occurred_at", "sequence"?, '
        '"interaction"}.',
    )


class RejectedEvent(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()


class FeedOutput(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    ignored = serializers.IntegerField()
    rejected = RejectedEvent(many=True)


class InteractionOutput(serializers.ModelSerializer[Interaction]):
    chat_server = serializers.CharField(source="chat_server_name")
    team = serializers.CharField(source="team.name", default=None)

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
    key = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=NoticeKind.choices)
    title = serializers.CharField(max_length=200)
    category = serializers.CharField(max_length=100, required=False, allow_blank=True)
    team = serializers.CharField(
        max_length=100, required=False, allow_null=True, help_text="A team's name."
    )


class NoticeChanges(StrictInput):
    title = serializers.CharField(max_length=200, required=False)
    category = serializers.CharField(max_length=100, required=False, allow_blank=True)
    team = serializers.CharField(max_length=100, required=False, allow_null=True)


class NoticeOutput(serializers.ModelSerializer[CannedNotice]):
    status = serializers.CharField()
    category = serializers.CharField(source="category.name", default=None)
    team = serializers.CharField(source="team.name", default=None)
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
            "published_version",
            "created_at",
            "retired_at",
        )


class VersionInput(StrictInput):
    default_locale = serializers.CharField(max_length=35)
    bodies = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        help_text="Locale to text; for a push URL, to the URL.",
    )
    message_type = serializers.CharField(max_length=100, required=False, allow_blank=True)
    nickname = serializers.CharField(max_length=100, required=False, allow_blank=True)
    preset = serializers.CharField(
        max_length=100, required=False, allow_null=True, help_text="A preset's name or id."
    )
    visibility = serializers.CharField(
        required=False, allow_null=True, help_text=f"One of {', '.join(Visibility.values)}."
    )
    valid_from = serializers.DateTimeField(required=False, allow_null=True)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)
    change_note = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class VersionOutput(serializers.ModelSerializer[NoticeVersion]):
    notice = serializers.CharField(source="notice.key")
    preset = serializers.CharField(source="preset.name", default=None)
    author = serializers.CharField(source="author_name")
    reviewer = serializers.CharField(source="reviewer_name")

    class Meta:
        model = NoticeVersion
        fields = (
            "notice",
            "number",
            "status",
            "default_locale",
            "bodies",
            "message_type",
            "nickname",
            "preset",
            "visibility",
            "valid_from",
            "valid_until",
            "change_note",
            "author",
            "created_at",
            "submitted_at",
            "reviewer",
            "reviewed_at",
            "reject_reason",
        )


class RejectInput(StrictInput):
    reason = serializers.CharField(max_length=2000, allow_blank=True)


class PresetInput(StrictInput):
    name = serializers.CharField(max_length=100)
    visibility = serializers.CharField(help_text=f"One of {', '.join(Visibility.values)}.")
    nickname = serializers.CharField(max_length=100, required=False, allow_blank=True)
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=Role.choices), required=False
    )


class PresetOutput(serializers.ModelSerializer[VisibilityPreset]):
    class Meta:
        model = VisibilityPreset
        fields = ("id", "name", "visibility", "nickname", "roles")


# --- Chat Servers ------------------------------------------------------------------------------


class ChatServerChanges(StrictInput):
    url = serializers.CharField(max_length=500, required=False)
    pace_per_second = serializers.FloatField(required=False)
    burst = serializers.IntegerField(required=False)
    window = serializers.IntegerField(required=False)
    connect_timeout_seconds = serializers.FloatField(required=False)
    request_timeout_seconds = serializers.FloatField(required=False)
    enabled = serializers.BooleanField(required=False)


class ChatServerInput(ChatServerChanges):
    name = serializers.CharField(max_length=128)
    url = serializers.CharField(max_length=500)


class ChatServerOutput(serializers.ModelSerializer[ChatServer]):
    live_interactions = serializers.IntegerField(source="live_count")

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
            "health",
            "health_since",
            "health_detail",
            "live_interactions",
        )


# --- The ledger --------------------------------------------------------------------------------


class AuditEntryOutput(serializers.ModelSerializer[AuditEntry]):
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
        fields = ("seq", "hash", "at", "key_id", "signature", "outside_at")
