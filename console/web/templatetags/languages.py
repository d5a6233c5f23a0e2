"""How a language is written, for templates."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.catalogue import languages

register = template.Library()


@register.simple_tag
def written(locale: str) -> SafeString:
    """The attributes of an element with a text in this locale, for eyes and for screen readers."""
    return format_html(
        'lang="{}" dir="{}"', languages.language_tag(locale), languages.direction(locale)
    )
