"""Reads what there is of one customer: chats and deliveries under the customer's key."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from console.actors import Actor, Permission
from console.errors import NotFound
from console.interactions.models import Interaction
from console.interactions.selectors import chats_of_customer
from console.sends.models import CustomerChat, Delivery
from console.sends.selectors import deliveries_visible

# The newest; the history has the rest of a chat.
CHATS_MOST, DELIVERIES_MOST = 200, 5000


@dataclass(frozen=True, slots=True)
class Customer:
    """What the actor sees of a customer. `is_cut`: there is more than is looked at."""

    key: str
    chats: list[Interaction]
    deliveries: QuerySet[Delivery]
    is_cut: bool


def customer_get(actor: Actor, key: str) -> Customer:
    """Return what the actor sees of a customer: the chats of their teams, and the deliveries that
    they see in the history. Raises NotFound if the site has no key of customers."""
    actor.require(Permission.SEND, Permission.VIEW_HISTORY)
    if not settings.CUSTOMER_KEY:
        raise NotFound("no_customer_key", "This site names no key by which customers are told.")
    seen: list[Interaction] = []
    if key and actor.may(Permission.VIEW_INTERACTIONS):
        seen = list(chats_of_customer(actor, key)[: CHATS_MOST + 1])
    ids = _chat_ids(key)
    # Their keys first: along the key of all deliveries, a rare customer would never be found.
    sent = Delivery.objects.filter(interaction__in=ids).order_by()
    pks = list(sent.values_list("pk", flat=True)[: DELIVERIES_MOST + 1])
    return Customer(
        key,
        seen[:CHATS_MOST],
        deliveries_visible(actor).filter(pk__in=pks[:DELIVERIES_MOST]),
        is_cut=len(seen) > CHATS_MOST or len(ids) > CHATS_MOST or len(pks) > DELIVERIES_MOST,
    )


def _chat_ids(key: str) -> list[str]:
    """Return the chats of a customer, whoever may see them: deliveries are looked at by their own
    rules."""
    if not key:
        return []
    kept = Interaction.objects.filter(customer_key=key).exclude(customer_key="").order_by("-id")
    sent = CustomerChat.objects.filter(customer_key=key).order_by("-interaction_id")
    most = CHATS_MOST + 1
    found = [
        *kept.values_list("pk", flat=True)[:most],
        *sent.values_list("pk", flat=True)[:most],
    ]
    return list(dict.fromkeys(found))[:most]


def customer_key_of(interaction_id: str) -> str:
    """Return the key of a chat's customer; "" if there is none. The caller has seen the chat, or a
    delivery to it."""
    if not settings.CUSTOMER_KEY:
        return ""
    chats = Interaction.objects.filter(pk=interaction_id).values_list("customer_key", flat=True)
    sent = CustomerChat.objects.filter(pk=interaction_id).values_list("customer_key", flat=True)
    return chats.first() or sent.first() or ""
