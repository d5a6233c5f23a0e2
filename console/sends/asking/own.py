"""What a person has of their own at the history: saved searches, and the columns that they want."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from console.actors import Actor, Permission
from console.errors import NotFound
from console.sends.models import HistoryColumns, SavedSearch

# The customer, which leads to the delivery, and the outcome always stand there.
COLUMNS = {
    "when": _("When, by whom"),
    "chat": _("Chat id"),
    "send": _("Send"),
    "notice": _("Notice and text"),
    "version": _("Version"),
    "visibility": _("Visibility"),
    "language": _("Language"),
    "chat_server": _("Chat Server"),
    "ended": _("Ended"),
    "attempts": _("Attempts"),
}
AT_FIRST = ("when", "notice", "visibility")


def columns_of(actor: Actor) -> list[str]:
    """Return the columns that the actor wants, in the order of COLUMNS."""
    kept = HistoryColumns.objects.filter(person_ref=actor.ref).values_list("names", flat=True)
    wanted = kept.first()
    return [name for name in COLUMNS if name in (AT_FIRST if wanted is None else wanted)]


def saved_searches(actor: Actor) -> QuerySet[SavedSearch]:
    """Return the actor's own searches by name."""
    actor.require(Permission.SEND, Permission.VIEW_HISTORY)
    return SavedSearch.objects.filter(owner_ref=actor.ref).order_by("name", "pk")


def saved_search_get(actor: Actor, search_id: int) -> SavedSearch:
    """Return one of the actor's own searches. Raises NotFound."""
    found = saved_searches(actor).filter(pk=search_id).first()
    if found is None:
        raise NotFound("search_not_found", "You have no saved search {search}.", search=search_id)
    return found
