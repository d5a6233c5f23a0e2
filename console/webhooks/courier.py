"""Delivers messages to their webhooks by HTTP, only to addresses that were checked.

The whole site has one courier at a time, in one job of one worker. Several attempts run at once, so
a slow receiver does not take the place of jobs that send notices.
"""

import asyncio
import ssl
import time
from collections import Counter
from datetime import datetime

import httpx
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from console.webhooks import problems, services, signing
from console.webhooks.destinations import Refused, read_url, resolve
from console.webhooks.models import MessageStatus
from console.webhooks.services import Outcome, Parcel

# How often to look for more due messages while receivers are slow.
LOOK_SECONDS = 1.0
CONNECT_SECONDS = 5.0
ANSWER_BYTES = 1_000
AGENT = "Notice-Console-Webhooks/1"

logger = structlog.get_logger("console.webhooks")


async def carry(stopping: asyncio.Event) -> None:
    """Deliver all due messages, unless another worker is doing it.

    Once `stopping` is set, it takes no more messages, and waits for those in progress, at most as
    long as a receiver may take.
    """
    until = await sync_to_async(services.carrying_begin)()
    if until is None:
        return
    trusted = await asyncio.to_thread(_trusted)
    async with client_trusting(trusted) as client:
        last = await _carry_all(client, until, stopping)
    if last is not None:
        await sync_to_async(services.carrying_end)(last)


async def _carry_all(
    client: httpx.AsyncClient, until: datetime, stopping: asyncio.Event
) -> datetime | None:
    """Return until when this worker is the courier; None if another has taken over."""
    under_way: dict[asyncio.Task[None], int] = {}
    while True:
        busy = Counter(under_way.values())
        longer, parcels = await sync_to_async(services.parcels_take)(until, busy)
        for parcel in parcels:
            under_way[asyncio.create_task(_deliver(client, parcel))] = parcel.webhook
        if under_way:
            done, _others = await asyncio.wait(
                under_way, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                del under_way[task]
                task.result()
        if longer is None or stopping.is_set() or not (under_way or parcels):
            break
        until = longer
    if under_way:
        await asyncio.wait(under_way)
    return longer


async def _deliver(client: httpx.AsyncClient, parcel: Parcel) -> None:
    """Make one attempt, and record its outcome."""
    began = time.monotonic()
    outcome = await attempt(client, parcel)
    milliseconds = int(1000 * (time.monotonic() - began))
    record = sync_to_async(services.attempt_record)
    status = await record(parcel, outcome, milliseconds=milliseconds)
    if not outcome.is_taken:
        logger.warning(
            "webhook given up" if status == MessageStatus.GIVEN_UP else "webhook not taken",
            webhook=parcel.name,
            message=parcel.key,
            status=outcome.status_code,
            problem=outcome.problem,
        )


def _trusted() -> ssl.SSLContext:
    """Return a TLS context with the trusted certificates.

    Reading them takes a while, so it must not run on the event loop.
    """
    return ssl.create_default_context(cafile=settings.WEBHOOK_CA or None)


def client_trusting(trusted: ssl.SSLContext) -> httpx.AsyncClient:
    """Return a client without the environment's proxies, which could connect anywhere.

    Each attempt has a connection of its own, since an address is checked for one name only.
    """
    return httpx.AsyncClient(
        verify=trusted,
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_keepalive_connections=0),
        timeout=httpx.Timeout(settings.WEBHOOK_TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
    )


async def attempt(client: httpx.AsyncClient, parcel: Parcel) -> Outcome:
    """Send a message once. Every failure becomes an outcome with a text for an administrator."""
    if not parcel.secrets:
        return Outcome(problem=problems.UNSIGNED())
    try:
        destination = read_url(parcel.url)
        address = await asyncio.to_thread(resolve, destination)
        async with asyncio.timeout(CONNECT_SECONDS + settings.WEBHOOK_TIMEOUT_SECONDS):
            return await _post(client, _request(client, parcel, address))
    except Refused as refusal:
        return Outcome(problem=problems.NOT_SENT(why=refusal.said))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return Outcome(problem=problems.NO_CONNECTION(error=_words(error)))
    except (TimeoutError, httpx.TimeoutException):
        seconds = settings.WEBHOOK_TIMEOUT_SECONDS
        return Outcome(problem=problems.NO_ANSWER(seconds=seconds))
    except (httpx.HTTPError, OSError, ValueError) as error:
        return Outcome(problem=problems.UNREADABLE(error=_words(error)))


def _request(client: httpx.AsyncClient, parcel: Parcel, address: str) -> httpx.Request:
    """Build a request to the checked address.

    Host and TLS get the name, which the certificate must match.
    """
    destination = read_url(parcel.url)
    return client.build_request(
        "POST",
        httpx.URL(
            scheme=destination.scheme,
            host=address,
            port=destination.port,
            raw_path=destination.target.encode(),
        ),
        content=parcel.body,
        headers={
            "Host": destination.authority,
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            "Accept-Encoding": "identity",
            **signing.signed_headers(
                parcel.secrets, webhook_id=parcel.key, at=timezone.now(), body=parcel.body
            ),
        },
        extensions={"sni_hostname": destination.host},
    )


async def _post(client: httpx.AsyncClient, request: httpx.Request) -> Outcome:
    """Send the request, and read only the beginning of the answer."""
    response = await client.send(request, stream=True)
    try:
        read = b""
        async for part in response.aiter_raw():
            read += part
            if len(read) >= ANSWER_BYTES:
                break
    finally:
        await response.aclose()
    problem: str = ""
    if response.is_redirect:
        problem = problems.REDIRECT()
    elif not response.is_success:
        problem = problems.STATUS(status=response.status_code)
    return Outcome(response.status_code, read[:ANSWER_BYTES].decode(errors="replace"), problem)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
