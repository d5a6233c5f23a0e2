"""Shows texts with their blanks and line breaks as written. They are built in Python, since no
formatter of templates may change what is inside of these elements."""

import json
from datetime import datetime

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion
from console.sends.models import Reason
from console.text.wording import worded
from console.web.templatetags.languages import written

register = template.Library()


@register.simple_tag
def as_written(text: object, block: bool = False) -> SafeString:
    """Show a text with its blanks and line breaks. A block takes its direction from the text."""
    if block:
        return format_html('<div class="prewrap" dir="auto">{}</div>', text)
    return format_html('<span class="prewrap">{}</span>', text)


@register.simple_tag
def user_data_value(value: object) -> SafeString:
    """Show a value of a chat's user data: a text or a number as it is, an object as JSON."""
    if isinstance(value, dict):
        return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
    return format_html('<bdi class="prewrap">{}</bdi>', value)


@register.simple_tag
def before_and_after(before: str, after: str) -> SafeString:
    """Show a value before and after a change. One of the two may be empty."""
    values = (("del", before), ("ins", after))
    return format_html(
        '<div class="diff prewrap" dir="auto">{}</div>',
        format_html_join(" ", "<{0}>{1}</{0}>", [each for each in values if each[1]]),
    )


@register.simple_tag
def body_text(
    text: str | None, visibility: str = "", locale: str = "", nickname: str = "", css: str = ""
) -> SafeString:
    """Show what customers read, in a box of its own. None means that there is no text.

    Without a locale the direction is taken from the text.
    """
    edge = f"edge edge--{visibility}" if visibility else ""
    return format_html(
        '<div class="{}" {}>{}{}</div>',
        " ".join(filter(None, ("body-text", edge, css))),
        written(locale) if locale else SafeString('dir="auto"'),
        said_by(nickname),
        muted("–") if text is None else text,
    )


@register.simple_tag
def said_by(nickname: str) -> SafeString:
    """Return the nickname before a text, as a chat shows it."""
    return format_html("<strong><bdi>{}</bdi>:</strong> ", nickname) if nickname else SafeString()


@register.simple_tag
def paragraph(
    text: str, locale: str, kind: str, nickname: str = "", css: str = "prewrap"
) -> SafeString:
    """Show a text as its reader would see it. A push URL runs from left to right."""
    return format_html(
        "<p{} {}>{}{}</p>",
        format_html(' class="{}"', css) if css else "",
        SafeString('dir="ltr"') if traits(kind).is_url else written(locale),
        said_by(nickname),
        text,
    )


def picker_text(version: NoticeVersion) -> str:
    """Return all text that the list for choosing a notice is searched by."""
    notice = version.notice
    path = notice.category.path if notice.category else ""
    return " ".join(
        [notice.key, notice.title, path, " ".join(notice.tags), *version.bodies.values()]
    )


@register.filter
def in_words(text: str) -> str:
    """Return a sentence in the language of the page's reader (console.text.sentences)."""
    return worded(text)


@register.simple_tag
def sent_text(body: str, erased_at: datetime | None, detail: str) -> str:
    """Return what a chat got, or why it got nothing."""
    return body or (_("The text is erased.") if erased_at else detail)


@register.simple_tag
def sent_or_why(
    body: str, erased_at: datetime | None, reason: str, detail: str
) -> SafeString | str:
    """Return the text as `sent_text` does, or the reason if it was not delivered as usual."""
    if reason:
        return muted(detail or str(Reason(reason).label))
    return muted(_("The text is erased.")) if erased_at else body


def muted(words: str) -> SafeString:
    return format_html('<span class="muted">{}</span>', words)
