"""What a person or a program asks to be sent (SendOrder), and what that would do, chat by chat
(SendPlan): shown before the send, and carried out as it stands.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import models

from console.catalogue.models import NoticeVersion
from console.errors import InvalidInput, TooManyRequests
from console.interactions.audience.audience import Audience
from console.interactions.audience.simple_filter import InteractionFilter
from console.sends.plan.nickname_sources import NicknameSource
from console.sends.plan.schedule import zone_named
from console.text.inputs import require_given
from console.text.language_tags import is_own, read


class LeaveOut(models.TextChoices):
    """Chats to leave out instead of sending them the default language's text: those with another
    language, and those whose language is unknown."""

    OTHER_LANGUAGE = "other_language"
    UNKNOWN_LANGUAGE = "unknown_language"


@dataclass(frozen=True, slots=True)
class Target:
    """One chosen chat. An empty `reason` means that it is ready. `locale` is the text's language,
    `chat_locale` the chat's own. `retry_of` is the delivery that is retried."""

    interaction_id: str
    customer_name: str = ""
    locale: str = ""
    body: str = ""
    chat_server_name: str = ""
    reason: str = ""
    detail: str = ""
    retry_of: int | None = None
    chat_locale: str | None = ""

    @property
    def language(self) -> str:
        """The chat's language in its canonical form; "" if it is unknown."""
        return str(read(self.chat_locale or "") or "")

    @property
    def own_language(self) -> bool | None:
        """Whether the text is in the chat's own language; None if no text would be sent."""
        return None if self.reason else is_own(self.chat_locale or "", self.locale)


@dataclass(frozen=True, slots=True)
class Cover:
    """What allows a send that would otherwise need approval, or exceed a quota: an approval that
    was given for the whole stage of an incident, or the emergency path (docs/incidents.md)."""

    approved_by_ref: str = ""
    approved_by_name: str = ""
    approved_at: datetime | None = None
    is_emergency: bool = False


@dataclass(frozen=True, slots=True)
class OfStage:
    """That a send belongs to a stage of an incident: their ids, the number of the notice's version
    that was reviewed with the playbook, and what covers the send."""

    incident: int
    stage: int
    version: int
    cover: Cover | None = None


@dataclass(frozen=True, slots=True)
class ContactUse:
    """What the chats that are ready have had of their contact budget: at most `number` notices in
    `minutes`. `had` has the number by chat."""

    number: int
    minutes: int
    had: Mapping[str, int]

    @property
    def counts(self) -> dict[int, int]:
        """How many chats have had how many, from few to many."""
        return dict(sorted(Counter(self.had.values()).items()))


