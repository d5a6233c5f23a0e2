"""What the API takes and gives of saved audiences, the views of the board."""

from typing import Any

from rest_framework import serializers

from console.api.serializers import fields
from console.api.serializers.common import NOT_BLANK, Anything, StrictInput
from console.api.serializers.values import reference
from console.interactions.models import SavedView
from console.interactions.services.saved_views import SORTS, VIEWS_MOST

ORDERS = (*SORTS, *(f"-{sort}" for sort in SORTS))
NAME = fields.described(fields.Line, type="string", pattern=fields.FILLED_LINE, maxLength=100)
AUDIENCE = fields.described(serializers.DictField, **reference("Audience"))


class SavedAudienceChanges(StrictInput):
    name = NAME(required=False, max_length=100)
    audience = AUDIENCE(required=False, help_text="In JSON (docs/audiences.md).")
    sort = fields.Choice(
        choices=ORDERS,
        required=False,
        help_text="The order of the board's list; `-waiting` if it is left out.",
    )
    position = fields.Whole(
        required=False,
        min_value=1,
        max_value=VIEWS_MOST,
        help_text="Its place among the views of the same owner, from 1.",
    )


class SavedAudienceInput(StrictInput):
    name = NAME(max_length=100)
    audience = AUDIENCE(help_text="In JSON (docs/audiences.md).")
    sort = fields.Choice(
        choices=ORDERS,
        required=False,
        help_text="The order of the board's list; `-waiting` if it is left out.",
    )
    team = fields.described(fields.Line, type="string", pattern=NOT_BLANK, maxLength=100)(
        required=False,
        max_length=100,
        help_text="A team's name: everybody in it sees the view. Without one it is your own.",
    )


class SavedAudienceOutput(serializers.ModelSerializer[SavedView]):
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    audience = fields.described(Anything, **reference("Audience"))()
    sort: Any = serializers.ChoiceField(choices=ORDERS)

    class Meta:
        model = SavedView
        fields = ("id", "name", "team", "audience", "sort", "position")
