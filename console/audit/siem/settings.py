"""Reads where the ledger is streamed to, and which entries. Pure."""

import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from console.audit.actions import Action
from console.site import environment as env

SYSLOG, HTTPS = "syslog+tls", "https"
PORTS = {SYSLOG: 6514, HTTPS: 443}
OCSF, CEF = "ocsf", "cef"
DESTINATIONS_MOST = 3
ALL = "*"
HEADER = re.compile(r"([A-Za-z0-9-]{1,64}): *([!-~][ -~]{0,4000})")


class Destination(NamedTuple):
    """A receiver: its address as it was set, without a path for syslog."""

    address: str
    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """What people see of it: path and query may have a secret of the receiver."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def destinations(raw: str) -> tuple[Destination, ...]:
    """Convert addresses with blanks between them."""
    found = tuple(map(_destination, raw.split()))
    if len(found) > DESTINATIONS_MOST:
        raise ValueError(f"set it to at most {DESTINATIONS_MOST} addresses")
    if len({each.name for each in found}) < len(found):
        raise ValueError("it names a receiver twice: name each once")
    return found


def _destination(address: str) -> Destination:
    try:
        parts = urlsplit(address)
        port = PORTS[parts.scheme] if parts.port is None else parts.port
        is_whole = bool(parts.hostname) and port > 0 and address.isprintable()
    except (KeyError, ValueError):
        is_whole = False
    if not is_whole or parts.username is not None or parts.fragment or "#" in address:
        raise ValueError(
            "set it to syslog+tls://host:6514 or https://host/path, with blanks between several, "
            "and without a user, a password or a #"
        )
    if parts.scheme == SYSLOG and (parts.path.strip("/") or parts.query):
        raise ValueError("a receiver of syslog has no path: set it to syslog+tls://host:6514")
    return Destination(address, parts.scheme, parts.hostname or "", port)


class Chosen(NamedTuple):
    """Which actions are streamed: these, and all that begin with one of these texts."""

    actions: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def takes(self, action: str) -> bool:
        return action in self.actions or action.startswith(self.prefixes)


def chosen_actions(raw: str) -> Chosen:
    """Convert actions, `send.*` for all that begin so, and `*` for all."""
    actions, prefixes = [], []
    for word in env.words(raw):
        prefix = word.removesuffix(ALL)
        if word == ALL or (prefix.endswith(".") and any(a.startswith(prefix) for a in Action)):
            prefixes.append("" if word == ALL else prefix)
        elif word in Action.values:
            actions.append(word)
        else:
            raise ValueError(
                f"the ledger has no action {word!r}: set it to * for all entries, or to actions "
                "of docs/siem.md such as user.*,sending.stopped, with commas between them"
            )
    return Chosen(tuple(actions), tuple(prefixes))


def header_file(raw: str) -> str:
    """Convert the path of a file with one header for HTTPS."""
    try:
        lines = Path(raw).read_text("ascii").splitlines() if Path(raw).is_absolute() else []
    except (OSError, ValueError):
        lines = []
    if len(lines) != 1 or not HEADER.fullmatch(lines[0].strip()):
        raise ValueError(
            "set it to the whole path of a file that this process can read, with one line such "
            "as: Authorization: Bearer the-receivers-token"
        )
    return raw


def header(path: str) -> Mapping[str, str]:
    """Return the header of such a file; nothing if none is set."""
    if not path:
        return {}
    found = HEADER.fullmatch(Path(path).read_text("ascii").strip())
    return {found[1]: found[2].strip()} if found else {}


def refuse_wrong_streams(chosen: Mapping[str, Any]) -> None:
    """Refuse settings of the stream that do not fit each other."""
    to: Sequence[Destination] = chosen["SIEM_TO"]
    if to and chosen["SIEM_ACTIONS"] is None:
        env.refuse(
            "CONSOLE_SIEM_ACTIONS",
            "CONSOLE_SIEM_TO needs CONSOLE_SIEM_ACTIONS, which says what leaves: set it to * for "
            "all entries of the ledger, or to some actions such as user.*,api_client.*",
        )
    if not to:
        for name in ("ACTIONS", "CA", "CERTIFICATE", "CERTIFICATE_KEY", "HEADER"):
            if chosen[f"SIEM_{name}"]:
                env.refuse(
                    f"CONSOLE_SIEM_{name}",
                    f"CONSOLE_SIEM_{name} needs CONSOLE_SIEM_TO: set that, too, or unset "
                    f"CONSOLE_SIEM_{name}",
                )
    elif chosen["SIEM_HEADER"] and not any(each.scheme == HTTPS for each in to):
        env.refuse(
            "CONSOLE_SIEM_HEADER",
            "CONSOLE_SIEM_HEADER is for receivers at https://, and CONSOLE_SIEM_TO names none: "
            "unset it, or name one",
        )
    _refuse_certificate(chosen["SIEM_CERTIFICATE"], chosen["SIEM_CERTIFICATE_KEY"])


def _refuse_certificate(certificate: str, key: str) -> None:
    if key and not certificate:
        env.refuse(
            "CONSOLE_SIEM_CERTIFICATE_KEY",
            "CONSOLE_SIEM_CERTIFICATE_KEY needs CONSOLE_SIEM_CERTIFICATE: set that, too, or unset "
            "CONSOLE_SIEM_CERTIFICATE_KEY",
        )
    if certificate:
        try:
            ssl.create_default_context().load_cert_chain(
                certificate, key or None, password=_no_password
            )
        except (OSError, ValueError):
            env.refuse(
                "CONSOLE_SIEM_CERTIFICATE",
                "CONSOLE_SIEM_CERTIFICATE and its key can't be used: set it to a file with the "
                "console's certificate in PEM, and CONSOLE_SIEM_CERTIFICATE_KEY to its key "
                "without a password, unless that is in the same file",
            )


def _no_password() -> str:
    """OpenSSL would ask at the terminal for the password of an encrypted key."""
    return ""
