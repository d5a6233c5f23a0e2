"""The vendor's Platform SDK for Java: `psdk://host:port`, with TLS `psdk+tls://host:port`.

The operator supplies its jars. Java runs in this process (console/esp/jvm.py), if allowed.
"""

import asyncio
import ssl
from typing import Any

from console.esp import jvm
from console.esp.errors import InvalidAddress, NotConnected
from console.esp.outcomes import DEFAULT_LATE_GRACE
from console.esp.psdk import sdk as sdk_classes
from console.esp.psdk.address import Address, parse_address
from console.esp.psdk.channel import PsdkChannel
from console.esp.psdk.sdk import Opened, Sdk
from console.esp.psdk.tls import ssl_context as java_ssl_context
from console.text.sentences import sentence_of, term

CLIENT_NAME = "NoticeConsole"
# The SDK's own timeout comes first; this is in case it does not hold.
_GRACE_SECONDS = 0.5


def check_address(url: str) -> None:
    """Raise InvalidAddress if it is not a scheme, a host, a port and known options."""
    parse_address(url)


async def open_channel(
    url: str,
    *,
    connect_timeout: float,
    request_timeout: float,
    ssl_context: ssl.SSLContext | None = None,
    late_grace: float = DEFAULT_LATE_GRACE,
) -> PsdkChannel:
    """Open a channel of the SDK. Raises InvalidAddress or NotConnected.

    The first one in a process starts Java before its connect timeout begins.
    """
    address = parse_address(url)
    if ssl_context is not None:
        raise InvalidAddress(term("Java takes no SSLContext of Python's. Use the settings PSDK_…."))
    try:
        sdk = await jvm.in_thread(_load, "java starts")
        opening = asyncio.ensure_future(
            jvm.in_thread(lambda: _open(sdk, address, connect_timeout), f"psdk open {address}")
        )
        opened = await _within(opening, connect_timeout + _GRACE_SECONDS)
    except TimeoutError as error:
        raise NotConnected(
            term(
                "No connection to {address} within {seconds:g} seconds.",
                address=address,
                seconds=connect_timeout,
            )
        ) from error
    except jvm.JavaUnavailable as error:
        raise NotConnected(sentence_of(error)) from error
    return PsdkChannel(
        sdk,
        opened,
        str(address),
        request_timeout=request_timeout,
        late_grace=late_grace,
        tls_host=address.tls_host if address.tls else "",
    )


def _load() -> Sdk:
    jvm.start()
    return sdk_classes.load()


async def _within(opening: "asyncio.Future[Opened]", seconds: float) -> Opened:
    """Return the opened protocol. If it opens after the timeout, it is closed again."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(opening)
    except (TimeoutError, asyncio.CancelledError):
        opening.add_done_callback(_close_late)
        raise


def _close_late(opening: "asyncio.Future[Opened]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        jvm.aside(opening.result().close, "psdk goodbye")


def _open(sdk: Sdk, address: Address, connect_timeout: float) -> Opened:
    """Open a protocol. Blocks. Raises NotConnected."""
    try:
        return sdk.opened(endpoint_of(sdk, address), connect_timeout)
    except Exception as error:
        raise NotConnected(
            term("No connection to {address}: {reason}.", address=address, reason=sdk.reason(error))
        ) from error


def endpoint_of(sdk: Sdk, address: Address, *, client_name: str = CLIENT_NAME) -> Any:
    """Return the SDK's endpoint for an address, with its options and its TLS."""
    where = (client_name, address.host, address.port)
    options = sdk.collection()
    for name, value in address.options:
        if isinstance(value, int):
            options.addInt(name, value)
        else:
            options.addString(name, value)
    if address.tls:
        context = java_ssl_context(address.tls_host)
        return _with_tls(sdk, (*where, sdk.configuration(options), True, context))
    if address.options:
        return sdk.endpoint(*where, sdk.configuration(options))
    return sdk.endpoint(*where)


def _with_tls(sdk: Sdk, arguments: tuple[Any, ...]) -> Any:
    """Make the endpoint. The documented further argument after the SSLContext may be null."""
    try:
        return sdk.endpoint(*arguments)
    except TypeError:
        return sdk.endpoint(*arguments, None)
