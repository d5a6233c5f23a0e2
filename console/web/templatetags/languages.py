"""Language attributes and names, for templates."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.catalogue.content import languages
from console.text import language_tags
from console.web.folding import constant

register = template.Library()


@register.simple_tag
@constant
def written(locale: str) -> SafeString:
    """Return the attributes of an element with a text in this locale, for display and for screen
    readers."""
    return format_html(
        'lang="{}" dir="{}"', language_tags.html_tag(locale), languages.direction(locale)
    )


@register.filter
def means(tag: str, other: str) -> bool:
    """Return whether two tags mean the same language and region, however each is written."""
    return language_tags.is_same(tag, other)


@register.filter
def language_name(tag: str) -> str:
    """Return the language's name in the language of the page's reader, with its region."""
    return language_tags.name(tag, with_region=True)
