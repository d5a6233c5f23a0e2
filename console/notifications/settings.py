"""The settings of mail and channels, each described in docs/settings.md."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

TLS = ("starttls", "none")
PORTS = {"smtp": 587, "smtps": 465}
MAIL_EXPECTED = (
    "set it to smtp://user:password@host:587?tls=starttls or smtps://user:password@host:465, with "
    "%-encoding for signs such as @ and / in the password"
)
CHANNELS_EXPECTED = (
    "set it to name=address, with blanks or line breaks between several: a name has small letters, "
    "digits and hyphens, and an address is one that Apprise knows"
)
ADDRESS = re.compile(r"[^@\s<>\",;]+@[^@\s<>\",;]+")


class SecretAddress(str):
    """A channel's address, whose secret no page of an error and no log shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails leave. Without a host none do. `tls` is "", "starttls" or "tls"."""

    host: str = ""
    port: int = 0
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: str = ""

    def __bool__(self) -> bool:
        return bool(self.host)

    def __str__(self) -> str:
        """Return the server without its user and password, as pages may show it."""
        return f"{self.host}:{self.port}" if self.host else ""


NO_SERVER = MailServer()


def mail_server(raw: str) -> MailServer:
    """Convert the address of a mail server. What it complains of has no part of the address."""
    try:
        url = urlsplit(raw)
        port = url.port or PORTS[url.scheme]
        tls = _tls(url)
    except (KeyError, ValueError) as error:
        raise ValueError(MAIL_EXPECTED) from error
    if not url.hostname or url.path.strip("/") or url.fragment:
        raise ValueError(MAIL_EXPECTED)
    if bool(url.username) != bool(url.password):
        raise ValueError("give both a user and a password in it, or neither")
    return MailServer(
        host=url.hostname,
        port=port,
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        tls=tls,
    )


def _tls(url: SplitResult) -> str:
    options = dict(parse_qsl(url.query, strict_parsing=True)) if url.query else {}
    wanted = options.pop("tls", "")
    if options or (wanted and (url.scheme == "smtps" or wanted not in TLS)):
        raise ValueError(MAIL_EXPECTED)
    if url.scheme == "smtps":
        return "tls"
    # Without a word about it, a password or a mail never travels in the clear.
    return "" if wanted == "none" else "starttls"


def mail_address(raw: str) -> str:
    """Convert a sender: an address alone, or a name with the address in angle brackets."""
    named = re.fullmatch(r"[^<>@\r\n\"]*<([^<>]+)>", raw)
    if not ADDRESS.fullmatch(named[1] if named else raw):
        raise ValueError("set it to an address such as Notice Console <console@example.org>")
    return raw


def channels(raw: str) -> dict[str, str]:
    """Convert addresses by name. Apprise must know each of them."""
    from apprise import Apprise  # loaded only where there are channels

    found: dict[str, str] = {}
    for entry in raw.split():
        name, equals, address = entry.partition("=")
        is_named = equals and re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) and name not in found
        if not is_named or Apprise.instantiate(address) is None:
            raise ValueError(CHANNELS_EXPECTED)
        found[name] = SecretAddress(address)
    return found
