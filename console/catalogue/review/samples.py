"""The chats with which the editor previews a text: live ones, or a fixed example."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from console.actors import Actor, Permission
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible

CHOICES = 50


@dataclass(frozen=True, slots=True)
class ExampleChat:
    """A made-up chat. Nothing is ever sent to it."""

    id: str = "EXAMPLE"
    customer_name: str = "Zoë Martin"
    queue: str = "billing"
    agent: str = "Ann"
    locale: str = "en"
    received_at: datetime = field(default_factory=timezone.now)
    user_data: dict[str, Any] = field(
        default_factory=lambda: {
            "FirstName": "Zoë",
            "LastName": "Martin",
            "EmailAddress": "zoe@example.com",
            "Subject": "My order",
            "OrderId": "A-1042",
        }
    )


EXAMPLE = ExampleChat()


def chat_choices(actor: Actor) -> list[Interaction]:
    """Return live chats to choose from; none if the actor may not see chats."""
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return []
    return list(interactions_visible(actor)[:CHOICES])


def chosen_chat(actor: Actor, interaction_id: str) -> Interaction | ExampleChat:
    """Return the chosen chat if the actor may see it, else the example."""
    if not interaction_id or not actor.may(Permission.VIEW_INTERACTIONS):
        return EXAMPLE
    chat = interactions_visible(actor).filter(pk=interaction_id).first()
    return chat or EXAMPLE
