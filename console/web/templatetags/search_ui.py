"""What the frame needs of the search for everything."""

from django import template
from django.utils.translation import gettext as _

from console.web.search.recents import reference

register = template.Library()


@register.simple_tag(takes_context=True)
def recent_reference(context: template.Context) -> str:
    """How the browser notes that this page was opened."""
    request = context.get("request")
    return reference(request) if request is not None else ""


@register.simple_tag
def searchable() -> str:
    """What one can type into a box of the search for everything."""
    return _("Notice, /shortcut, chat, send, person, page or action")
