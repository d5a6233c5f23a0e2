"""Makes messages of syslog: RFC 5424, with their length before them (RFC 6587) as TLS needs it (RFC
5425). Pure."""

import re
from datetime import UTC

from console.audit.siem.events import Severity
from console.audit.siem.message import Message

# RFC 5424, table 1: 13 is "log audit".
FACILITY = 13
# Its table 2: 6 is informational, 5 notice, 4 warning, 3 error.
SEVERITIES = {Severity.INFORMATIONAL: 6, Severity.LOW: 5, Severity.MEDIUM: 4, Severity.HIGH: 3}
APP_NAME = "notice-console"
_NOT_A_NAME = re.compile(r"[^!-~]")


def syslog(message: Message, content: bytes, *, host: str, version: str) -> bytes:
    """Return a message of RFC 5424 around `content`, which is UTF-8."""
    priority = FACILITY * 8 + SEVERITIES[message.meaning.severity]
    at = message.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    head = (
        f"<{priority}>1 {at} {_name(host, 255)} {APP_NAME} - {_name(message.action, 32)} "
        f'[origin software="{APP_NAME}" swVersion="{_value(version)}"] '
    )
    return head.encode() + content


def counted(message: bytes) -> bytes:
    """Return a message with its length in bytes before it."""
    return b"%d %b" % (len(message), message)


def _name(text: str, most: int) -> str:
    return _NOT_A_NAME.sub("", text)[:most] or "-"


def _value(text: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", text)
