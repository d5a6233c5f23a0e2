"""Where webhooks may lead: checked when an address is saved, and again before each connection.

In between, a name may change to another machine's address (DNS rebinding). So a sender connects to
the address that `resolve` has just returned, and never looks the name up again.
"""

import re
import socket
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from console.errors import InvalidInput
from console.text.sentences import Sentence
from console.text.wording import worded

LOOKUP_SECONDS = 3.0
LENGTH = 2000
PORTS = {"https": 443, "http": 80}
# A host with or without a port, and no user before an @.
AUTHORITY = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
# Browsers and libraries disagree on how to read these.
NOT_IN_URLS = frozenset(' #\\"<>^`{|}')
Address = IPv4Address | IPv6Address
# IANA's registries of special-purpose addresses (RFC 6890), and multicast. Python's own tables are
# older, and differ between its versions.
SPECIAL = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            # Within GLOBAL_UNICAST: Teredo, ORCHID and similar ranges, documentation, 6to4.
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
# IPv6 addresses outside of it lead to no public machine, or through a translator to an IPv4 one.
GLOBAL_UNICAST = IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Destination:
    """A web server's address. `host` has no brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Refused(Exception):
    """A destination without an allowed address. The message is for an administrator."""

    def __init__(self, code: str, template: str, /, **params: Any) -> None:
        self.said = Sentence(code, template, **params)
        self.code = code
        super().__init__(self.said)

    @property
    def message(self) -> str:
        return worded(self.said)


def read_url(url: str) -> Destination:
    """Parse a webhook's URL. Raises Refused if it is no web server's, or has no https."""
    try:
        parts = urlsplit(url)
        port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if not (
        len(url) <= LENGTH
        and url.isascii()
        and url.isprintable()
        and not set(url) & NOT_IN_URLS
        and parts.scheme in PORTS
        and port
        and AUTHORITY.fullmatch(parts.netloc)
    ):
        raise Refused(
            "invalid_webhook_url",
            "Write the whole address, such as https://hooks.example.org/notices: without a name, "
            "a password or a # in it, and a name in other letters as xn--….",
        )
    if parts.scheme == "http" and not settings.WEBHOOK_HTTP:
        raise Refused(
            "https_required",
            "The address must begin with https://, since what is told would travel in the clear. "
            "The setting CONSOLE_WEBHOOK_HTTP allows http.",
        )
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    return Destination(parts.scheme, (parts.hostname or "").lower(), port, target)


def resolve(destination: Destination) -> str:
    """Return the address to connect to.

    Raises Refused if there is none, or if any of the name's addresses is not allowed: a mixture is
    suspicious.
    """
    found = _look_up(destination.host, destination.port)
    for address in found:
        if not is_allowed(address):
            host = destination.host
            raise Refused(
                "webhook_address_refused",
                "{host} is no public address{where}: webhooks may not reach into the network that "
                "the console is in. The setting CONSOLE_WEBHOOK_PRIVATE_ADDRESSES lists the ranges "
                "that they may.",
                host=host,
                where="" if host == address else f" ({address})",
            )
    return found[0]


def check(url: str) -> None:
    """Check an address that is to be saved. Raises InvalidInput."""
    try:
        resolve(read_url(url))
    except Refused as refusal:
        raise InvalidInput(refusal.code, refusal.said, {"field": "url"}) from refusal


def is_allowed(text: str) -> bool:
    """Return whether a connection to this address is allowed: it is public, or in the setting."""
    address = _meant(ip_address(text))
    return _is_public(address) or any(
        address in network for network in settings.WEBHOOK_PRIVATE_ADDRESSES
    )


def _meant(address: Address) -> Address:
    """Return a mapped address as IPv4: the system connects `::ffff:127.0.0.1` to 127.0.0.1."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not any(address in network for network in SPECIAL)


def _look_up(host: str, port: int) -> list[str]:
    """Return all addresses of a host, in the system's order. Raises Refused.

    Other notations of an address, such as 2130706433 and 0x7f.1, come back as that address.
    """
    try:
        return _addresses(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return _look_name_up(host, port)


def _addresses(host: str, port: int, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [str(sockaddr[0]) for *_rest, sockaddr in found]


def _look_name_up(host: str, port: int) -> list[str]:
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result(_addresses(host, port))
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    # A look-up that hangs can't be stopped, so nothing waits for its thread.
    Thread(target=ask, name="webhook-lookup", daemon=True).start()
    try:
        return answer.result(timeout=LOOKUP_SECONDS)
    except (OSError, UnicodeError) as error:  # a TimeoutError is an OSError
        raise Refused(
            "webhook_host_not_found",
            "The name {host} has no address that can be found now. Check how it is written, and "
            "whether the console's machine can look it up.",
            host=host,
        ) from error
