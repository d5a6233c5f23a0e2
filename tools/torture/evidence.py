"""What a run leaves behind: what was asked for, journals, deliveries, ledger, and the faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WINDOW = 32
REST_SECONDS = 0.25  # the least that a Chat Server rests after its first failure; then it doubles
REST_MOST_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A send that the harness asked for. The key is its Idempotency-Key and the end of its texts:
    by that the journal names it. `answers` are the ids with which the API acknowledged it."""

    key: str
    targets: frozenset[str]
    answers: frozenset[int]


@dataclass(frozen=True, slots=True)
class SendRow:
    id: int
    key: str
    status: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`attempted_at` is in Unix seconds."""

    id: int
    send_id: int
    interaction_id: str
    chat_server: str
    status: str
    reason: str
    attempted_at: float | None = None

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return (
            f"delivery {self.id} of send {self.send_id} to {self.interaction_id}: "
            f"{self.status}{reason}"
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A journal's line. `answer` is "response", "fault" or "none"."""

    chat_server: str
    interaction_id: str
    key: str
    at: float
    answer: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done, to whom, and from when to when in Unix seconds.

    `touched` are the Chat Servers on which it may leave deliveries unknown, `lasts` says that all
    that is tried meanwhile fails too. `mid_work` are those whose claimed deliveries a killed worker
    left behind.
    """

    number: int
    kind: str
    subject: str
    begin: float
    end: float
    touched: tuple[str, ...] = ()
    lasts: bool = False
    mid_work: tuple[str, ...] = ()

    @property
    def unknown_most(self) -> int:
        """How many deliveries of each touched Chat Server it may cost: one window, and while it
        lasts one more for each time that the Chat Server is asked to prove itself."""
        return WINDOW + (_tries_within(self.end - self.begin) if self.lasts else 0)

    def __str__(self) -> str:
        return f"fault {self.number} ({self.kind}, {self.subject})"


def _tries_within(seconds: float) -> int:
    tries, rest = 1, REST_SECONDS
    while (seconds := seconds - rest) > 0:
        tries, rest = tries + 1, min(rest * 2, REST_MOST_SECONDS)
    return tries


@dataclass(slots=True)
class Evidence:
    """`entries` are the ledger's, in its order, as console.audit.chain takes them, with `hash`.
    `troubles` are what the harness met that must not be, `counts_wrong` are sends that count their
    deliveries otherwise than they are. `request_timeout` is in seconds."""

    asked: list[Asked] = field(default_factory=list)
    sends: list[SendRow] = field(default_factory=list)
    deliveries: list[DeliveryRow] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    entries: list[Mapping[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    claims_left: int = 0
    outbox_left: int = 0
    counts_wrong: list[str] = field(default_factory=list)
    request_timeout: float = 2.0
