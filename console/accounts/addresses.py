"""Where a request comes from."""

from ipaddress import IPv6Address, ip_address

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
