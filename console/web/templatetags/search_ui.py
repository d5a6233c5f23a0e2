"""Tags that the page frame needs for the search for everything."""

from django import template
from django.utils.translation import gettext as _

from console.web.folding import constant
from console.web.search.recents import reference

register = template.Library()


@register.simple_tag(takes_context=True)
def recent_reference(context: template.Context) -> str:
    """Return the reference by which the browser records that this page was opened."""
    request = context.get("request")
    return reference(request) if request is not None else ""


@register.simple_tag
@constant
def searchable() -> str:
    """Return what can be typed into a box of the search for everything."""
    return _("Notice, /shortcut, chat, send, person, page or action")
