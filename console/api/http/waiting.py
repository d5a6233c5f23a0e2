"""`Prefer: wait=N` (RFC 7240): a response that waits for the outcome of a send.

A waiting request holds no database connection and no transaction. It is a coroutine, with the idle
thread that Django's ASGI handler keeps for each request. The NOTIFY that wakes the pages wakes it,
through the process's one listener (console.live.events). So waiting needs the ASGI server; under
WSGI the preference is not applied, as the RFC allows.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

from console.actors import Actor
from console.api.serializers.sends import BESIDE, SentOutput
from console.database.connections import give_back_connections
from console.database.notifications import send_topic
from console.live.events import END, following
from console.sends import selectors

WAIT_MOST = 10  # seconds
# The most that wait in a process; further requests are answered without waiting.
WAITERS_MOST = 1000
DELIVERIES_MOST = 100  # in a response; `sends/{id}/deliveries/` has all

HEADER_MOST = 256  # characters; reading a longer one would block the whole process
# Possessive quantifiers (`++`, `*+`) do not backtrack.
_NAME, _VALUE = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++", r'"(?:[^"\\]|\\.)*+"|[^\s",;]*+'
_PREFERENCE = re.compile(rf"\s*+({_NAME})\s*+(?:=\s*+({_VALUE})\s*+)?(?:;[^,]*+)?(?:,|$)")

_waiters: set[object] = set()


def preferred_wait(header: str) -> int:
    """Return the seconds that a `Prefer` header asks to wait, at most WAIT_MOST; 0 without one.

    An unreadable header is ignored: a preference is never a reason to refuse.
    """
    if len(header) > HEADER_MOST:
        return 0
    for name, value in _PREFERENCE.findall(header):
        if name.lower() == "wait":  # the first one counts
            number = value.strip('"')
            is_number = re.fullmatch(r"[0-9]{1,9}", number)
            return min(int(number), WAIT_MOST) if is_number else 0
    return 0


def applied_wait(request: HttpRequest) -> int:
    """Return the seconds that this request may wait; 0 if it is answered at once."""
    if not isinstance(request, ASGIRequest) or len(_waiters) >= WAITERS_MOST:
        return 0
    return preferred_wait(request.headers.get("Prefer", ""))


def answer_when_known(
    actor: Actor, send_id: int, seconds: int, headers: dict[str, str]
) -> StreamingHttpResponse:
    """Return 201 with the send, as soon as it is over or certain not to be over in time."""
    return StreamingHttpResponse(
        _parts(actor, send_id, seconds),
        status=201,
        content_type="application/json",
        # A buffering proxy would delay it further (nginx reads this header).
        headers={
            **headers,
            "Preference-Applied": f"wait={seconds}",
            "X-Accel-Buffering": "no",
        },
    )


async def _parts(actor: Actor, send_id: int, seconds: int) -> AsyncIterator[bytes]:
    waiter = object()
    _waiters.add(waiter)
    try:
        await _until_over(send_id, seconds)
        yield await sync_to_async(_body)(actor, send_id)
    finally:
        _waiters.discard(waiter)


async def _until_over(send_id: int, seconds: int) -> None:
    """Wait until the send is over.

    It listens before it checks, so that nothing is missed in between.
    """
    try:
        async with asyncio.timeout(seconds):
            with following(send_topic(send_id)) as heard:
                await heard.begun()
                while await sync_to_async(_is_under_way)(send_id):
                    if await heard.next() == END:
                        return
    except (TimeoutError, DatabaseError, InterfaceError):
        return  # respond with what is known then


def _is_under_way(send_id: int) -> bool:
    """Return whether an outcome is near.

    It is not for a send that waits for its time, an approver or a resume.
    """
    try:
        return selectors.send_is_running(send_id)
    finally:
        give_back_connections()


def _body(actor: Actor, send_id: int) -> bytes:
    """Return the send as it is now, with its first deliveries."""
    try:
        send: Any = selectors.send_get(actor, send_id)
        send.first_deliveries = selectors.send_deliveries(actor, send).prefetch_related(*BESIDE)[
            :DELIVERIES_MOST
        ]
        body: bytes = JSONRenderer().render(SentOutput(send).data)
        return body
    finally:
        give_back_connections()
