"""The open framing over TCP: `esp+json://host:port`, with TLS `esp+json+tls://host:port`."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from console.esp.connection import DEFAULT_PING_INTERVAL, EspConnection
from console.esp.errors import InvalidAddress, NotConnected
from console.esp.outcomes import DEFAULT_LATE_GRACE
from console.text.sentences import term

TLS_SCHEME = "esp+json+tls"
_TLS_GOODBYE = 1.0  # seconds that a closing TLS connection waits for its peer


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Chat Server listens."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def check_address(url: str) -> None:
    """Raise InvalidAddress if the address is not a scheme, a host and a port."""
    parse_address(url)


def parse_address(url: str) -> Address:
    """Parse an address. Raises InvalidAddress if it is not a scheme, a host and a port."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as error:
        raise InvalidAddress(
            term("The address {url!r} cannot be read: {error}.", url=url, error=error)
        ) from error
    extras = ("@" in parts.netloc, parts.path.strip("/"), parts.query, parts.fragment)
    if not host or not port or any(extras) or " " in url or not url.isprintable():
        raise InvalidAddress(
            term(
                "The address {url!r} must be a scheme, a host and a port, and nothing else: for "
                "example esp+json://chat1.example.com:4801.",
                url=url,
            )
        )
    return Address(host, port, tls=parts.scheme == TLS_SCHEME)


async def open_channel(
    url: str,
    *,
    connect_timeout: float,
    request_timeout: float,
    ssl_context: ssl.SSLContext | None = None,
    ping_interval: float = DEFAULT_PING_INTERVAL,
    late_grace: float = DEFAULT_LATE_GRACE,
) -> EspConnection:
    """Connect. Raises InvalidAddress or NotConnected.

    With TLS the certificate is checked against the system's authorities, unless the caller's
    `ssl_context` does otherwise.
    """
    address = parse_address(url)
    connection = EspConnection(
        str(address),
        request_timeout=request_timeout,
        ping_interval=ping_interval,
        late_grace=late_grace,
    )
    try:
        async with asyncio.timeout(connect_timeout):
            await _connect(address, connection, ssl_context)
    except TimeoutError as error:
        raise NotConnected(
            term(
                "No connection to {address} within {seconds:g} seconds.",
                address=address,
                seconds=connect_timeout,
            )
        ) from error
    except OSError as error:
        raise NotConnected(
            term("No connection to {address}: {reason}.", address=address, reason=_reason(error))
        ) from error
    return connection


async def _connect(
    address: Address, connection: EspConnection, ssl_context: ssl.SSLContext | None
) -> None:
    loop = asyncio.get_running_loop()
    if address.tls:
        await loop.create_connection(
            lambda: connection,
            address.host,
            address.port,
            ssl=ssl_context or ssl.create_default_context(),
            ssl_shutdown_timeout=_TLS_GOODBYE,
        )
    else:
        await loop.create_connection(lambda: connection, address.host, address.port)


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return term("it was refused (is the Chat Server running there?)")
    if isinstance(error, socket.gaierror):
        return term("the host name cannot be resolved")
    if isinstance(error, ssl.SSLCertVerificationError):
        return term(
            "its TLS certificate is not trusted ({verify_message})",
            verify_message=error.verify_message,
        )
    if isinstance(error, ssl.SSLError):
        return term("TLS could not be agreed on ({reason})", reason=error.reason)
    return error.strerror or str(error) or type(error).__name__
