"""Addresses `psdk://host:port?option=value&…`, with TLS `psdk+tls://…`."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from console.esp.errors import InvalidAddress
from console.text.sentences import term

TLS_SCHEME = "psdk+tls"
# The SDK's names for options of a connection's configuration (docs/transports.md).
_SECONDS = ("addp-timeout", "addp-remote-timeout")
_WORDS = ("addp-trace", "string-attributes-encoding")
# Other options of a site's own SDK are given by their names there: sdk.NAME=value.
_OTHERS = "sdk."
_TLS_HOST = "tls-host"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address. The certificate must carry `tls_host`; `options` are the SDK's."""

    host: str
    port: int
    tls: bool
    tls_host: str
    options: tuple[tuple[str, str | int], ...]

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(url: str) -> Address:
    """Parse an address. Raises InvalidAddress, saying what to change."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise InvalidAddress(
            term("The address {url!r} cannot be read: {error}.", url=url, error=error)
        ) from error
    extras = ("@" in parts.netloc, parts.path.strip("/"), parts.fragment)
    if not host or not port or any(extras) or " " in url or not url.isprintable():
        raise InvalidAddress(
            term(
                "The address {url!r} must be a scheme, a host, a port and options, and nothing "
                "else: for example "
                "psdk://chat1.example.com:4801?addp-timeout=10&addp-remote-timeout=11.",
                url=url,
            )
        )
    tls = parts.scheme == TLS_SCHEME
    names = [name for name, _value in query]
    if len(set(names)) < len(names):
        raise InvalidAddress(term("The address {url!r} has an option twice. Remove one.", url=url))
    options = dict(query)
    tls_host = options.pop(_TLS_HOST, host)
    if not tls_host or (_TLS_HOST in names and not tls):
        raise InvalidAddress(
            term(
                "The address {url!r}: {option} is the name that a certificate must carry, and "
                "belongs to {scheme}:// alone.",
                url=url,
                option=_TLS_HOST,
                scheme=TLS_SCHEME,
            )
        )
    given = tuple(_option(url, name, value) for name, value in options.items())
    return Address(host, port, tls, tls_host, given)


def _option(url: str, name: str, value: str) -> tuple[str, str | int]:
    if name in _SECONDS:
        if not re.fullmatch(r"[0-9]{1,5}", value):
            raise InvalidAddress(
                term(
                    "The address {url!r}: {name} is a whole number of seconds.", url=url, name=name
                )
            )
        return name, int(value)
    plain = name.removeprefix(_OTHERS)
    if (name in _WORDS or name.startswith(_OTHERS)) and _NAME.fullmatch(plain):
        if not value or not value.isascii():
            raise InvalidAddress(
                term("The address {url!r}: {name} needs a value in ASCII.", url=url, name=name)
            )
        return plain, value
    known = ", ".join([*_SECONDS, *_WORDS, _TLS_HOST])
    raise InvalidAddress(
        term(
            "The address {url!r} has the unknown option {name!r}. Known are {known}, and sdk.NAME "
            "for another option of your SDK's.",
            url=url,
            name=name,
            known=known,
        )
    )
