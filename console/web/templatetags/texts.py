"""Texts that keep the blanks and lines that somebody wrote: no formatter of templates may touch
what stands inside of them."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion
from console.sends.models import Delivery
from console.text.wording import worded
from console.web.templatetags.languages import written

register = template.Library()


@register.simple_tag
def as_written(text: object, block: bool = False) -> SafeString:
    """A text with its blanks and lines; as a block it begins on the side that its own words do."""
    if block:
        return format_html('<div class="prewrap" dir="auto">{}</div>', text)
    return format_html('<span class="prewrap">{}</span>', text)


@register.simple_tag
def before_and_after(before: str, after: str) -> SafeString:
    """What a value was and what it is to be, of which one may be missing."""
    values = (("del", before), ("ins", after))
    return format_html(
        '<div class="diff prewrap" dir="auto">{}</div>',
        format_html_join(" ", "<{0}>{1}</{0}>", [each for each in values if each[1]]),
    )


@register.simple_tag
def body_text(
    text: str | None, visibility: str = "", locale: str = "", nickname: str = "", css: str = ""
) -> SafeString:
    """What customers read, in a box of its own; None is a text that is not there.

    Without a locale the text itself says in which direction it runs.
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
    """The name before a text, as a chat shows it."""
    return format_html("<strong><bdi>{}</bdi>:</strong> ", nickname) if nickname else SafeString()


@register.simple_tag
def paragraph(
    text: str, locale: str, kind: str, nickname: str = "", css: str = "prewrap"
) -> SafeString:
    """A text as its reader would see it; of a push URL the letters run from left to right."""
    return format_html(
        "<p{} {}>{}{}</p>",
        format_html(' class="{}"', css) if css else "",
        SafeString('dir="ltr"') if traits(kind).is_url else written(locale),
        said_by(nickname),
        text,
    )


@register.filter
def picker_text(version: NoticeVersion) -> str:
    """All words by which a notice is found in the list that one chooses from."""
    notice = version.notice
    path = notice.category.path if notice.category else ""
    return " ".join(
        [notice.key, notice.title, path, " ".join(notice.tags), *version.bodies.values()]
    )


@register.filter
def in_words(text: str) -> str:
    """A sentence in the language of the page's reader (console.text.sentences)."""
    return worded(text)


@register.simple_tag
def sent_text(delivery: Delivery) -> str:
    """What a chat got, or in its place why it got nothing."""
    if delivery.body:
        return delivery.body
    return _("The text is erased.") if delivery.erased_at else worded(delivery.detail)


@register.simple_tag
def sent_or_why(delivery: Delivery) -> SafeString | str:
    """As `sent_text`, but of what was not delivered as usual the reason."""
    if delivery.reason:
        return muted(worded(delivery.detail) or delivery.get_reason_display())
    if delivery.erased_at:
        return muted(_("The text is erased."))
    return delivery.body


def muted(words: str) -> SafeString:
    return format_html('<span class="muted">{}</span>', words)
