"""Exports of the history and of the audit trail, which workers write."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.serializers.exports import ExportOutput, HistoryExportInput, TrailExportInput
from console.exports.downloads import export_response
from console.exports.files.formats import CONTENT_TYPES
from console.exports.orders import Order
from console.exports.selectors import EXPORTERS, export_get, exports_of
from console.exports.services import export_order, export_remove

ORDERED = {201: ExportOutput}
FILE_TYPES: dict[Any, Any] = {
    (200, type_name.partition(";")[0]): OpenApiTypes.BINARY for type_name in CONTENT_TYPES.values()
}


class HistoryExports(ConsoleView):
    @extend_schema(
        summary="Order an export of the history", request=HistoryExportInput, responses=ORDERED
    )
    @needs(Permission.VIEW_HISTORY)
    def post(self, request: Request) -> Response:
        """A worker writes the file, which then waits for a day."""
        return _ordered(self, "history", self.read(HistoryExportInput))


class TrailExports(ConsoleView):
    @extend_schema(
        summary="Order an export of the audit trail's list",
        request=TrailExportInput,
        responses=ORDERED,
    )
    @needs(Permission.VIEW_AUDIT)
    def post(self, request: Request) -> Response:
        """A worker writes the file, which then waits for a day. `audit/export/` has the signed
        trail."""
        return _ordered(self, "trail", self.read(TrailExportInput))


def _ordered(view: ConsoleView, subject: str, given: dict[str, Any]) -> Response:
    order = Order.read(subject, given["format"], given.get("filter", {}))
    return Response(ExportOutput(export_order(view.actor, order=order)).data, status=201)


class Exports(ConsoleView):
    @extend_schema(summary="List exports", responses={200: ExportOutput(many=True)})
    @needs(*EXPORTERS)
    def get(self, request: Request) -> Response:
        """The caller's own, newest first."""
        query_filters(request, ())
        return self.page(request, exports_of(self.actor), ExportOutput)


class OneExport(ConsoleView):
    @extend_schema(summary="Read how far an export is", responses={200: ExportOutput})
    @needs(*EXPORTERS)
    def get(self, request: Request, export_id: int) -> Response:
        return Response(ExportOutput(export_get(self.actor, export_id)).data)

    @extend_schema(summary="Cancel an export, or delete its file", responses={204: None})
    @needs(*EXPORTERS)
    def delete(self, request: Request, export_id: int) -> Response:
        export_remove(self.actor, export_get(self.actor, export_id))
        return Response(status=204)


class ExportFile(ConsoleView):
    @extend_schema(
        summary="Get the file of an export",
        description="409 `export_not_ready` until it is done. That it was fetched is recorded in "
        "the trail.",
        parameters=[
            OpenApiParameter(
                "Repr-Digest",
                str,
                OpenApiParameter.HEADER,
                response=[200],
                description="The SHA-256 of the whole file (RFC 9530).",
            )
        ],
        responses={**FILE_TYPES, 409: None, "5XX": None},
    )
    @needs(*EXPORTERS)
    def get(self, request: Request, export_id: int) -> StreamingHttpResponse:
        query_filters(request, (), paging=())
        return export_response(request._request, self.actor, export_get(self.actor, export_id))
