"""Makes a line of CEF (ArcSight's Common Event Format, version 0) of a message. Pure.

In the header a pipe and a backslash have a backslash before them; in the extension an equals sign
and a backslash have, and a line's end is written as \\n or \\r.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address

from console.audit.chain import sorted_json
from console.audit.siem.events import Severity
from console.audit.siem.message import PRODUCT, VENDOR, Message
from console.audit.siem.ocsf import STATUSES

# Of 0 to 10.
SEVERITIES = {Severity.INFORMATIONAL: 1, Severity.LOW: 3, Severity.MEDIUM: 5, Severity.HIGH: 8}
# How many characters the dictionary of CEF has room for.
MOST = {"act": 63, "cat": 1023, "duser": 1023, "msg": 1023, "outcome": 63, "suid": 1023}
# Control characters, which receivers take for the end of a message or drop. \n and \r are escaped.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")


def cef(message: Message, version: str) -> bytes:
    """Return the line, without a line's end. `version` is the console's."""
    header = "|".join(
        map(
            _in_header,
            (
                *("CEF:0", VENDOR, PRODUCT, version, message.action, message.label),
                str(SEVERITIES[message.meaning.severity]),
            ),
        )
    )
    extension = " ".join(
        f"{key}={_in_extension(value[: MOST.get(key, 4000)])}" for key, value in _fields(message)
    )
    return f"{header}|{extension}".encode("utf-8", "replace")


def _in_header(text: str) -> str:
    # A line's end can't be said in the header.
    text = re.sub(r"[\r\n]+", " ", _CONTROL.sub(" ", text))
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _in_extension(text: str) -> str:
    text = _CONTROL.sub(" ", text).replace("\\", "\\\\").replace("=", "\\=")
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _fields(message: Message) -> Iterator[tuple[str, str]]:
    yield from (
        ("rt", str(message.milliseconds)),
        ("externalId", str(message.seq)),
        ("act", message.meaning.activity_name),
        ("cat", message.meaning.event_class.name),
        ("outcome", STATUSES[message.meaning.outcome].lower()),
        ("suid", message.actor_ref),
        ("suser", message.actor_name),
        ("msg", message.words),
    )
    if message.target_kind in ("user", "api_client"):
        yield "duser", message.target_name
    if isinstance(message.address, IPv4Address):
        yield "src", str(message.address)
    elif message.address is not None:
        yield from (("c6a1", str(message.address)), ("c6a1Label", "sourceAddress"))
    yield from (("cn1", str(message.follows)), ("cn1Label", "follows"))
    for number, (label, value) in enumerate(_texts(message), start=1):
        if value:
            yield from ((f"cs{number}", value), (f"cs{number}Label", label))


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """The six texts for which CEF has no field of its own."""
    yield "targetKind", message.target_kind
    yield "targetRef", message.target_ref
    yield "targetName", message.target_name
    yield "data", message.data_json() if message.data else ""
    yield "hash", message.hash
    yield "leftOut", sorted_json(message.left_out).decode() if message.left_out else ""
