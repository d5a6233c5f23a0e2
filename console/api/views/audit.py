"""The audit trail."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.api import serializers
from console.api.base import ConsoleView, query_filters
from console.api.pagination import HistoryPage
from console.audit import selectors

FILTERS = ("target_kind", "target_ref", "action")


class AuditEntries(ConsoleView):
    paginator_class = HistoryPage

    @extend_schema(
        summary="Read the audit trail",
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses={200: serializers.AuditEntryOutput(many=True), "4XX": serializers.ErrorOutput},
    )
    def get(self, request: Request) -> Response:
        rows = selectors.audit_entries(self.actor, **query_filters(request, FILTERS))
        return self.page(request, rows, serializers.AuditEntryOutput)
