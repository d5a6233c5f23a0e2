"""How the pages name those to whom a send goes: buttons repeat who will see it."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.catalogue.models import Visibility


def audience(visibility: str, count: int) -> str:
    """As in "Send to …": customers, or those of the staff who see it."""
    if visibility == Visibility.INT:
        words = ngettext("staff in %(n)s chat", "staff in %(n)s chats", count)
    elif visibility == Visibility.VIP:
        words = ngettext("supervisors in %(n)s chat", "supervisors in %(n)s chats", count)
    else:
        words = ngettext("%(n)s customer", "%(n)s customers", count)
    return words % {"n": f"{count:,}"}


def send_words(visibility: str, count: int, *, later: bool, needs_approval: bool) -> str:
    """What the send button says."""
    if needs_approval:
        words = _("Ask for approval to send to %(audience)s")
    elif later:
        words = _("Schedule for %(audience)s")
    else:
        words = _("Send to %(audience)s")
    return words % {"audience": audience(visibility, count)}
