"""What an operation of the OpenAPI document is called, and what is said of it."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc

from console.api.http.pagination import HistoryPage
from console.api.serializers.common import ErrorOutput


class OperationSchema(AutoSchema):
    """Names come from the address alone, which is part of the API's promise, so that they stay
    (tests/api/operations.txt). What is said of a call is its own: never what its class says to
    developers."""

    def get_operation_id(self) -> str:
        name: str = super().get_operation_id()
        if self.method == "POST" and not hasattr(self.view, "get"):
            # It does what its address says, and creates nothing there: sends_pause.
            return name.removesuffix("_create")
        return name.replace("_partial_update", "_update")

    def get_paginated_name(self, serializer_name: str) -> str:
        """A page by cursor has no count, so it is another shape than a page by number."""
        by_cursor = issubclass(getattr(self.view, "pagination_class", object), HistoryPage)
        return f"Paginated{serializer_name}{'History' if by_cursor else 'List'}"

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        """Every call may be refused, in the one shape of errors: no view has to say so."""
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response" and "4XX" not in bodies:
            refused = self._get_response_for_code(ErrorOutput, "4XX", direction=direction)
            success = {code: body for code, body in bodies.items() if code < "4"}
            bodies = {**success, "4XX": refused, **bodies}
        return bodies

    def get_description(self) -> str:  # type: ignore[override]
        said: str = get_doc(getattr(self.view, self.method.lower()))
        return said