@dataclass(frozen=True)
class SendPlan:
    """What a send would do.

    `fields` are the sender's answers to the notice's questions. `scheduled_at` is None for a send
    that leaves at once. With `allows_repeat` it goes also to chats that just got the notice.
    `awaits_approval` requires approval however few the chats are, since the sender was told so.
    `sent_before` is how many chats get this notice from the sender's other sends within an hour
    without approval. `quota_left` is how many chats the sender may send to now, None if that is not
    limited; `quota_refusal` is the refusal of this plan, if it exceeds the quota. `nickname_from`
    says who chose the nickname. `contacts` is None if no contact budget limits the send. With a
    `cover` it needs no further approval. A test goes to test chats alone.
    """

    version: NoticeVersion
    visibility: str
    nickname: str
    targets: list[Target]
    fields: dict[str, Any] = field(default_factory=dict)
    scheduled_at: datetime | None = None
    allows_repeat: bool = False
    awaits_approval: bool = False
    sent_before: int = 0
    quota_left: int | None = None
    quota_refusal: TooManyRequests | None = None
    cover: Cover | None = None
    nickname_from: str = NicknameSource.VERSION
    nickname_preset: str = ""
    contacts: ContactUse | None = None
    is_test: bool = False

    @cached_property
    def ready(self) -> list[Target]:
        return [target for target in self.targets if not target.reason]

    @cached_property
    def skipped(self) -> list[Target]:
        return [target for target in self.targets if target.reason]

    @property
    def needs_approval(self) -> bool:
        """Whether somebody else has to approve the send before anything leaves. Nobody approves a
        test."""
        if self.cover is not None or self.is_test:
            return False
        return self.awaits_approval or needs_approval(
            len(self.ready), self.nickname_from, self.sent_before
        )

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of targets by skip reason; "ready" has those that are ready."""
        return dict(Counter(target.reason or "ready" for target in self.targets))


def known_leave_out(wanted: Collection[str]) -> tuple[str, ...]:
    """Return the options unique and sorted. Raises InvalidInput for an unknown one."""
    unknown = sorted(set(wanted) - set(LeaveOut.values))
    if unknown:
        raise InvalidInput(
            "unknown_leave_out",
            "leave_out: {unknown!r} is none; choose {known}.",
            {"field": "leave_out"},
            unknown=unknown[0][:40],
            known=LeaveOut.values,
        )
    return tuple(sorted(set(wanted)))


def needs_approval(ready_count: int, nickname_from: str, sent_before: int) -> bool:
    """Return whether a send needs a second person's approval: because it goes to too many chats,
    including those to which its sender just sent the same notice, or because the sender chose the
    nickname."""
    if not ready_count:
        return False
    is_large = 0 < settings.APPROVAL_ABOVE < ready_count + sent_before
    return is_large or nickname_from == NicknameSource.SENDER


CANARY_MINUTES_MOST = 24 * 60


@dataclass(frozen=True, slots=True)
class Canary:
    """To how many chats a send goes first, and after how many minutes it goes on by itself; None:
    by a person's click."""

    size: int
    minutes: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 100_000:
            raise InvalidInput(
                "invalid_canary",
                "Say to how many chats it goes first: 1 or more.",
                {"field": "canary"},
            )
        if self.minutes is not None and not 1 <= self.minutes <= CANARY_MINUTES_MOST:
            raise InvalidInput(
                "invalid_canary",
                "It goes on by itself after 1 to {most:,} minutes.",
                {"field": "canary"},
                most=CANARY_MINUTES_MOST,
            )


ONCE = "once "  # the prefix of keys that identify a notice in a chat


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOrder:
    """A notice, for chats that are named (`interactions`), or match a `filter` or an `audience`.

    `visibility` and `nickname` None mean the notice's. `answers` are to the notice's questions.
    `leave_out` (LeaveOut) says which chats get nothing if there is no text in their own language.
    `scheduled_at` has an offset; `time_zone` is the zone in which it was chosen. `ignore_recent`
    sends also to chats that just got the notice. With `idempotency_key` the same order again is the
    same send. `once` does that for one chat, with the notice and the chat as the key.
    `expected_plan` is the promise of the preview that the person was shown
    (console.sends.plan.promise). With a `canary` it pauses after its first chats. `of_stage` is
    for console.incidents alone. A preview ignores what matters only for writing. Raises
    InvalidInput for an empty or unknown time zone or `leave_out`.
    """

    notice_key: str
    interactions: Sequence[str] | None = None
    filter: InteractionFilter | None = None
    audience: Audience | None = None
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
    of_stage: OfStage | None = None
    canary: Canary | None = None

    @property
    def target(self) -> dict[str, Any]:
        """The chosen chats, as the send stores them."""
        if self.filter is not None:
            return {"filter": self.filter.to_mapping()}
        if self.audience is not None:
            return {"audience": self.audience.to_mapping()}
        return {"interactions": list(dict.fromkeys(self.interactions or ()))}

    @property
    def matching(self) -> InteractionFilter | Audience | None:
        """What the chats must match; None if they are named."""
        return self.filter if self.filter is not None else self.audience

    @property
    def is_to_everyone(self) -> bool:
        """Whether it is for every live chat that the actor sees."""
        matching = self.matching
        if isinstance(matching, InteractionFilter):
            matching = matching.to_audience()
        return matching is not None and matching.is_everyone

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
        stage = (["stage", self.of_stage.stage],) if self.of_stage else ()
        canary = (["canary", self.canary.size, self.canary.minutes],) if self.canary else ()
        return digest(*said, *options, *answers, *leave_out, *stage, *canary)


def digest(*parts: Any) -> str:
    """Return the SHA-256 of the parts of an order, in hexadecimal."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
