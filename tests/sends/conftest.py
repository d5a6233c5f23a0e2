"""A send to hold up, and to try again."""

from collections.abc import Callable

import pytest

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import Interaction
from console.sends.models import Send
from console.sends.services import send_create


@pytest.fixture
def send(
    supervisor: User,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
) -> Send:
    """Sue's, to the chats c0, c1 and c2; it has begun, and nothing has left yet."""
    ids = [make_interaction(f"c{number}").pk for number in range(3)]
    key = make_notice("Hello", key="greeting").notice.key
    return send_create(supervisor.to_actor(), notice_key=key, interactions=ids)
