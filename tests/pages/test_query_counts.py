"""How often each page asks the database: as often for much as for little, and not more than said.

The numbers are of somebody with every role, so that the frame has all of its parts. Whoever adds a
statement to a page changes its number here, and says why it can't be in one that is there.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.accounts.models import User
from console.accounts.roles import Role
from console.interactions.models import Interaction
from console.sends.models import Send
from tests.incidents.incident_world import make_payments, start

pytestmark = pytest.mark.django_db

# Of every page: session, person, the rate's counter, teams and clients, what waits with whether all
# sending is stopped, PostgreSQL's clock, and one for the red band of those who look after the
# trail. In a test savepoints count, too: two for a search and two for the band.
FRAME = 9
PAGES = {
    "/help/": FRAME,
    "/home/": FRAME + 4,
    "/board/": FRAME + 19,
    "/sends/": FRAME + 3,
    "/sends/{send}/": FRAME + 8,
    "/history/": FRAME + 14,
    "/history/counts/": FRAME + 10,
    "/history/{delivery}/": FRAME + 4,
    "/audit/": FRAME + 8,
    "/notices/": FRAME + 5,
    "/notices/hello/": FRAME + 6,
    "/playbooks/": FRAME + 4,
    "/incidents/": FRAME + 5,
    "/incidents/{incident}/": FRAME + 9,
    "/chats/{chat}/": FRAME + 8,
    "/operations/": FRAME + 23,
    "/chat-servers/": FRAME + 3,
    "/people/": FRAME + 4,
    "/account/": FRAME + 3,
    "/search/?q=nowhere": FRAME + 40,
}


@pytest.fixture
def reader(make_user: Callable[..., User]) -> User:
    return make_user("all", *Role.values)


def counted(client: Client, names: dict[str, Any]) -> dict[str, int]:
    found = {}
    for path in PAGES:
        address = path.format(**names)
        assert client.get(address).status_code == 200, address  # what is read once
        with CaptureQueriesContext(connection) as made:
            client.get(address)
        found[path] = len(made)
    return found


def test_pages_ask_no_more_for_much_than_for_little(
    reader: User,
    supervisor: User,
    browse: Callable[[User], Client],
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Interaction],
    make_send: Callable[..., Send],
    chat_server: Any,
) -> None:
    make_notice(key="hello")
    chats = [make_interaction(queue="sales").pk for _ in range(3)]
    send = make_send(chats)
    incident = start(supervisor, make_payments(make_notice))
    client = browse(reader)
    names = {
        "send": send.pk,
        "delivery": send.deliveries.order_by("pk")[0].pk,
        "incident": incident.pk,
        "chat": chats[0],
    }
    few = counted(client, names)
    for number in range(12):
        make_notice(key=f"hello-{number}")
        make_send([make_interaction(queue="sales").pk for _ in range(4)])
    assert counted(client, names) == few
    assert few == PAGES
