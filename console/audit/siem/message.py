"""What a message to a SIEM is made of, whatever its format. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from console.audit.chain import sorted_json
from console.audit.siem.events import MEANINGS, UNKNOWN_ACTION, Meaning

VENDOR = PRODUCT = "Notice Console"
# Fields of an entry's data that never leave: what only the console's own checks need, and the words
# of notices. The entry's hash covers them.
KEPT_BACK = ("rows", "bodies", "confirmation")
# A field of more bytes stays, and so do the largest if all together have more.
FIELD_BYTES, DATA_BYTES = 1_000, 2_500
# What receivers of RFC 5425 should be able to take in one message (its section 4.3.1).
MESSAGE_BYTES = 8_192


@dataclass(frozen=True)
class Message:
    """An entry of the ledger, or what the stream itself has to say, with the number of the message
    that it follows.

    `left_out` has for each field of the data that stays the number of its elements, or None if it
    is no list.
    """

    seq: int
    at: datetime
    actor_ref: str
    actor_name: str
    action: str
    label: str
    target_kind: str
    target_ref: str
    target_name: str
    follows: int
    prev_hash: str = ""
    hash: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, int | None] = field(default_factory=dict)
    told_as: Meaning | None = None

    @property
    def meaning(self) -> Meaning:
        return self.told_as or MEANINGS.get(self.action, UNKNOWN_ACTION)

    @property
    def milliseconds(self) -> int:
        return (self.at.astimezone(UTC) - EPOCH) // MILLISECOND

    @property
    def words(self) -> str:
        """The event in a few words."""
        return f"{self.label}: {self.target_name}" if self.target_name else self.label

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """From where somebody signed in, if the entry has it."""
        said = self.data.get("address")
        try:
            return ip_address(said) if isinstance(said, str) else None
        except ValueError:
            return None

    def data_json(self) -> str:
        return sorted_json(self.data).decode()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = datetime.resolution * 1000


def bounded(message: Message, most: int = DATA_BYTES) -> Message:
    """Leave the largest fields of the data out until no more than so many bytes are left."""
    data, left_out = dict(message.data), dict(message.left_out)
    while len(sorted_json(data)) > max(most, 2):
        largest = max(data, key=lambda name: len(sorted_json(data[name])))
        value = data.pop(largest)
        left_out[largest] = len(value) if isinstance(value, list) else None
    return replace(message, data=data, left_out=left_out)
