"""Ways to reach a Chat Server, chosen by the URL scheme of its address.

A transport is a module with `check_address` and `open_channel`. It is imported when an address
first needs it, so that an optional dependency of one transport does not affect the others.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable
from urllib.parse import urlsplit

from console.esp.errors import InvalidAddress
from console.esp.outcomes import Outcome
from console.esp.requests import EspRequest
from console.text.sentences import term

SCHEMES: dict[str, str] = {
    "esp+json": "console.esp.transports.esp_json",
    "esp+json+tls": "console.esp.transports.esp_json",
    "psdk": "console.esp.transports.psdk",
    "psdk+tls": "console.esp.transports.psdk",
    "ors+http": "console.esp.transports.ors",
    "ors+https": "console.esp.transports.ors",
}
# A site's settings of transports, by module name: keyword arguments of its `open_channel`.
TransportOptions: TypeAlias = Mapping[str, Mapping[str, Any]]


class Channel(Protocol):
    """One connection to one Chat Server, with many requests in flight."""

    @property
    def is_open(self) -> bool:
        """Whether new requests are accepted. Once False, it stays so: open another channel."""

    @property
    def stray_answers(self) -> int:
        """The number of answers that nobody awaits. They were dropped."""

    @property
    def late_answers(self) -> int:
        """The number of answers that came after their request had ended as unknown."""

    def submit(
        self, request: EspRequest, *, since: float | None = None
    ) -> "asyncio.Future[Outcome]":
        """Send a request; see `send`. The future never has an exception: the outcome says what went
        wrong."""

    def send(
        self,
        request: EspRequest,
        settle: Callable[[Outcome], None],
        *,
        since: float | None = None,
        late: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Send a request, and pass its outcome to `settle`. Never raises. `settle` and `late` must
        not raise, and `settle` may be called before this returns.

        The outcome comes by the request timeout at the latest, which counts from `since`: a
        `loop.time()`, by default now. A request that was not written by then is not written any
        more, and ends as NOT_SENT.

        `late` gets the outcome of an answer that comes after that: at most once, and only after
        `settle` got UNKNOWN. Such an answer is waited for as long as the transport's grace, also
        while another channel is open beside this one.
        """

    async def close(self, *, listen: float = 0.0) -> None:
        """Accept no new requests, wait for those in flight (up to their deadlines), and close.

        For late answers it waits `listen` seconds at most. Called again, the shortest time holds.
        """


@runtime_checkable
class Secured(Protocol):
    """A channel that can describe how it is secured."""

    @property
    def security(self) -> str:
        """The description; empty if the channel is not secured."""


@runtime_checkable
class Probing(Protocol):
    """A channel with a round trip that changes nothing at the other side."""

    async def round_trip(self) -> float:
        """Return the seconds of a round trip. Raises NotConnected."""


class _Transport(Protocol):
    def check_address(self, url: str) -> None: ...

    async def open_channel(
        self,
        url: str,
        *,
        connect_timeout: float,
        request_timeout: float,
        ssl_context: ssl.SSLContext | None,
        **options: Any,
    ) -> Channel: ...


def check_address(url: str) -> None:
    """Raise InvalidAddress, saying what to change, if no transport could use the address."""
    _transport_of(url).check_address(url)


async def open_channel(
    url: str,
    *,
    connect_timeout: float,
    request_timeout: float,
    ssl_context: ssl.SSLContext | None = None,
    options: TransportOptions | None = None,
) -> Channel:
    """Connect within `connect_timeout` seconds; requests then have `request_timeout` each.

    Raises InvalidAddress, or NotConnected with a sentence that says why.
    """
    transport = _transport_of(url)
    own = (options or {}).get(SCHEMES[urlsplit(url).scheme].rpartition(".")[2], {})
    return await transport.open_channel(
        url,
        connect_timeout=connect_timeout,
        request_timeout=request_timeout,
        ssl_context=ssl_context,
        **own,
    )


def _transport_of(url: str) -> _Transport:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise InvalidAddress(
            term("The address {url!r} cannot be read: {error}.", url=url, error=error)
        ) from error
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise InvalidAddress(
            term("The address {url!r} must begin with one of {known}.", url=url, known=known)
        )
    return cast(_Transport, import_module(SCHEMES[scheme]))
