"""Addresses of servers: whether anybody on the network could read or change the traffic."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Return whether a host's name or number is this machine, so that no network is involved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_protected(address: str) -> bool:
    """Return whether this is an address with https://, or with http:// to this machine. Compares
    the parsed host: `http://localhost.example.org` and `http://localhost@example.org` are other
    machines."""
    if re.search(r"[^\x21-\x7e]|\\", address):
        return False
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))
