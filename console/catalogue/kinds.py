"""The kinds of notices: one table of everything that differs between them.

A kind has a label, an icon, a way to travel (docs/domain.md section 3) and a set of fields that its
versions may have. `console/sends/engine/gateway.py` has the builder of each method's request.
"""

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _


class NoticeKind(models.TextChoices):
    MESSAGE = "message", _("Message")
    PUSH_URL = "push_url", _("Push URL")
    CUSTOM = "custom", _("Custom notice")
    # A named part of other notices' texts, reviewed like them. Never sent by itself.
    SNIPPET = "snippet", _("Snippet")


@dataclass(frozen=True, slots=True)
class KindTraits:
    """What differs between kinds.

    `method` is the ESP request's ("" for a kind that is not sent by itself), `notice_type` the
    NoticeType on the wire, `icon` the name of the drawing in the sprite. The text of a URL kind is
    a URL.
    """

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
