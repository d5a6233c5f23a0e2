"""Reads settings from environment variables, and says what to do about wrong ones.

A wrong one does not end the reading: all errors are collected first, and then reported together
(`stop_if_wrong`, which console.settings calls last).
"""

import base64
import json
import os
import re
import shlex
import ssl
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from console.security.hosts import is_protected

T = TypeVar("T")
Network = IPv4Network | IPv6Network

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
# The values of variables with such names are never logged, however wrong they are.
SECRET = re.compile(
    r"(KEYS?|PASSWORD|SECRET|TOKEN)$|^DATABASE_URL$|^CONSOLE_EMAIL_URL$|^CONSOLE_CHANNELS$"
    r"|^CONSOLE_SIEM_TO$"
)
# What an example has instead of a site's own value.
PLACEHOLDER = re.compile(r"change[-_ ]?me|^(…|\.{3}|<.*>)$", re.IGNORECASE)
# Django warns about a shorter or more uniform secret key (security.W009).
KEY_LENGTH, KEY_VARIETY = 50, 5
TOKEN_LENGTH = 32
HOST = re.compile(
    r"\.?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?|\[[0-9a-f:.]+\]",
    re.IGNORECASE,
)

# All settings that were read, and the errors: a sentence by name.
known: set[str] = set()
_wrong: dict[str, str] = {}
_required = True


def read(name: str, convert: Callable[[str], T], default: T) -> T:
    """Read the variable ``name`` by ``convert``; ``default`` if it is unset, empty or wrong.

    ``convert`` raises ValueError with a sentence that says what is expected.
    """
    known.add(name)
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    if PLACEHOLDER.search(raw):
        refuse(name, f"{name} still has what an example has in its place: set it to your own")
        return default
    try:
        return convert(raw)
    except ValueError as error:
        what = name if SECRET.search(name) else f"{name}={raw!r}"
        refuse(name, f"{what}: {error}")
        return default


def refuse(name: str, sentence: str) -> None:
    """Record an error in ``name``. Only the first counts, as the nearest to the cause."""
    _wrong.setdefault(name, sentence)


def stop_if_wrong() -> None:
    """Raise ImproperlyConfigured with all errors recorded since the last call."""
    sentences = list(_wrong.values())
    _wrong.clear()
    if not (_required and sentences):
        return
    if len(sentences) == 1:
        raise ImproperlyConfigured(f"{sentences[0]} (see docs/settings.md)")
    listed = "".join(f"\n- {sentence}" for sentence in sentences)
    raise ImproperlyConfigured(
        f"{len(sentences)} things in the settings stop the start (see docs/settings.md):{listed}"
    )


def require_nothing() -> None:
    """Ignore errors, for a command that needs no settings. Call it before the settings are read."""
    global _required
    _required = False


def text(raw: str) -> str:
    return raw


def folder(raw: str) -> Path:
    return Path(raw).expanduser().resolve()


def boolean(raw: str) -> bool:
    if raw.lower() in TRUE:
        return True
    if raw.lower() in FALSE:
        return False
    raise ValueError("set it to 1 or 0")


def words(raw: str) -> list[str]:
    found = [word.strip() for word in raw.split(",") if word.strip()]
    if not found:  # an empty list is ambiguous, so nobody may write one by mistake
        raise ValueError("name at least one, or leave it unset")
    return found


def number(*, least: int, most: int, unit: str) -> Callable[[str], int]:
    """Return a converter for whole numbers from ``least`` to ``most``."""

    def convert(raw: str) -> int:
        complaint = f"set it to a whole number of {unit} from {least:,} to {most:,}"
        try:
            value = int(raw)
        except ValueError as error:
            raise ValueError(complaint) from error
        if not least <= value <= most:
            raise ValueError(complaint)
        return value

    return convert


def days(*, least: int) -> Callable[[str], int]:
    """Return a converter for a retention time in days."""
    return number(least=least, most=3650, unit="days")


def port(raw: str) -> int | None:
    if not re.fullmatch(r"[0-9]{1,5}", raw) or not 1 <= int(raw) <= 65_535:
        raise ValueError("set it to a port, a number from 1 to 65535")
    return int(raw)


