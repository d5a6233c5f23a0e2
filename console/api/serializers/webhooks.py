"""What the API takes and gives of webhooks."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.api.serializers import fields
from console.api.serializers.common import StrictInput
from console.text.visible import CONTROLS
from console.webhooks.models import MESSAGE_TYPES, Attempt, EventType, Message, Webhook

NAME = fields.described(fields.Line, type="string", pattern=fields.FILLED_LINE, maxLength=100)
URL = fields.described(
    fields.Line, type="string", pattern=rf"^https?://[^{CONTROLS}]*$", maxLength=2000
)
SECONDS = fields.described(fields.Whole, type="integer", enum=[0, 3600, 86_400])
OVERLAP = "For how long messages are signed by the old secret, too."


def _events(**given: Any) -> serializers.ListField:
    return serializers.ListField(child=fields.Choice(EventType.choices), min_length=1, **given)


class WebhookChanges(StrictInput):
    name = NAME(required=False)
    url = URL(required=False, max_length=2000)
    events = _events(required=False)
    enabled = fields.Truth(required=False)


class WebhookInput(WebhookChanges):
    name = NAME()
    url = URL(max_length=2000)
    events = _events()


class RotateInput(StrictInput):
    overlap_seconds = SECONDS(help_text=OVERLAP)


class WebhookOutput(serializers.ModelSerializer[Webhook]):
    events = serializers.ListField(child=serializers.ChoiceField(EventType.choices))
    old_secret_until = serializers.DateTimeField(allow_null=True)
    waiting = serializers.IntegerField(help_text="Messages on their way.")
    given_up = serializers.IntegerField(help_text="Messages that were given up.")
    last_taken_at = serializers.DateTimeField(source="taken_at", allow_null=True)
    last_problem = serializers.SerializerMethodField(
        help_text="What was wrong with the last attempt; empty where nothing was."
    )
    last_problem_code = fields.CodeOf(source="last_problem")
    last_problem_params = fields.ParamsOf(source="last_problem")

    class Meta:
        model = Webhook
        fields = (
            "id",
            "name",
            "url",
            "events",
            "enabled",
            "created_at",
            "old_secret_until",
            "waiting",
            "given_up",
            "last_taken_at",
            "last_problem",
            "last_problem_code",
            "last_problem_params",
        )

    def get_last_problem(self, webhook: Any) -> str:
        return webhook.last_problem or ""


class NewWebhookOutput(WebhookOutput):
    """With the secret, this once."""

    secret = serializers.SerializerMethodField(help_text="It can't be read again.")

    class Meta(WebhookOutput.Meta):
        fields = (*WebhookOutput.Meta.fields, "secret")  # type: ignore[assignment]

    def get_secret(self, webhook: Webhook) -> str:
        return str(self.context["secret"])


class AttemptOutput(serializers.ModelSerializer[Attempt]):
    problem_code = fields.CodeOf(source="problem")
    problem_params = fields.ParamsOf(source="problem")

    class Meta:
        model = Attempt
        fields = (
            "started_at",
            "ended_at",
            "milliseconds",
            "status_code",
            "problem",
            "problem_code",
            "problem_params",
            "answer",
        )


class MessageOutput(serializers.ModelSerializer[Message]):
    webhook_id = serializers.CharField(source="key", help_text="As in the header webhook-id.")
    next_at = serializers.SerializerMethodField(
        help_text="When it is tried next; null where it has ended."
    )
    attempt_count = serializers.IntegerField()
    type = serializers.ChoiceField(choices=MESSAGE_TYPES)

    class Meta:
        model = Message
        fields = (
            "id",
            "webhook_id",
            "type",
            "occurred_at",
            "status",
            "attempt_count",
            "next_at",
            "ended_at",
        )

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_at(self, message: Message) -> str | None:
        if message.ended_at is not None:
            return None
        return serializers.DateTimeField().to_representation(message.next_at)


class OneMessageOutput(MessageOutput):
    body = serializers.CharField(help_text="The JSON that is sent.")
    attempts = AttemptOutput(many=True, help_text="Newest first.")

    class Meta(MessageOutput.Meta):
        fields = (*MessageOutput.Meta.fields, "body", "attempts")  # type: ignore[assignment]
