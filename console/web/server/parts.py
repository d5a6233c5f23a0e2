"""The parts of the web server. A process may serve some alone (`manage.py serve --only`)."""

from collections.abc import Callable, Iterable
from enum import StrEnum

from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from console.web.pages.errors import misdirected


class Part(StrEnum):
    """`pages` is also the API, without the feed, and static files."""

    PAGES = "pages"
    STREAMS = "streams"
    FEED = "feed"


# Each process answers whether it lives, and what a monitor asks.
OF_EACH = ("/healthz", "/readyz", "/metrics")
PATHS = {
    "/events/": Part.STREAMS,
    "/api/v1/interactions/events/": Part.FEED,
    "/api/v1/interactions/transcript-lines/": Part.FEED,
}
_served = frozenset(Part)


def serve_only(parts: Iterable[Part]) -> None:
    """Have this process serve these parts. Call it before the application is loaded."""
    global _served
    _served = frozenset(parts)


def part_of(path: str) -> Part | None:
    """Return the part that a path belongs to; None if each process answers it."""
    return None if path in OF_EACH else PATHS.get(path, Part.PAGES)


class PartsMiddleware(MiddlewareMixin):
    """Refuses what belongs to a part that this process does not serve."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__(get_response)
        if _served == frozenset(Part):
            raise MiddlewareNotUsed

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        part = part_of(request.path)
        if part is None or part in _served:
            return None
        return misdirected(request, part, sorted(_served))
