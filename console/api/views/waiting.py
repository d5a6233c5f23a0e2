"""What waits for the caller's decision."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.serializers.waiting import MatterOutput
from console.notifications import selectors


class Waiting(ConsoleView):
    @extend_schema(
        summary="List what waits for the caller's decision",
        description="Newest first, without the caller's own work. It follows what happens within "
        "a few seconds.",
        responses={200: MatterOutput(many=True)},
    )
    @needs(Permission.REVIEW_CATALOGUE, Permission.APPROVE_SENDS, Permission.SEND)
    def get(self, request: Request) -> Response:
        query_filters(request, ())
        return self.page(request, selectors.matters_waiting(self.actor), MatterOutput)
