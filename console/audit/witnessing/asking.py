"""Sends requests to witnesses, all at once and within a time."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import NamedTuple

import httpx
from django.conf import settings

from console.audit.witnessing.protocol import Answer

CONNECT_SECONDS, WHOLE_SECONDS = 5, 15
MOST_BYTES = 64 * 1024


class Order(NamedTuple):
    """What is sent to which submission prefix."""

    url: str
    body: bytes


def ask_all(orders: Sequence[Order]) -> list[Answer]:
    """Return the answers in the order of the requests. None takes longer than WHOLE_SECONDS."""
    return asyncio.run(_ask_all(orders, trusted_certificates()))


def trusted_certificates() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.WITNESS_CA or None)


async def _ask_all(orders: Sequence[Order], trusted: ssl.SSLContext) -> list[Answer]:
    # Its client shares cookies among requests, and takes proxies from the environment.
    async with httpx.AsyncClient(
        verify=trusted,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS),
    ) as client:
        return list(await asyncio.gather(*(_ask(client, order) for order in orders)))


async def _ask(client: httpx.AsyncClient, order: Order) -> Answer:
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            request = client.build_request(
                "POST", f"{order.url}/add-checkpoint", content=order.body
            )
            response = await client.send(request, stream=True)
            try:
                return await _read(response)
            finally:
                await response.aclose()
    except TimeoutError:
        return Answer(error=f"no answer within {WHOLE_SECONDS} seconds")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(error=str(error) or type(error).__name__)


async def _read(response: httpx.Response) -> Answer:
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > MOST_BYTES:
            return Answer(error=f"its answer has more than {MOST_BYTES} bytes")
    text = body.decode("utf-8", "replace")
    return Answer(response.status_code, text, response.headers.get("content-type", ""))
