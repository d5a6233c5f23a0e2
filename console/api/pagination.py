"""Lists in pages."""

import re

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request

# A primary key: more digits are none, and thousands of them Python refuses to read.
POSITION = re.compile(r"[0-9]{1,18}", re.ASCII)


class Page(PageNumberPagination):
    """`?page=2&page_size=50`; answers count, next, previous, results."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"


class HistoryPage(CursorPagination):
    """By cursor, newest first: new rows never shift what was already read."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "-pk"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Cursors come from here, but nothing keeps a caller from making one up."""
        cursor = super().decode_cursor(request)
        position = None if cursor is None else cursor.position
        if position is not None and not POSITION.fullmatch(str(position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor
