"""The audit trail."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.http.pagination import HistoryPage
from console.api.serializers import common
from console.audit import selectors
from console.audit.downloads import ledger_download
from console.database.deadlines import searched

FILTERS = ("target_kind", "target_ref", "action")


class AuditEntries(ConsoleView):
    pagination_class = HistoryPage

    @extend_schema(
        summary="Read the audit trail",
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses={200: common.AuditEntryOutput(many=True)},
    )
    @needs(Permission.VIEW_AUDIT)
    def get(self, request: Request) -> Response:
        given = query_filters(request, FILTERS, paging=HistoryPage.names)

        def read() -> Response:
            rows = selectors.audit_search(
                self.actor,
                target_kind=given.get("target_kind", ""),
                target_ref=given.get("target_ref", ""),
                action=given.get("action", ""),
            )
            return self.page(request, rows, common.AuditEntryOutput)

        answer, _source = searched(self.actor.person_ref, read, has_everything=True)
        return answer


class AuditCheckpoints(ConsoleView):
    pagination_class = HistoryPage

    @extend_schema(
        summary="List the signed checkpoints of the audit trail",
        responses={
            200: common.AuditCheckpointOutput(many=True),
        },
    )
    @needs(Permission.VIEW_AUDIT)
    def get(self, request: Request) -> Response:
        query_filters(request, (), paging=HistoryPage.names)
        rows = selectors.audit_checkpoints(self.actor)
        return self.page(request, rows, common.AuditCheckpointOutput)


class AuditExport(ConsoleView):
    @extend_schema(
        summary="Export the whole audit trail",
        description="A zip file for `python -m console.audit.verify`. That it was exported is "
        "recorded in the trail.",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            "5XX": common.ErrorOutput,
        },
    )
    @needs(Permission.VIEW_AUDIT)
    def get(self, request: Request) -> StreamingHttpResponse:
        query_filters(request, (), paging=())
        return ledger_download(request._request, self.actor)
