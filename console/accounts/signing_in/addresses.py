"""Where a request comes from, and the networks that an address may be in."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "0.0.0.0"  # noqa: S104 - nothing listens there: the server did not say who calls


def sender_address(request: HttpRequest) -> str:
    """The IP address of who calls, as text; UNKNOWN where the server did not say.

    A header is believed only where a proxy sets it (TRUST_PROXY), and of that only what the proxy
    itself has added at the end.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUST_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "")
        address = forwarded.rpartition(",")[2].strip() or address
    try:
        known = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(known, IPv6Address) and known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(known)


def household(address: str) -> str:
    """What one caller can't easily get away from: the address, or of IPv6 the network that one
    household or machine has to itself."""
    known = ip_address(address)
    return str(ip_network((int(known), 64), strict=False)) if known.version == 6 else address


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether the address is in one of the networks; of an unknown one nobody can say so."""
    if address == UNKNOWN:
        return False
    known = ip_address(address)
    return any(known in ip_network(network) for network in networks)


def network(text: str) -> str:
    """A network in CIDR as it is kept: `10.1.2.3` becomes `10.1.2.3/32`. Raises ValueError for what
    is none, and where bits are set that its prefix leaves out."""
    return str(ip_network(text.strip()))