def rate(raw: str) -> str:
    """Convert a number of calls in a unit of time, as REST framework takes it."""
    if not re.fullmatch(r"[1-9][0-9]{0,6}/(s|sec|m|min|h|hour|d|day)", raw):
        raise ValueError("set it to a number of calls and a unit, such as 6000/min")
    return raw


def secret_key(raw: str) -> str:
    """Convert the key that signs sessions. It must be too long to guess."""
    if len(raw) < KEY_LENGTH or len(set(raw)) < KEY_VARIETY or raw.startswith("django-insecure-"):
        raise ValueError(
            f"set it to a random text of at least {KEY_LENGTH} characters, for example the output "
            "of: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    return raw


def token(raw: str) -> str:
    """Convert a bearer token of programs."""
    if not re.fullmatch(r"[!-~]+", raw) or len(raw) < TOKEN_LENGTH:
        raise ValueError(
            f"set it to a random text of at least {TOKEN_LENGTH} ASCII characters without blanks"
        )
    return raw


def key(raw: str) -> str:
    """Convert a signing key: 32 bytes in base64."""
    if not _is_key(raw):
        raise ValueError("set it to what manage.py audit_key prints: 32 bytes in base64")
    return raw


def process_key(raw: str) -> str:
    """Convert the key of a process with its certificate, or the path of a file with it."""
    try:
        text = Path(raw).read_text("utf-8").strip() if raw.startswith("/") else raw
        said = json.loads(base64.b64decode(text, validate=True))
        is_whole = _is_key(said["private"]) and isinstance(said["certificate"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise ValueError(
            "set it to the line that manage.py audit_key --process NAME prints, or to the whole "
            "path of a file with it that this process can read"
        )
    return raw


def public_keys(raw: str) -> list[str]:
    """Convert public keys, which verify: each 32 bytes in base64."""
    found = words(raw)
    if not all(map(_is_key, found)):
        raise ValueError(
            "set it to what manage.py audit_key --public printed: 32 bytes in base64, with commas "
            "between several"
        )
    return found


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except ValueError:
        return False


def place(raw: str) -> str:
    """Convert a folder, or an address that accepts a POST."""
    if raw.startswith("https://"):
        return raw
    if "://" in raw or not Path(raw).is_absolute():
        raise ValueError("set it to a folder with its whole path, or to an address with https://")
    return raw


def secure_address(raw: str) -> str:
    """Convert an address that accepts a POST."""
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s#]*)?", raw):
        raise ValueError("set it to an address that begins with https://")
    return raw


def whole_path(raw: str) -> str:
    """Convert a folder that need not be there yet."""
    if not Path(raw).is_absolute():
        raise ValueError("set it to a folder with its whole path")
    return raw


def log_name(raw: str) -> str:
    """Convert the name of a transparency log."""
    if len(raw) > 150 or not raw.isprintable() or re.search(r"[\s+]", raw):
        raise ValueError(
            "set it to a name without blanks and + of at most 150 characters, such as "
            "console.example.com/ledger"
        )
    return raw


def file(raw: str) -> str:
    """Convert the path of a readable file."""
    if not (Path(raw).is_absolute() and os.access(raw, os.R_OK) and Path(raw).is_file()):
        raise ValueError("set it to the whole path of a file that this process can read")
    return raw


def certificates(raw: str) -> str:
    """Convert the path of a file of trusted certificates."""
    try:
        ssl.create_default_context(cafile=raw)
    except OSError as error:
        raise ValueError("set it to a file of certificates in PEM that can be read") from error
    return raw


def existing_folder(raw: str) -> Path | None:
    path = folder(raw)
    if not path.is_dir():
        raise ValueError("set it to a folder that is there")
    return path


def readable_file(raw: str) -> Path | None:
    """Convert the path of a file that is readable now, so that a wrong one shows at the start."""
    path = Path(raw).expanduser().resolve()
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError("set it to a file that can be read") from error
    return path


def networks(raw: str) -> list[Network]:
    """Convert ranges of IP addresses."""
    try:
        return [ip_network(word) for word in words(raw)]
    except ValueError as error:
        raise ValueError("set it to ranges of addresses such as 10.1.0.0/16,fd00::/8") from error


def paths(raw: str) -> tuple[str, ...]:
    """Convert files and folders, separated as in PATH."""
    found = tuple(part.strip() for part in raw.split(os.pathsep) if part.strip())
    if not all(Path(part).is_absolute() for part in found):
        raise ValueError(f"set it to whole paths with {os.pathsep!r} between them")
    return found


def options(raw: str) -> tuple[str, ...]:
    """Convert options of a program, each beginning with a dash and separated by blanks."""
    found = tuple(shlex.split(raw))
    if not all(part.startswith("-") for part in found):
        raise ValueError("set it to options that begin with a dash, such as -Xmx256m")
    return found


def servers(*schemes: str) -> Callable[[str], list[str]]:
    """Return a converter for addresses with one of these schemes, a host and a port."""

    def convert(raw: str) -> list[str]:
        found = words(raw)
        address = (
            rf"({'|'.join(map(re.escape, schemes))})://([^\s/:@]+|\[[^\s/@]+\]):[0-9]{{1,5}}/?"
        )
        if not all(re.fullmatch(address, each) for each in found):
            raise ValueError(
                f"set it to {schemes[0]}://host:port, with commas between several of them"
            )
        return found

    return convert


def pairs(raw: str) -> dict[str, str]:
    entries = [entry.split("=") for entry in words(raw)]
    if any(len(entry) != 2 or not all(entry) for entry in entries):
        raise ValueError("set it to name=value,name=value")
    return {entry[0]: entry[1] for entry in entries}


def hosts(raw: str) -> list[str]:
    """Convert host names; `.example.org` means all hosts below it."""
    found = words(raw)
    if not all(map(_is_host, found)):
        raise ValueError(
            "set it to names of hosts such as console.example.org, with commas between several: "
            "no *, no https://, no port and no quotes"
        )
    return found


def international_hosts(raw: str) -> list[str]:
    """Convert host names as `hosts` does, also in non-ASCII letters."""
    found = words(raw)
    hosts(",".join(re.sub("[^\x00-\x7f]", "x", name) for name in found))
    return found


def _is_host(name: str) -> bool:
    is_anybodys = name.startswith(".") and "." not in name.strip(".")  # all hosts below .org
    return bool(HOST.fullmatch(name)) and not is_anybodys


def origins(raw: str) -> list[str]:
    """Convert schemes and hosts as browsers send them; `https://*.example.org` is all below it."""
    found = words(raw)
    for each in found:
        scheme, _colon, rest = each.partition("://")
        host = re.sub(r":[0-9]{1,5}$", "", rest).replace("*.", ".", 1)
        if scheme not in ("http", "https") or not _is_host(host):
            raise ValueError(
                "set it to origins such as https://console.example.org, with commas between several"
            )
    return found


def framing_origins(raw: str) -> list[str]:
    """Convert origins of pages that may embed the console's: each a scheme, a host and perhaps a
    port, and nothing beside it. Only this machine's may do without https."""
    found = words(raw)
    for each in found:
        if not re.fullmatch(r"https?://[^/?#@*;,\s\"']+", each) or not is_protected(each):
            raise ValueError(
                "set it to origins such as https://desk.example.org, with commas between several: "
                "https:// (http:// for this machine alone), a host, no path and no *"
            )
        origins(each)
    return found


def origin(raw: str) -> str:
    """Convert an https:// address without a query or a fragment."""
    if not is_protected(raw) or re.search("[?#]", raw):
        raise ValueError(
            "set it to an address that starts with https:// (http:// for this machine alone)"
        )
    return raw.rstrip("/")


def meanings(*known: str) -> Callable[[str], dict[str, tuple[str, ...]]]:
    """Return a converter of `name=group; name=group`, which says what each group means. Names must
    be `known`, if any are given."""

    def convert(raw: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for entry in filter(None, map(str.strip, raw.split(";"))):
            name, _equals, group = (part.strip() for part in entry.partition("="))
            if not (name and group) or (known and name not in known):
                which = f", each name one of {', '.join(known)}" if known else ""
                raise ValueError(f"set it to name=group; name=group{which}")
            found[group] = (*found.get(group, ()), name)
        return found

    return convert


def one_of(*choices: str) -> Callable[[str], str]:
    def convert(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"set it to one of {', '.join(choices)}")
        return raw

    return convert
