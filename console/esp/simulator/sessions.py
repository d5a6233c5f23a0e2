"""Chat sessions with their transcripts."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec import field as struct_field

from console.esp.requests import Visibility

KEPT_ENTRIES = 10_000  # of one session; the journal has all of them

VIEWS: dict[str, frozenset[str]] = {
    "customer": frozenset({Visibility.ALL}),
    "agent": frozenset({Visibility.ALL, Visibility.INT}),
    "supervisor": frozenset({Visibility.ALL, Visibility.INT, Visibility.VIP}),
}


class Entry(Struct, frozen=True, gc=False):
    """One line of a transcript. `at` is in Unix seconds; `role` is "customer" or "agent" for what
    was said in the session, "external" for what came by ESP."""

    seq: int
    at: float
    role: str
    sender: str = struct_field(name="from")
    kind: str
    text: str
    message_type: str = ""
    visibility: str = Visibility.ALL


@dataclass(slots=True)
class Session:
    """One chat, known by its interaction id."""

    interaction_id: str
    user_data: Mapping[str, Any]
    is_open: bool = True
    entries_taken: int = 0
    transcript: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT_ENTRIES))

    @property
    def is_online(self) -> bool:
        """Whether it is open and not marked IsOnline '0' (docs/domain.md section 2)."""
        return self.is_open and not says_offline(self.user_data.get("IsOnline"))

    def add(
        self,
        *,
        at: float,
        role: str,
        sender: str,
        kind: str,
        text: str,
        message_type: str = "",
        visibility: str = Visibility.ALL,
    ) -> None:
        """Add an entry at the end of the transcript."""
        self.entries_taken += 1
        self.transcript.append(
            Entry(self.entries_taken, at, role, sender, kind, text, message_type, visibility)
        )

    def view(self, of: str) -> list[Entry]:
        """Return what a "customer", "agent" or "supervisor" sees. Raises KeyError for others."""
        visible = VIEWS[of]
        return [entry for entry in self.transcript if entry.visibility in visible]


class Sessions:
    """All sessions of one Chat Server."""

    def __init__(self) -> None:
        self._by_id: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_id.values())

    def get(self, interaction_id: str) -> Session | None:
        """Return the session of that interaction, if there ever was one."""
        return self._by_id.get(interaction_id)

    def open(self, interaction_id: str, user_data: Mapping[str, Any]) -> Session:
        """Open a session; a closed one opens again, with its transcript."""
        session = self._by_id.get(interaction_id)
        if session is None:
            session = self._by_id[interaction_id] = Session(interaction_id, user_data)
        session.user_data = user_data
        session.is_open = True
        return session


def says_offline(is_online: object) -> bool:
    """Return whether the value is '0'; an absent key is not offline."""
    return str(is_online) == "0"
