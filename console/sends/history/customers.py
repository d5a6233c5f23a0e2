"""Writes to which customer a chat belongs to which something was sent, for as long as the texts of
what was sent are kept: the chat itself is deleted earlier."""

from collections.abc import Collection

from django.conf import settings

from console.interactions.models import Interaction
from console.sends.models import CustomerChat, Delivery


def customers_note(sends: Collection[int]) -> None:
    """Keep the customers of the chats that these sends went to."""
    if not settings.CUSTOMER_KEY or not sends:
        return
    sent = Delivery.objects.filter(send__in=sends, erased_at=None).order_by()
    chats = Interaction.objects.filter(pk__in=sent.values("interaction_id"))
    known = chats.exclude(customer_key="").order_by("pk").values_list("pk", "customer_key")
    CustomerChat.objects.bulk_create(
        [CustomerChat(interaction_id=chat, customer_key=key) for chat, key in known],
        update_conflicts=True,
        unique_fields=["interaction_id"],
        update_fields=["customer_key"],
    )


def customers_forget(deliveries: Collection[int]) -> None:
    """Forget whose the chats of these deliveries were, if no text to them is kept any more."""
    if not CustomerChat.objects.exists():
        return
    erased = Delivery.objects.filter(pk__in=deliveries).order_by()
    chats = set(erased.values_list("interaction_id", flat=True))
    left = Delivery.objects.filter(interaction__in=chats, erased_at=None).order_by()
    kept = set(left.values_list("interaction_id", flat=True))
    CustomerChat.objects.filter(pk__in=chats - kept).delete()
