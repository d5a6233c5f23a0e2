"""Names and descriptions of operations in the OpenAPI document."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc

from console.api.http.pagination import HistoryPage
from console.api.serializers.common import ErrorOutput


class OperationSchema(AutoSchema):
    """Names operations after their address alone, which the API promises to keep
    (tests/api/operations.txt).

    A description is that of the call, never its class's docstring, which is for developers.
    """

    def get_operation_id(self) -> str:
        name: str = super().get_operation_id()
        if self.method == "POST" and not hasattr(self.view, "get"):
            # It does what its address says, and creates nothing there: sends_pause.
            return name.removesuffix("_create")
        return name.replace("_partial_update", "_update")

    def get_paginated_name(self, serializer_name: str) -> str:
        """Return a name of its own for a page by cursor, which has no count."""
        by_cursor = issubclass(getattr(self.view, "pagination_class", object), HistoryPage)
        return f"Paginated{serializer_name}{'History' if by_cursor else 'List'}"

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        """Add the error response to every call, so that no view has to."""
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response" and "4XX" not in bodies:
            refused = self._get_response_for_code(ErrorOutput, "4XX", direction=direction)
            success = {code: body for code, body in bodies.items() if code < "4"}
            bodies = {**success, "4XX": refused, **bodies}
        return bodies

    def get_description(self) -> str:  # type: ignore[override]
        said: str = get_doc(getattr(self.view, self.method.lower()))
        return said
