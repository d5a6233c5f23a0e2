"""What a run leaves behind: what was asked for, journals, deliveries, ledger, and the faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WINDOW = 32
DATABASE = "database"  # the subject of faults that hit it for all
REST_SECONDS = 0.25  # the least that a Chat Server rests after its first failure; then it doubles
REST_MOST_SECONDS = 15.0
# How late an answer may come, in request timeouts after its request, and how soon after that a
# living worker has recorded it, in seconds.
LATEST_TIMEOUTS = 2.3
RECORDED_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A send that the harness asked for. The key is its Idempotency-Key and the end of its texts:
    by that the journal names it. `answers` are the ids with which the API acknowledged it."""

    key: str
    targets: frozenset[str]
    answers: frozenset[int]


@dataclass(frozen=True, slots=True)
class SendRow:
    """`release_at` is when it was to begin, in Unix seconds. `stage` is the incident's stage that
    it is of: the texts of all its sends end with the same key."""

    id: int
    key: str
    status: str
    release_at: float | None = None
    stage: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """The times are in Unix seconds: when it was claimed, and when its end was recorded. `late` are
    the late answers beside it: their statuses."""

    id: int
    send_id: int
    interaction_id: str
    chat_server: str
    status: str
    reason: str
    attempted_at: float | None = None
    finished_at: float | None = None
    late: tuple[str, ...] = ()

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

    `touched` are the Chat Servers on which it may leave deliveries unknown: one window of each,
    for each of so many `channels`. With `lasts` all that is tried meanwhile fails too. With `most`
    it hits so many requests, and costs others nothing. `loses` are the Chat Servers whose answers
    may be lost with it although they were sent: on their way, or with the memory of a worker;
    with `late_only` only those that came after the time of their requests.
    `mid_work` are those whose work waited for somebody to go on, from `waits_from` on (None: from
    its begin).
    """

    number: int
    kind: str
    subject: str
    begin: float
    end: float
    touched: tuple[str, ...] = ()
    lasts: bool = False
    channels: int = 1
    mid_work: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    late_only: bool = False
    most: int | None = None
    waits_from: float | None = None

    @property
    def unknown_most(self) -> int:
        """How many deliveries of each touched Chat Server it may cost: one window, and while it
        lasts one more for each time that the Chat Server is asked to prove itself."""
        if self.most is not None:
            return self.most
        return WINDOW * self.channels + (_tries_within(self.end - self.begin) if self.lasts else 0)

    def __str__(self) -> str:
        return f"fault {self.number} ({self.kind}, {self.subject})"


def _tries_within(seconds: float) -> int:
    tries, rest = 1, REST_SECONDS
    while (seconds := seconds - rest) > 0:
        tries, rest = tries + 1, min(rest * 2, REST_MOST_SECONDS)
    return tries


@dataclass(frozen=True, slots=True)
class Holder:
    """Who had the lease of a Chat Server at a moment, in Unix seconds."""

    at: float
    chat_server: str
    worker: str


@dataclass(slots=True)
class Came:
    """A chat that came while incidents ran. `matches_at` is when the feed had taken the event by
    which it matches its incidents' audience and can be reached, `ends_at` the moment before it was
    told to end; in Unix seconds. It matches until then."""

    id: str
    queue: str
    matches_at: float | None = None
    ends_at: float | None = None


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident, with the lines of its file. The times are in Unix seconds."""

    id: int
    queue: str
    status: str
    started_at: float
    closed_at: float | None
    file: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage that was started. The times are in Unix seconds."""

    id: int
    incident_id: int
    position: int
    reach: str
    is_standing: bool
    started_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A chat that a stage has had, with its last delivery, which was made at `tried_at`."""

    stage_id: int
    interaction_id: str
    matched_at: float
    tried_at: float
    delivery_id: int


@dataclass(slots=True)
class Evidence:
    """`entries` are the ledger's, in its order, as console.audit.chain takes them, with `hash`.
    `troubles` are what the harness met that must not be, `counts_wrong` are sends that count their
    deliveries otherwise than they are. `holders` are samples in the order of their time,
    `kept_left` counts the outcomes that are left in workers' files.
    `request_timeout` and `time_to_live` are in seconds."""

    asked: list[Asked] = field(default_factory=list)
    sends: list[SendRow] = field(default_factory=list)
    deliveries: list[DeliveryRow] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    entries: list[Mapping[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    claims_left: int = 0
    outbox_left: int = 0
    kept_left: int = 0
    counts_wrong: list[str] = field(default_factory=list)
    request_timeout: float = 2.0
    time_to_live: float = 120.0
    holders: list[Holder] = field(default_factory=list)
    workers: tuple[str, ...] = ()
    came: list[Came] = field(default_factory=list)
    incidents: list[IncidentRow] = field(default_factory=list)
    stages: list[StageRow] = field(default_factory=list)
    targets: list[TargetRow] = field(default_factory=list)
