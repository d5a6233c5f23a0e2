"""The chats against which the editor shows a text: live ones, or an ever-present example."""

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
    """Made up: nothing is ever sent to it."""

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
    """Live chats to choose from; none for somebody who may not see chats."""
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return []
    return list(interactions_visible(actor)[:CHOICES])


def chosen_chat(actor: Actor, interaction_id: str) -> Interaction | ExampleChat:
    """The chosen chat while the actor sees it, else the example."""
    if not interaction_id or not actor.may(Permission.VIEW_INTERACTIONS):
        return EXAMPLE
    chat = interactions_visible(actor).filter(pk=interaction_id).first()
    return chat or EXAMPLE
