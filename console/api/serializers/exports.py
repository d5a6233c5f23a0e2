"""What the API takes and gives of exports."""

from rest_framework import serializers

from console.api.serializers import fields
from console.api.serializers.common import StrictInput
from console.api.serializers.values import a_map
from console.exports.files.formats import ExportFormat
from console.exports.models import ExportJob, ExportStatus
from console.exports.trail import FILTERS as TRAIL_FILTERS
from console.sends import history_filter

SUBJECTS = ("history", "trail")
FORMAT_HELP = "`csv` and `xlsx` are for spreadsheets; `jsonl` has an object a line."
TEXT = {"type": "string", "pattern": r"\S", "maxLength": history_filter.LENGTH}


def _filter_of(*names: str) -> type[serializers.DictField]:
    """Return the field of a list's filter, with these names."""
    return fields.described(
        serializers.DictField,
        type="object",
        properties=dict.fromkeys(names, TEXT),
        additionalProperties=False,
        minProperties=1,
    )


HISTORY_FILTER = _filter_of(*(each.name or name for name, each in history_filter.FILTERS.items()))
TRAIL_FILTER = _filter_of(*TRAIL_FILTERS)
FILTER_HELP = "As the list's own parameters, each a text. Left out: the whole list."


class HistoryExportInput(StrictInput):
    format = fields.Choice(choices=ExportFormat.choices, help_text=FORMAT_HELP)
    filter = HISTORY_FILTER(
        child=fields.Text(), allow_empty=False, required=False, help_text=FILTER_HELP
    )


class TrailExportInput(StrictInput):
    format = fields.Choice(choices=ExportFormat.choices, help_text=FORMAT_HELP)
    filter = TRAIL_FILTER(
        child=fields.Text(), allow_empty=False, required=False, help_text=FILTER_HELP
    )


class ExportOutput(serializers.ModelSerializer[ExportJob]):
    subject = serializers.ChoiceField(choices=SUBJECTS)
    format = serializers.ChoiceField(choices=ExportFormat.choices)
    status = serializers.ChoiceField(choices=ExportStatus.choices)
    filter = fields.described(
        fields.AsItIs, **a_map({"type": "string"}, says="The values of the list's filter.")
    )()
    as_of = serializers.DateTimeField(
        source="created_at", help_text="When it was ordered: what came later is not in it."
    )
    upto = serializers.IntegerField(help_text="The number of the newest row that can be in it.")
    rows = serializers.IntegerField(source="done", help_text="How many are written so far.")
    estimated_rows = serializers.IntegerField(
        source="total", help_text="About how many there will be; exact once it is done."
    )
    progress = serializers.FloatField(
        source="share", min_value=0, max_value=1, help_text="The part of the list that is read."
    )
    bytes = serializers.IntegerField(help_text="Of the file; 0 until it is done.")
    sha256 = serializers.CharField(help_text="Of the file; empty until it is done.")
    error = serializers.CharField(help_text="Why it failed; empty if it did not.")
    error_code = fields.CodeOf(source="error")
    kept_until = serializers.DateTimeField(
        allow_null=True, help_text="When it is deleted; null until it is done or failed."
    )

    class Meta:
        model = ExportJob
        fields = (
            *("id", "subject", "format", "filter", "status", "as_of", "upto", "rows"),
            *("estimated_rows", "progress", "bytes", "sha256", "error", "error_code"),
            *("finished_at", "kept_until"),
        )
