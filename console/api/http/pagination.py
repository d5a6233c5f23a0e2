"""Pages of lists."""

import re
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request

from console.errors import InvalidInput

# A primary key. Longer numbers are none, and Python refuses to parse thousands of digits.
POSITION = re.compile(r"[0-9]{1,18}", re.ASCII)


FEW, MOST = 50, 500


NEXT, PREVIOUS = "The address of the next page; null on the last.", "Of the one before; null."
PAGES = {
    name: {"type": ["string", "null"], "format": "uri", "description": said}
    for name, said in (("next", NEXT), ("previous", PREVIOUS))
}
SAID = {
    "page": "Which page, from 1.",
    "page_size": f"How many a page has; {FEW} where it is not said.",
    "cursor": "Where to go on: as `next` has it.",
}


class _Sized:
    """`page_size` from 1 to MOST. Any other value is refused, not ignored."""

    page_size: int | None = FEW
    max_page_size: int | None = MOST
    page_size_query_param: str | None = "page_size"

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("page_size")
        if given is None:
            return FEW
        if not re.fullmatch("[0-9]{1,3}", given, re.ASCII) or not 1 <= int(given) <= MOST:
            raise InvalidInput(
                "invalid_filter",
                "page_size: use a number from 1 to {limit}.",
                {"field": "page_size"},
                limit=MOST,
            )
        return int(given)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameters for OpenAPI, with the limits that REST framework omits."""
        described: list[dict[str, Any]] = super().get_schema_operation_parameters(view)  # type: ignore[misc]
        for parameter in described:
            parameter["description"] = SAID[parameter["name"]]
            if parameter["schema"]["type"] == "integer":
                parameter["schema"]["minimum"] = 1
            if parameter["name"] == "page_size":
                parameter["schema"]["maximum"] = MOST
        return described


def _page_of(rows: dict[str, Any], beside: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a page, since REST framework's own is in OpenAPI 3.0."""
    properties = {**beside, "results": rows}
    return {
        "type": "object",
        "description": "One page of a list.",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


class Page(_Sized, PageNumberPagination):
    """`?page=2&page_size=50`; the response has count, next, previous, results."""

    names = frozenset({"page", "page_size"})
    last_page_strings = ()

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        count = {"type": "integer", "description": "How many there are on all pages."}
        return _page_of(schema, {"count": count, **PAGES})


class HistoryPage(_Sized, CursorPagination):
    """Pages by cursor, newest first: new rows never shift those that were already read."""

    names = frozenset({"cursor", "page_size"})
    ordering = "-pk"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _page_of(schema, PAGES)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the cursor. Raises NotFound for one that a caller has made up."""
        cursor = super().decode_cursor(request)
        position = None if cursor is None else cursor.position
        if position is not None and not POSITION.fullmatch(str(position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor
