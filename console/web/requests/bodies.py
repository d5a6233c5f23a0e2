"""The limit of request bodies: DATA_UPLOAD_MAX_MEMORY_SIZE for any content except an import.

A stranger's body is read only up to the length that signing in needs. A longer one is left unread,
and the request continues without it: the API responds 401, and pages redirect to the sign-in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from io import BytesIO
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from console.web.requests.strangers import is_stranger

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Any, Any, Any], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

TOO_LARGE = "console.too_large"
LENGTH_MISSING = "console.length_missing"
UNREAD = "console.unread"
READ_SIZE = 65_536
OF_A_STRANGER = 65_536
# A connection that is closed while its client still sends is reset, and the client may never see
# the response. So it stays open for this long, and what arrives meanwhile is discarded.
LINGER_SECONDS = 1.0
IMPORT_PAGE = "/notices/import/"
FORM_AROUND_A_FILE = 100_000


class BodyLimit:
    """Wraps the ASGI application, and reads no more of a body than the limit.

    Django itself reads a body to its end, however long it is, before it checks the size. Here the
    rest is left unread, and ReadableRequestMiddleware responds 413.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        read = 0
        most = await self._look_at(scope)
        all_sent = asyncio.Event()

        async def bounded() -> Message:
            nonlocal read
            if _is_left(scope) and not read:
                read = 1
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await receive()
            while _is_left(scope) and message["type"] == "http.request":
                if not message.get("more_body"):
                    all_sent.set()
                message = await receive()  # discarded until the response is sent
            if message["type"] != "http.request":
                all_sent.set()
                return message
            read += len(message.get("body", b""))
            if read > most:
                scope[TOO_LARGE] = True
                return {"type": "http.request", "body": b"", "more_body": False}
            if not message.get("more_body"):
                _say_length(scope, read)
            return message

        async def lingering(message: Message) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if is_last and _is_left(scope) and not all_sent.is_set():
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    await asyncio.wait_for(all_sent.wait(), LINGER_SECONDS)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self.app(scope, bounded, lingering)

    async def _look_at(self, scope: Message) -> int:
        """Record in the scope what is to be left unread. Return how many bytes may be read."""
        most = largest_body(scope["path"])
        headers = dict(scope["headers"])
        said = headers.get(b"content-length", b"0").decode("latin-1")
        in_chunks = b"transfer-encoding" in headers
        if _is_over(said, most):
            scope[TOO_LARGE] = True
            return most
        if not (in_chunks or _is_over(said, OF_A_STRANGER)):
            return most
        if not await sync_to_async(is_stranger)(ASGIRequest(scope, BytesIO())):
            return most
        if not in_chunks:
            scope[UNREAD] = True
            _say_length(scope, 0)
        return min(most, OF_A_STRANGER)


def _is_left(scope: Message) -> bool:
    return TOO_LARGE in scope or UNREAD in scope


def _say_length(scope: Message, length: int) -> None:
    """Put the length of the whole body into the headers, since a client that sends in chunks gives
    none. Django and REST framework treat a body without a length as no body. They read the headers
    after the body."""
    headers = scope["headers"]
    scope["headers"] = [pair for pair in headers if pair[0] != b"content-length"]
    scope["headers"].append((b"content-length", b"%d" % length))


class WholeBody:
    """Wraps the WSGI application in the same way. If the server terminates the input, a body
    without a length is read to its end, within the limit; otherwise the response is 411."""

    def __init__(self, app: WsgiApp) -> None:
        self.app = app

    def __call__(self, asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        in_chunks = asked.get("HTTP_TRANSFER_ENCODING")
        most = largest_body(asked.get("PATH_INFO", ""))
        if not in_chunks and not _is_over(asked.get("CONTENT_LENGTH") or "0", OF_A_STRANGER):
            return self.app(asked, start_response)
        if is_stranger(WSGIRequest(asked)):
            most = min(most, OF_A_STRANGER)
            if not in_chunks:
                asked[UNREAD] = True
                asked["wsgi.input"], asked["CONTENT_LENGTH"] = BytesIO(), "0"
        if not in_chunks:
            return self.app(asked, start_response)
        if not asked.get("wsgi.input_terminated"):
            asked[LENGTH_MISSING] = True
            body = b""
        else:
            # One byte over the limit is enough for a refusal.
            body = _read(asked["wsgi.input"], most + 1)
            if len(body) > most:
                asked[TOO_LARGE] = True
        asked["wsgi.input"], asked["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return self.app(asked, start_response)


def _read(stream: Any, most: int) -> bytes:
    """Read at most `most` bytes. A single call of `stream.read` may return less than there is."""
    parts: list[bytes] = []
    left = most
    while left and (part := stream.read(min(left, READ_SIZE))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def largest_body(path: str) -> int:
    """Return the limit in bytes. The import page accepts a catalogue file with the form around."""
    if path == IMPORT_PAGE:
        return int(settings.IMPORT_LIMIT) + FORM_AROUND_A_FILE
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def is_too_large(request: HttpRequest) -> bool:
    """Return whether the body is over the limit, by what was read of it or by its header."""
    if TOO_LARGE in getattr(request, "scope", {}) or TOO_LARGE in request.META:
        return True
    return _is_over(request.META.get("CONTENT_LENGTH") or "0", largest_body(request.path))


def is_unread(request: HttpRequest) -> bool:
    """Return whether the body was left unread because a stranger sent it."""
    return UNREAD in getattr(request, "scope", {}) or UNREAD in request.META


def lacks_length(request: HttpRequest) -> bool:
    """Return whether the request has a body whose end this server can't find."""
    return LENGTH_MISSING in request.META


def _is_over(length: str, most: int) -> bool:
    # Python may refuse to convert a number with more digits.
    return length.isdecimal() and (len(length) > 18 or int(length) > most)
