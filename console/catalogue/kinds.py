"""The kinds of notices: one table of everything that differs between them.

A kind has a label, an icon, a way to travel (docs/domain.md section 3) and a set of fields that its
versions may have. `console/sends/engine/gateway.py` has the builder of each method's request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import models
from django.utils.functional import Promise
from django.utils.text import format_lazy
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

    `method` is the ESP request's ("" for a kind that is not sent by itself), `text_parameter` the
    parameter that carries the text, `constants` the parameters that are always the same, `icon` the
    name of the drawing in the sprite, `hint` what editors are told. The text of a URL kind is a
    URL.
    """

    icon: str
    hint: Promise | str = ""
    method: str = ""
    text_parameter: str = ""
    constants: Mapping[str, str | int] = field(default_factory=dict)
    is_url: bool = False
    has_message_type: bool = False

    @property
    def is_sent(self) -> bool:
        return bool(self.method)


TRAITS = {
    NoticeKind.MESSAGE: KindTraits(
        "message",
        _("A message is a text."),
        method="Message",
        text_parameter="MessageText",
        has_message_type=True,
    ),
    NoticeKind.PUSH_URL: KindTraits(
        "push_url",
        _("A push URL opens a page at the customer's."),
        method="Notice",
        text_parameter="NoticeText",
        constants={"NoticeType": "USER_PUSHED_URL"},
        is_url=True,
    ),
    NoticeKind.CUSTOM: KindTraits(
        "custom",
        _("What a custom notice does is up to the client that receives it."),
        method="Notice",
        text_parameter="NoticeText",
        constants={"NoticeType": "USER_CUSTOM"},
    ),
    NoticeKind.SNIPPET: KindTraits(
        "snippet", _("A snippet is a part of other notices' texts, and is not sent by itself.")
    ),
}


def hints() -> Promise:
    """Return the hints of all kinds, one after another, in the reader's language."""
    given = [each.hint for each in TRAITS.values() if each.hint]
    return format_lazy(" ".join("{}" for _hint in given), *given)


# By plain text, since an Enum's own hash is slow and a send asks for each delivery.
_BY_VALUE = {kind.value: each for kind, each in TRAITS.items()}


def traits(kind: str) -> KindTraits:
    """Return the traits of a kind. Raises KeyError."""
    return _BY_VALUE[str(kind)]
