"""The kinds of notices: one table of all that differs between them.

What a kind is called and drawn as, how it travels (docs/domain.md section 3), and what its versions
may have. `console/sends/engine/gateway.py` has the builder of each method's request.
"""

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _


class NoticeKind(models.TextChoices):
    MESSAGE = "message", _("Message")
    PUSH_URL = "push_url", _("Push URL")
    CUSTOM = "custom", _("Custom notice")
    # A named piece of other notices' texts, under review like these. Never sent by itself.
    SNIPPET = "snippet", _("Snippet")


@dataclass(frozen=True, slots=True)
class KindTraits:
    """`method` is the ESP request's ("" for what is not sent by itself), `notice_type` the wire's
    word of a Notice, `icon` the drawing's name in the sprite. The text of a URL kind is a URL."""

    icon: str
    method: str = ""
    notice_type: str = ""
    is_url: bool = False
    has_message_type: bool = False

    @property
    def is_sent(self) -> bool:
        return bool(self.method)


TRAITS = {
    NoticeKind.MESSAGE: KindTraits("message", method="Message", has_message_type=True),
    NoticeKind.PUSH_URL: KindTraits(
        "push_url", method="Notice", notice_type="USER_PUSHED_URL", is_url=True
    ),
    NoticeKind.CUSTOM: KindTraits("custom", method="Notice", notice_type="USER_CUSTOM"),
    NoticeKind.SNIPPET: KindTraits("snippet"),
}


def traits(kind: str) -> KindTraits:
    return TRAITS[NoticeKind(kind)]
