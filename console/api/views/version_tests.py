"""Tests: versions that are still to be published, sent to test chats."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.http.idempotency import REPLAYED, read_key
from console.api.serializers import sends as serializers
from console.catalogue.models import NoticeVersion
from console.catalogue.selectors import notice_get, version_get
from console.sends.plan.testing import send_test_create
from console.sends.selectors import tests_of


class VersionTests(ConsoleView):
    @extend_schema(
        summary="List your tests of a version",
        responses={200: serializers.TestOutput(many=True)},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def get(self, request: Request, key: str, number: int) -> Response:
        """Newest first, each with what became of it."""
        query_filters(request, ())
        rows = tests_of(self.actor, self._version(key, number)).prefetch_related(
            *(f"deliveries__{name}" for name in serializers.BESIDE)
        )
        return self.page(request, rows, serializers.TestOutput)

    @extend_schema(
        summary="Send a version to test chats",
        request=serializers.TestInput,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": 255},
                OpenApiParameter.HEADER,
                description="The same key and body answer with the same test, another body with "
                "409.",
            ),
            OpenApiParameter(
                "Idempotent-Replayed",
                {"type": "string", "const": "true"},
                OpenApiParameter.HEADER,
                response=[201],
                description="There where an earlier request had made the test.",
            ),
        ],
        responses={201: serializers.TestOutput},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request, key: str, number: int) -> Response:
        """One that you wrote and that is still to be published. It goes the whole way, and counts
        nowhere."""
        given = self.read(serializers.TestInput)
        send = send_test_create(
            self.actor,
            self._version(key, number),
            interactions=given["interactions"],
            answers=given.get("fields"),
            idempotency_key=read_key(request.headers.get("Idempotency-Key")),
        )
        headers = REPLAYED if send.is_replayed else {}
        return Response(serializers.TestOutput(send).data, status=201, headers=headers)

    def _version(self, key: str, number: int) -> NoticeVersion:
        return version_get(self.actor, notice_get(self.actor, key), number)
