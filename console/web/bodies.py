"""How large a body may be: DATA_UPLOAD_MAX_MEMORY_SIZE, whatever is in it, but for an import."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Any, Any, Any], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

TOO_LARGE = "console.too_large"
LENGTH_MISSING = "console.length_missing"
READ_SIZE = 65_536
IMPORT_PAGE = "/notices/import/"
FORM_AROUND_A_FILE = 100_000


class BodyLimit:
    """Around the ASGI application: no more of a body is read than may be.

    Django itself takes in a body to its end, wherever that is, before it looks at the size. Here
    the rest is left unread, and ReadableRequestMiddleware answers 413.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        read = 0
        most = largest_body(scope["path"])
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if _is_over(said.decode("latin-1"), most):
            scope[TOO_LARGE] = True

        async def bounded() -> Message:
            nonlocal read
            if TOO_LARGE in scope and not read:
                read = 1
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await receive()
            while TOO_LARGE in scope and message["type"] == "http.request":
                message = await receive()  # passed over until the answer is out
            if message["type"] != "http.request":
                return message
            read += len(message.get("body", b""))
            if read > most:
                scope[TOO_LARGE] = True
                return {"type": "http.request", "body": b"", "more_body": False}
            if not message.get("more_body"):
                _say_length(scope, read)
            return message

        await self.app(scope, bounded, send)


def _say_length(scope: Message, length: int) -> None:
    """Put the length of the whole body into the headers, where the client has not said it: who
    sends in chunks does not. Django and REST framework take a body without a length for none. They
    read the headers after the body."""
    headers = scope["headers"]
    scope["headers"] = [pair for pair in headers if pair[0] != b"content-length"]
    scope["headers"].append((b"content-length", b"%d" % length))


class WholeBody:
    """Around the WSGI application, the same for a body without a length: read to its end, within
    the limit, where the server ends it; else answered with 411."""

    def __init__(self, app: WsgiApp) -> None:
        self.app = app

    def __call__(self, asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not asked.get("HTTP_TRANSFER_ENCODING"):
            return self.app(asked, start_response)
        if not asked.get("wsgi.input_terminated"):
            asked[LENGTH_MISSING] = True
            body = b""
        else:
            # One byte more than may be is enough to be refused.
            body = _read(asked["wsgi.input"], largest_body(asked.get("PATH_INFO", "")) + 1)
        asked["wsgi.input"], asked["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return self.app(asked, start_response)


def _read(stream: Any, most: int) -> bytes:
    """At most `most` bytes: one call may bring less than there is."""
    parts: list[bytes] = []
    left = most
    while left and (part := stream.read(min(left, READ_SIZE))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def largest_body(path: str) -> int:
    """In bytes. The page that takes a catalogue's file takes the file, and the form around it."""
    if path == IMPORT_PAGE:
        return int(settings.IMPORT_LIMIT) + FORM_AROUND_A_FILE
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def is_too_large(request: HttpRequest) -> bool:
    """By what was read of the body, or by what its header says that will come."""
    if TOO_LARGE in getattr(request, "scope", {}):
        return True
    return _is_over(request.META.get("CONTENT_LENGTH") or "0", largest_body(request.path))


def lacks_length(request: HttpRequest) -> bool:
    """Whether it has a body whose end this server can't find."""
    return LENGTH_MISSING in request.META


def _is_over(length: str, most: int) -> bool:
    # More digits than that Python may refuse to read.
    return length.isdecimal() and (len(length) > 18 or int(length) > most)
