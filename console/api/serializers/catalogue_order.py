"""What the API takes and gives of categories and visibility presets."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.accounts.roles import Role
from console.api.serializers import fields
from console.api.serializers.common import REASON, StrictInput
from console.catalogue.models import Category, PresetChange, Visibility, VisibilityPreset

LINE = fields.described(fields.Line, type="string", pattern=fields.FILLED_LINE, maxLength=100)


class PresetInput(StrictInput):
    name = LINE(max_length=100)
    visibility = fields.Choice(choices=Visibility.choices)
    nickname = fields.Line(
        max_length=100, required=False, allow_blank=True, help_text="Empty: none."
    )
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=Role.choices),
        required=False,
        allow_empty=False,
        min_length=1,
        allow_null=True,
        help_text="Only these may use it; null: everybody, as where a new one has none.",
    )


class PresetChangeOutput(serializers.ModelSerializer[PresetChange]):
    author = serializers.CharField(source="author_name")
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices))

    class Meta:
        model = PresetChange
        fields = ("id", "name", "visibility", "nickname", "roles", "author", "created_at")


class PresetOutput(serializers.ModelSerializer[VisibilityPreset]):
    proposed = serializers.SerializerMethodField()

    @extend_schema_field(PresetChangeOutput(allow_null=True))
    def get_proposed(self, preset: Any) -> dict[str, Any] | None:
        """What waits for somebody else's word."""
        return PresetChangeOutput(preset.waiting[0]).data if preset.waiting else None

    class Meta:
        model = VisibilityPreset
        fields = ("id", "name", "visibility", "nickname", "roles", "is_approved", "proposed")


class PresetApproval(StrictInput):
    change = fields.Whole(
        min_value=1,
        max_value=2**63 - 1,
        help_text="The id of the proposal that was looked at: another one is 409.",
    )


class PresetRejection(PresetApproval):
    reason = REASON(max_length=2000, allow_blank=True)


class CategoryChanges(StrictInput):
    name = LINE(required=False, max_length=100)
    parent = fields.Line(  # type: ignore[assignment]
        max_length=600, required=False, allow_null=True, help_text="A path; null for the top."
    )
    team = fields.Line(
        max_length=100,
        required=False,
        allow_null=True,
        help_text="A team's name; null: everybody's.",
    )


class CategoryInput(CategoryChanges):
    name = LINE(max_length=100)


class CategoryOutput(serializers.ModelSerializer[Category]):
    team = serializers.CharField(source="team.name", default=None, allow_null=True)

    class Meta:
        model = Category
        fields = ("id", "name", "path", "depth", "team")
