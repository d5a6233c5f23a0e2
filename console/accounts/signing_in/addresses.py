"""The address of a request's sender, and networks that an address may be in."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "0.0.0.0"  # noqa: S104 - nothing listens there: the server did not report the sender


def sender_address(request: HttpRequest) -> str:
    """Return the sender's IP address as text, or UNKNOWN if the server did not report it.

    A header counts only if a proxy sets it (TRUST_PROXY), and then only its last part, which the
    proxy itself has appended.
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
    """Return what a caller can't easily change: the IPv4 address, or the /64 network of an IPv6
    address, which one household or machine has to itself."""
    known = ip_address(address)
    return str(ip_network((int(known), 64), strict=False)) if known.version == 6 else address


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Return whether the address is in one of the networks; False for UNKNOWN."""
    if address == UNKNOWN:
        return False
    known = ip_address(address)
    return any(known in ip_network(network) for network in networks)


def network(text: str) -> str:
    """Return a network in canonical CIDR: `10.1.2.3` becomes `10.1.2.3/32`.

    Raises ValueError for anything else, and for bits set outside of the prefix.
    """
    return str(ip_network(text.strip()))
