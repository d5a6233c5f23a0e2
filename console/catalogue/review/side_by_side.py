"""A version beside the one that it would replace, both filled in as customers would see them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from console.actors import Actor, Permission
from console.audit.readings import texts_shown
from console.catalogue.content.questions import samples
from console.catalogue.content.snippets import Loaded, loaded
from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion
from console.catalogue.pages.preview import Preview, previews, with_current_snippets
from console.catalogue.review.samples import EXAMPLE, ExampleChat
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible
from console.text import language_tags

LOOKED_AT = 500
MADE_UP = 20
DATA = re.compile(r"data\.(\w+)")
Chat = Interaction | ExampleChat


@dataclass(frozen=True, slots=True)
class Seen:
    """What one chat would get from a version.

    `is_own` says whether that is in the chat's own language. `made_up` names the variables for
    which the example had no value: a real chat without them is skipped.
    """

    preview: Preview
    is_own: bool
    made_up: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sides:
    """One chat's text before and after. `is_made_up` marks the example chat."""

    chat: Chat
    is_made_up: bool
    old: Seen | None
    new: Seen | None

    @property
    def is_same(self) -> bool:
        if self.old is None or self.new is None:
            return False
        return "" != self.old.preview.body == self.new.preview.body


@dataclass(frozen=True, slots=True)
class ShownLanguage:
    """A language of one of the two versions, with the chats that show it."""

    locale: str
    rows: list[Sides]


@dataclass(frozen=True, slots=True)
class Review:
    """All languages, the new default first. `made_up` has the made-up answers to the fields."""

    languages: list[ShownLanguage]
    made_up: dict[str, Any]


def review_of(actor: Actor, old: NoticeVersion | None, new: NoticeVersion) -> Review:
    """Return the comparison, for each language in a live chat of that language, if the actor may
    see one, and in the example.

    Each version uses the snippets with which it was submitted; a draft uses the current ones.
    """
    pair = [with_current_snippets(version) for version in (old, new) if version is not None]
    among = loaded(version.snippets for version in pair)
    speakers = _speakers(actor, [*pair[-1].bodies, *pair[0].bodies])
    shown = []
    for locale in _locales(old, new):
        made_up = replace(EXAMPLE, locale=locale)
        chats: list[Chat] = [*speakers.get(locale, ()), made_up]
        rows = [
            Sides(
                chat,
                chat is made_up,
                _seen(old, chat, actor.name, among),
                _seen(new, chat, actor.name, among),
            )
            for chat in chats
        ]
        shown.append(ShownLanguage(locale, rows))
    seen = (row.chat.id for one in shown for row in one.rows if not row.is_made_up)
    texts_shown(actor, "review", seen)
    answers = {name: made for version in pair for name, made in samples(version.fields).items()}
    return Review(shown, answers)


def _locales(old: NoticeVersion | None, new: NoticeVersion) -> list[str]:
    """Return the languages of both versions, each once, spelled as in the new one."""
    left_out = [tag for tag in (old.bodies if old else ()) if tag not in new.bodies]
    names = language_tags.each_once([*new.bodies, *left_out])
    return sorted(names, key=lambda name: (name != new.default_locale, name))


def _speakers(actor: Actor, locales: Iterable[str]) -> Mapping[str, list[Interaction]]:
    """Return for each of these languages the longest-waiting live chat in it."""
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return {}
    wanted = tuple(dict.fromkeys(locales))
    found: dict[str, list[Interaction]] = {}
    for chat in interactions_visible(actor)[:LOOKED_AT]:
        locale, is_own = language_tags.best(chat.locale, wanted, "")
        if is_own:
            found.setdefault(locale, [chat])
    return found


def _seen(
    version: NoticeVersion | None, chat: Chat, sender_name: str, among: Loaded
) -> Seen | None:
    """Return what the chat would get, or None if there is no text.

    The example chat gets made-up values for missing variables.
    """
    if version is None or not version.bodies:
        return None
    locale, is_own = version.match_for(chat.locale)
    (preview,) = previews(version, chat, sender_name, among, only=locale)
    made_up: list[str] = []
    while isinstance(chat, ExampleChat) and len(made_up) < MADE_UP:
        name = DATA.fullmatch(preview.variable)
        if name is None or name[1] in chat.user_data:
            break
        # In a URL these quotation marks would appear percent-encoded.
        shown = name[1] if traits(version.notice.kind).is_url else f"‹{name[1]}›"
        chat = replace(chat, user_data={**chat.user_data, name[1]: shown})
        made_up.append(preview.variable)
        (preview,) = previews(version, chat, sender_name, among, only=locale)
    return Seen(preview, is_own, tuple(made_up))
