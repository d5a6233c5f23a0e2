"""Addresses of servers: whether what is said to them can be read or changed on the way."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Whether a host's name or number is this very machine, so that nobody is on the way."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_protected(address: str) -> bool:
    """Whether this is an address with https://, or with http:// to this very machine. The host is
    compared as a host: `http://localhost.example.org` and `http://localhost@example.org` are
    others' machines."""
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
