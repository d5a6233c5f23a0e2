"""What a send would do, chat by chat: shown before it, and carried out as it stands."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import models

from console.catalogue.models import NoticeVersion
from console.errors import InvalidInput, TooManyRequests
from console.sends.plan.nickname_sources import NicknameSource
from console.text.language_tags import is_own, read


class LeaveOut(models.TextChoices):
    """Chats that would get the default language's text, and need not: those that say another
    language, and those of which nobody knows one."""

    OTHER_LANGUAGE = "other_language"
    UNKNOWN_LANGUAGE = "unknown_language"


@dataclass(frozen=True, slots=True)
class Target:
    """One chosen chat. An empty `reason` means that it is ready to be sent to. `locale` is the
    text's, `chat_locale` what the chat says of itself. `retry_of` is the delivery that is tried
    again."""

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
        """The chat's, in its canonical form; "" where nobody knows it."""
        return str(read(self.chat_locale or "") or "")

    @property
    def own_language(self) -> bool | None:
        """Whether the text is in the chat's own language; None where none would be sent."""
        return None if self.reason else is_own(self.chat_locale or "", self.locale)


@dataclass(frozen=True)
class SendPlan:
    """What a send would do. `fields` are the sender's answers to what the notice asks for;
    `scheduled_at` is None for one that leaves at once; with `allows_repeat` it goes also to chats
    that just got the notice. `awaits_approval` has it approved however few its chats are, since
    its sender was told so. `sent_before` is to how many chats the sender brings this notice within
    an hour without anybody's approval, by other sends. `quota_left` is to how many chats its sender
    may send now, None where nothing limits that; `quota_refusal` is what would be said to this plan
    because of it.
    `nickname_from` says who chose the nickname."""

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
    nickname_from: str = NicknameSource.VERSION
    nickname_preset: str = ""

    @cached_property
    def ready(self) -> list[Target]:
        return [target for target in self.targets if not target.reason]

    @cached_property
    def skipped(self) -> list[Target]:
        return [target for target in self.targets if target.reason]

    @property
    def needs_approval(self) -> bool:
        """Whether somebody else has to approve of it before anything leaves."""
        return self.awaits_approval or needs_approval(
            len(self.ready), self.nickname_from, self.sent_before
        )

    @cached_property
    def counts(self) -> dict[str, int]:
        """Targets by skip reason; the ready ones stand under "ready"."""
        return dict(Counter(target.reason or "ready" for target in self.targets))


def known_leave_out(wanted: Collection[str]) -> tuple[str, ...]:
    """Each once, in one order. Raises InvalidInput for what is none."""
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
    """Whether a send takes a second person's approval: to so many chats, with those to which its
    sender just brought the same notice, or under a nickname that its sender chose."""
    if not ready_count:
        return False
    is_large = 0 < settings.APPROVAL_ABOVE < ready_count + sent_before
    return is_large or nickname_from == NicknameSource.SENDER
