"""Texts that were filled in for a customer, by which a test sees where they are shown, and what has
been recorded of it."""

from collections.abc import Callable
from typing import Any

import pytest

from console.audit.models import Reading
from console.catalogue.models import NoticeVersion
from console.interactions.models import Interaction
from tests.support import factories

# Only a text that was filled in for a customer has these words: they have the customer's name.
TEXT, SHOWN = "Read by {{ data.FirstName }} alone", "Read by Quirin alone"
NAMED = {"FirstName": "Quirin"}


@pytest.fixture
def make_notice(db: None) -> Callable[..., NoticeVersion]:
    """In place of the shared one: whatever is sent has the customer's name in it."""

    def make(*_body: str, key: str = "hello", **version: Any) -> NoticeVersion:
        return factories.make_notice(key, TEXT, **version)

    return make


@pytest.fixture
def make_interaction(db: None) -> Callable[..., Interaction]:
    """In place of the shared one: customers with a name that no example has."""

    def make(interaction_id: str = "named", **interaction: Any) -> Interaction:
        return factories.make_interaction(interaction_id, user_data=NAMED, **interaction)

    return make


def recorded() -> set[tuple[str, str]]:
    """Place and chat of each reading that has not been entered yet."""
    return {(row.place, chat) for row in Reading.objects.all() for chat in row.chats}
