"""What a send would do, chat by chat: shown before it, and carried out as it stands."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings

from console.catalogue.models import NoticeVersion
from console.errors import TooManyRequests
from console.sends.nickname_sources import NicknameSource


@dataclass(frozen=True, slots=True)
class Target:
    """One chosen chat. An empty `reason` means that it is ready to be sent to. `retry_of` is the
    delivery that is tried again."""

    interaction_id: str
    customer_name: str = ""
    locale: str = ""
    body: str = ""
    chat_server_name: str = ""
    reason: str = ""
    detail: str = ""
    retry_of: int | None = None


@dataclass(frozen=True)
class SendPlan:
    """What a send would do. `fields` are the sender's answers to what the notice asks for;
    `tells_time` says whether its texts may differ from one moment to the next. `quota_left` is to
    how many chats its sender may send now, None where nothing limits that; `quota_refusal` is what
    would be said to this plan because of it. `nickname_from` says who chose the nickname."""

    version: NoticeVersion
    visibility: str
    nickname: str
    targets: list[Target]
    fields: dict[str, Any] = field(default_factory=dict)
    tells_time: bool = False
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
        return needs_approval(len(self.ready), self.nickname_from)

    @cached_property
    def digest(self) -> str:
        """Names exactly this: the words, for whom, under which name, to which chats.

        Texts that tell the time differ from one moment to the next, and count by their template.
        """
        timeless = not self.tells_time
        said = [
            [target.interaction_id, target.body if timeless else target.locale]
            for target in sorted(self.ready, key=lambda target: target.interaction_id)
        ]
        whole = [self.version.pk, self.visibility, self.nickname, said]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    @cached_property
    def counts(self) -> dict[str, int]:
        """Targets by skip reason; the ready ones stand under "ready"."""
        return dict(Counter(target.reason or "ready" for target in self.targets))


def needs_approval(ready_count: int, nickname_from: str) -> bool:
    """Whether a send takes a second person's approval: to so many chats, or under a nickname that
    its sender chose."""
    is_large = 0 < settings.APPROVAL_ABOVE < ready_count
    return is_large or (ready_count > 0 and nickname_from == NicknameSource.SENDER)
