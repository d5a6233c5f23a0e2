"""Search for chats."""

from django.db.models import Case, Q, QuerySet, When

from console.actors import Actor
from console.interactions.audience.simple_filter import InteractionFilter
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible


def chats_found(actor: Actor, q: str) -> QuerySet[Interaction]:
    """Return the live chats that the board finds for `q`: by customer, chat id, queue or agent.
    Those whose id or customer matches come first, then the longest waiting."""
    order = Case(
        When(id__iexact=q, then=0),
        When(customer_name__iexact=q, then=1),
        When(Q(id__istartswith=q) | Q(customer_name__istartswith=q), then=2),
        default=3,
    )
    found = interactions_visible(actor, InteractionFilter(q=q))
    return found.order_by(order, "received_at", "id")


def chats_by_id(actor: Actor, ids: list[str]) -> QuerySet[Interaction]:
    """Return those of these chats that the actor may see, live or ended."""
    return interactions_visible(actor, live_only=False).filter(pk__in=ids)
