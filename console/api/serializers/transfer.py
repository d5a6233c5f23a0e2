"""What an import of notices takes and answers."""

from typing import Any

from rest_framework import serializers

from console.api.serializers import fields
from console.api.serializers.common import Anything, StrictInput
from console.api.serializers.values import reference

OUTCOMES = ("created", "changed", "unchanged", "refused")
# The limit of the body is reached long before so many columns.
COLUMNS_LIMIT = 1000
COLUMN = fields.described(fields.Line, type="string", pattern=fields.FILLED_LINE, maxLength=100)


class ImportInput(StrictInput):
    # The service limits their number, with its own error code.
    records = fields.described(
        serializers.ListField, type="array", items=reference("CatalogueRecord")
    )(child=Anything(), help_text="As in an export.")
    columns = serializers.ListField(
        child=COLUMN(max_length=100),
        max_length=COLUMNS_LIMIT,
        required=False,
        allow_empty=False,
        min_length=1,
        help_text="As in an export: what a record lacks of these is empty. Without them what it "
        "lacks stays as it is.",
    )
    dry_run = fields.Truth(required=False, default=False, help_text="Say what would be done.")
    skip_refused = fields.Truth(
        required=False, default=False, help_text="Leave out whole notices that are refused."
    )


class ChangeOutput(serializers.Serializer[Any]):
    column = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class RefusalOutput(serializers.Serializer[Any]):
    column = serializers.CharField(allow_blank=True, help_text="Empty for the whole record.")
    code = serializers.CharField()
    message = serializers.CharField()
    params = fields.named("JsonObject")(help_text="What the message names, each by what it is.")


class ImportRowOutput(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="The record's number, from 1.")
    name = serializers.CharField(allow_blank=True)
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    changes = ChangeOutput(many=True)
    refusals = RefusalOutput(many=True)


class ImportOutput(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    rows = ImportRowOutput(many=True)
