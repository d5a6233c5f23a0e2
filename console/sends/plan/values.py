"""A send's plan, chat by chat: shown before the send, and carried out as it is."""

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


@dataclass(frozen=True)
class SendPlan:
    """What a send would do.

    `fields` are the sender's answers to the notice's questions. `scheduled_at` is None for a send
    that leaves at once. With `allows_repeat` it goes also to chats that just got the notice.
    `awaits_approval` requires approval however few the chats are, since the sender was told so.
    `sent_before` is how many chats get this notice from the sender's other sends within an hour
    without approval. `quota_left` is how many chats the sender may send to now, None if that is not
    limited; `quota_refusal` is the refusal of this plan, if it exceeds the quota. `nickname_from`
    says who chose the nickname.
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
        """Whether somebody else has to approve the send before anything leaves."""
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
