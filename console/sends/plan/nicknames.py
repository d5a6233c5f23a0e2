"""The nickname under which customers see a send. Somebody else has approved it, unless the site
lets senders choose (CONSOLE_FREE_NICKNAMES); then a second person approves the send."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from console.actors import Actor
from console.catalogue.models import VISIBILITY_ORDER, NoticeVersion, VisibilityPreset
from console.catalogue.selectors import usable_presets
from console.errors import InvalidInput, Unprocessable
from console.security.lookalikes import require_plain
from console.sends.models import Send
from console.sends.plan.nickname_sources import NicknameSource
from console.text.inputs import read_line, require_given
from console.text.sentences import term

LONGEST = 100  # characters, as in the column
_ORDER = [str(visibility) for visibility in VISIBILITY_ORDER]


@dataclass(frozen=True, slots=True)
class Nickname:
    text: str
    source: NicknameSource = NicknameSource.VERSION
    preset: str = ""


def chosen_nickname(actor: Actor, version: NoticeVersion, visibility: str, wanted: str) -> Nickname:
    """Return the nickname that the sender asked for.

    Raises InvalidInput for a nickname that is empty, too long, not on one line, or that looks like
    an approved one; Unprocessable for one that is not approved for the send's audience, if senders
    may not choose.
    """
    require_given(wanted, field="nickname")
    text = read_line(wanted, what=term("A nickname"), field="nickname")
    if len(text) > LONGEST:
        raise InvalidInput(
            "invalid_nickname",
            "A nickname has at most {limit} characters.",
            {"field": "nickname"},
            limit=LONGEST,
        )
    if text == version.nickname:
        return Nickname(text)
    approved = nickname_presets(actor, visibility)
    for preset in approved:
        if preset.nickname == text:
            return Nickname(text, NicknameSource.PRESET, preset.name)
    if not settings.FREE_NICKNAMES:
        raise _not_approved(text, version, approved)
    known = VisibilityPreset.objects.exclude(nickname="").values_list("nickname", flat=True)
    require_plain(
        text,
        what=term("The nickname"),
        field="nickname",
        others=[name for name in (version.nickname, *known) if name],
        of_others=term("which the notice or a preset has"),
    )
    return Nickname(text, NicknameSource.SENDER)


def nickname_presets(actor: Actor, visibility: str) -> list[VisibilityPreset]:
    """Return the presets whose nickname the actor may use with this visibility. A nickname approved
    for staff alone may not be shown to customers."""
    found = usable_presets(actor).exclude(nickname="").filter(visibility__in=_as_wide(visibility))
    return list(found.order_by("nickname", "pk"))


def _as_wide(visibility: str) -> list[str]:
    return _ORDER[: _ORDER.index(visibility) + 1]


def require_still_approved(send: Send) -> None:
    """Raise Unprocessable if no approved preset has the nickname of a send that is to be retried.
    The notice's own nickname always passes. One that the sender chose awaits approval anew."""
    own = ("", send.version.nickname)
    if send.nickname in own or send.nickname_from == NicknameSource.SENDER:
        return
    lending = VisibilityPreset.objects.filter(is_approved=True, nickname=send.nickname)
    if not lending.filter(visibility__in=_as_wide(send.visibility)).exists():
        raise Unprocessable(
            "nickname_not_approved",
            "The nickname {nickname}, under which this was sent, is approved no more. Send the "
            "notice anew, under another.",
            {"field": "nickname"},
            nickname=send.nickname,
        )


def nickname_choices(actor: Actor, chosen: str = "") -> list[tuple[str, str]]:
    """Return the approved nicknames that a page offers, each with who may see it; "" is the
    notice's own. `chosen` stays a choice even if it is not approved any more; sending then refuses
    it."""
    words: dict[str, str] = {"": _("As the notice says")}
    narrowest = _ORDER[-1]
    presets = nickname_presets(actor, narrowest)
    for preset in sorted(presets, key=lambda preset: _ORDER.index(preset.visibility)):
        if preset.nickname not in words:
            shown = f"{preset.nickname} · {preset.get_visibility_display()}"
            is_for_all = preset.visibility == _ORDER[0]
            words[preset.nickname] = preset.nickname if is_for_all else shown
    if chosen not in words:
        words[chosen] = _("%(nickname)s · not approved") % {"nickname": chosen}
    return list(words.items())


def _not_approved(
    text: str, version: NoticeVersion, approved: Sequence[VisibilityPreset]
) -> Unprocessable:
    names = sorted({version.nickname, *(preset.nickname for preset in approved)} - {""})
    choose = term("Use {names:or}, or leave it out", names=names) if names else term("Leave it out")
    return Unprocessable(
        "nickname_not_approved",
        "Nobody has approved the nickname {text} for this send. {choose} for the notice's own.",
        {"field": "nickname", "approved": names},
        text=text,
        choose=choose,
    )
