"""The order for a send, as one value passed from the form or the API to the send."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.errors import InvalidInput
from console.interactions.selectors import InteractionFilter
from console.sends.plan.schedule import zone_named
from console.sends.plan.values import known_leave_out
from console.text.inputs import require_given

ONCE = "once "  # the prefix of keys that identify a notice in a chat


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOrder:
    """A notice, for chats that are named (`interactions`) or that match a `filter`.

    `visibility` and `nickname` None mean the notice's. `answers` are to the notice's questions.
    `leave_out` (LeaveOut) says which chats get nothing if there is no text in their own language.
    `scheduled_at` has an offset; `time_zone` is the zone in which it was chosen. `ignore_recent`
    sends also to chats that just got the notice. With `idempotency_key` the same order again is the
    same send. `once` does that for one chat, with the notice and the chat as the key.
    `expected_plan` is the promise of the preview that the person was shown
    (console.sends.plan.promise). A preview ignores what matters only for writing. Raises
    InvalidInput for an empty or unknown time zone or `leave_out`.
    """

    notice_key: str
    interactions: Sequence[str] | None = None
    filter: InteractionFilter | None = None
    visibility: str | None = None
    nickname: str | None = None
    answers: Mapping[str, object] = field(default_factory=dict)
    why: str = ""
    scheduled_at: datetime | None = None
    time_zone: str | None = None
    ignore_recent: bool = False
    leave_out: Collection[str] = ()
    idempotency_key: str | None = None
    once: bool = False
    undo_seconds: int = 0
    expected_plan: str | None = None

    @property
    def target(self) -> dict[str, Any]:
        """The chosen chats, as the send stores them."""
        if self.filter is not None:
            return {"filter": self.filter.to_mapping()}
        return {"interactions": list(dict.fromkeys(self.interactions or ()))}

    def __post_init__(self) -> None:
        require_given(self.time_zone, field="time_zone")
        if self.time_zone:
            zone_named(self.time_zone)
        # Unique and sorted, so that the same choice is the same order.
        object.__setattr__(self, "leave_out", known_leave_out(self.leave_out))

    @property
    def zone(self) -> str:
        """The name of its time zone; "" for a send that leaves at once."""
        return self.time_zone or "" if self.scheduled_at else ""

    @property
    def key(self) -> str | None:
        """The key under which the same order is the same send. Raises InvalidInput for `once` with
        another key, or with more than one chat."""
        if not self.once:
            return self.idempotency_key
        chats = self.target.get("interactions", ())
        if len(chats) != 1 or self.idempotency_key is not None:
            raise InvalidInput(
                "invalid_once",
                "once is for one chat, named in interactions, and needs no Idempotency-Key: "
                "the notice and the chat are the key. Leave one of them out.",
                {"field": "once"},
            )
        return ONCE + digest(self.notice_key, chats[0])

    def digest(self) -> str:
        """Return a digest that is the same for the same order. It leaves out empty options, so that
        older digests stay valid."""
        said = (self.notice_key, self.target, self.visibility, self.nickname, self.why)
        options = (self.scheduled_at, self.time_zone or "", self.ignore_recent)
        answers = (dict(self.answers),) if self.answers else ()
        leave_out = (self.leave_out,) if self.leave_out else ()
        return digest(*said, *options, *answers, *leave_out)


def digest(*parts: Any) -> str:
    """Return the SHA-256 of the parts of an order, in hexadecimal."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
