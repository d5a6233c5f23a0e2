"""The catalogue out as a file, and notices in."""

import json
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters, require_choice
from console.api.serializers.transfer import ImportInput, ImportOutput
from console.api.serializers.values import reference
from console.catalogue.transfer.catalogue_export_record import catalogue_export
from console.catalogue.transfer.files.formats import CONTENT_TYPES, FORMATS, document_table
from console.catalogue.transfer.importing import catalogue_import_records
from console.catalogue.transfer.reports import counts
from console.errors import Unprocessable

REFUSALS_TOLD = 100


class ExportNotices(ConsoleView):
    @extend_schema(
        summary="Export the whole catalogue",
        description="All presets, and all notices that the caller may see with all versions. The "
        "same catalogue is the same file, byte by byte. That it was exported is recorded.",
        parameters=[
            OpenApiParameter("format", str, enum=list(FORMATS), description="Without it JSON.")
        ],
        responses={
            (200, "application/json"): reference("CatalogueDocument"),
            (200, "text/csv"): OpenApiTypes.STR,
            (200, CONTENT_TYPES["xlsx"]): OpenApiTypes.BINARY,
        },
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request) -> HttpResponse:
        filters = query_filters(request, ("format",), paging=())
        require_choice(filters, "format", list(FORMATS))
        form = filters.get("format", "json")
        name = f"catalogue-{timezone.localtime():%Y-%m-%d-%H%M}.{form}"
        content, _rows = catalogue_export(self.actor, file_name=name)
        return HttpResponse(
            content,
            content_type=CONTENT_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


class ImportNotices(ConsoleView):
    @extend_schema(
        summary="Import notices as drafts",
        description="What is new or differs becomes a draft of the caller's, for others to "
        "approve; the same again changes nothing. Where a record is refused nothing is written "
        "(422), unless `skip_refused`.",
        request=ImportInput,
        responses={200: ImportOutput},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request) -> Response:
        self.actor.require(Permission.EDIT_CATALOGUE)
        given = self.read(ImportInput)
        document = {name: given[name] for name in ("columns", "records") if name in given}
        plan = catalogue_import_records(
            self.actor,
            records=document_table(document),
            body=json.dumps(document, sort_keys=True).encode(),
            dry_run=given["dry_run"],
            skip_refused=given["skip_refused"],
        )
        rows = [row.to_json() for row in plan.rows]
        if plan.is_refused and not (given["dry_run"] or given["skip_refused"]):
            raise _refused(rows)
        return Response({"dry_run": given["dry_run"], **counts(plan.rows), "rows": rows})


def _refused(rows: list[dict[str, Any]]) -> Unprocessable:
    refused = [row for row in rows if row["outcome"] == "refused"]
    return Unprocessable(
        "rows_refused",
        "Nothing was imported, since records are refused: {count:,}. Mend them, or leave their "
        "notices out with skip_refused.",
        {
            "rows": [
                {name: row[name] for name in ("row", "name", "refusals")}
                for row in refused[:REFUSALS_TOLD]
            ]
        },
        count=len(refused),
    )
