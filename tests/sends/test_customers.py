"""The page of a customer: chats and deliveries under one key, and who sees what of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.errors import NotFound
from console.interactions.models import Interaction
from console.interactions.services import feed_apply
from console.sends import customers
from console.sends.control.erasure import interaction_erase
from console.sends.control.retention import texts_expire
from console.sends.customers import customer_get
from console.sends.engine.record import deliveries_expire
from console.sends.history.filling import history_fill
from console.sends.models import CustomerChat, Send
from tests.support.factories import ROOT, upsert

pytestmark = pytest.mark.django_db
KEY = "A-1042"


@pytest.fixture(autouse=True)
def _key(settings: Any) -> None:
    settings.CUSTOMER_KEY = "CustomerID"


@pytest.fixture
def chats(make_interaction: Callable[..., Interaction]) -> list[str]:
    """Two of the customer's, one of a queue without a team, and one of somebody else's."""
    data = {"CustomerID": KEY, "FirstName": "Zoë"}
    return [
        make_interaction("c1", queue="sales", user_data=data).pk,
        make_interaction("c2", queue="other", user_data=data).pk,
        make_interaction("c3", queue="sales", user_data={"CustomerID": "B-7"}).pk,
    ]


def over() -> None:
    deliveries_expire(timezone.now() + timedelta(hours=1))
    while history_fill():
        pass


def seen(person: User, key: str = KEY) -> tuple[list[str], list[str]]:
    found = customer_get(person.to_actor(), key)
    sent = found.deliveries.values_list("interaction_id", flat=True)
    return sorted(chat.pk for chat in found.chats), sorted(sent)


def test_everybody_sees_what_they_may(
    chats: list[str],
    make_send: Callable[..., Send],
    supervisor: User,
    outsider: User,
    auditor: User,
    team: Any,
) -> None:
    make_send(chats)
    for after in (lambda: None, over):
        after()
        assert seen(supervisor) == (["c1", "c2"], ["c1", "c2"])
        assert seen(auditor) == ([], ["c1", "c2"])  # who may not see chats
        assert seen(outsider) == (["c2"], [])
        assert seen(supervisor, "B-7") == (["c3"], ["c3"])
        assert seen(supervisor, "a-1042") == seen(supervisor, "") == ([], [])


def test_deliveries_stay_when_chats_are_gone(
    chats: list[str], make_send: Callable[..., Send], auditor: User
) -> None:
    make_send(chats)
    over()
    Interaction.objects.all().delete()
    assert seen(auditor) == ([], ["c1", "c2"])


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"CustomerID": " A-1 "}, "A-1"),
        ({"CustomerID": 1042}, "1042"),
        ({"CustomerID": {"id": "A"}}, ""),
        ({"CustomerID": "x" * 256}, ""),
        ({"CustomerID": "x" * 255}, "x" * 255),
        ({"CustomerID": "\u200b"}, ""),
        ({"Other": "A-1"}, ""),
    ],
)
def test_what_is_a_key(
    data: dict[str, Any], key: str, make_interaction: Callable[..., Interaction]
) -> None:
    assert make_interaction("c1", user_data=data).customer_key == key


def test_the_key_goes_with_the_newest_data(
    make_interaction: Callable[..., Interaction], settings: Any
) -> None:
    chat = make_interaction("c1", user_data={"CustomerID": "A"})
    feed_apply(ROOT, [upsert("c1", user_data={"CustomerID": "B"})])
    chat.refresh_from_db()
    assert chat.customer_key == "B"
    feed_apply(ROOT, [upsert("c1", user_data={"FirstName": "Zoë"})])
    chat.refresh_from_db()
    assert chat.customer_key == ""
    settings.CUSTOMER_KEY = ""
    assert make_interaction("c2", user_data={"CustomerID": "A"}).customer_key == ""


def test_erasure_forgets_whose_chat_it_was(
    chats: list[str], make_send: Callable[..., Send], auditor: User, settings: Any
) -> None:
    make_send(chats)
    over()
    Interaction.objects.filter(pk="c1").update(ended_at=timezone.now())
    interaction_erase(ROOT, interaction_id="c1")
    assert seen(auditor) == ([], ["c2"])
    over()
    assert seen(auditor) == ([], ["c2"])
    Interaction.objects.all().delete()
    settings.TEXT_RETENTION_DAYS = 1
    while texts_expire(now=timezone.now() + timedelta(days=2)):
        pass
    assert not CustomerChat.objects.exists()


def test_an_index_finds_them(auditor: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for model in (Interaction, CustomerChat):
            found = model.objects.filter(customer_key=KEY)
            if model is Interaction:
                found = found.exclude(customer_key="")
            plan = found.order_by("-pk")[:201].explain()
            assert "by_customer" in plan, plan


def test_a_large_customer_is_cut_and_says_so(
    chats: list[str],
    make_send: Callable[..., Send],
    supervisor: User,
    browse: Callable[..., Client],
    monkeypatch: Any,
) -> None:
    make_send(chats)
    monkeypatch.setattr(customers, "CHATS_MOST", 1)
    html = browse(supervisor).get(reverse("customer"), {"key": KEY}).content.decode()
    assert "This customer has more than is shown here." in html


# --- The page -------------------------------------------------------------------------------------


def test_the_page_and_the_ways_to_it(
    chats: list[str],
    make_send: Callable[..., Send],
    supervisor: User,
    browse: Callable[..., Client],
) -> None:
    send = make_send(chats)
    delivery = send.deliveries.get(interaction="c1")
    client = browse(supervisor)
    way = f'href="{reverse("customer")}?key={KEY}"'
    for url in (
        reverse("chat-detail", args=["c1"]),
        reverse("delivery-detail", args=[delivery.pk]),
    ):
        assert way in client.get(url).content.decode(), url
    html = client.get(reverse("customer"), {"key": KEY}).content.decode()
    assert f"Customer {KEY}" in html
    assert reverse("delivery-detail", args=[delivery.pk]) in html
    assert f'href="{reverse("chat-detail", args=["c2"])}"' in html
    assert reverse("chat-detail", args=["c3"]) not in html
    assert "Which customer?" in client.get(reverse("customer")).content.decode()
    nothing = client.get(reverse("customer"), {"key": "zebra"}).content.decode()
    assert "Nothing is known of this customer" in nothing
    assert 'value="zebra"' in nothing
    refused = client.get(reverse("customer"), {"key": "a" * 300})
    assert refused.status_code == 422
    assert "a" * 300 in refused.content.decode()


def test_without_the_setting_there_is_neither_page_nor_link(
    chats: list[str],
    make_send: Callable[..., Send],
    supervisor: User,
    browse: Callable[..., Client],
    settings: Any,
) -> None:
    delivery = make_send(chats).deliveries.get(interaction="c1")
    settings.CUSTOMER_KEY = ""
    client = browse(supervisor)
    assert client.get(reverse("customer"), {"key": KEY}).status_code == 404
    with pytest.raises(NotFound):
        customer_get(supervisor.to_actor(), KEY)
    for url in (
        reverse("chat-detail", args=["c1"]),
        reverse("delivery-detail", args=[delivery.pk]),
    ):
        assert reverse("customer") + "?" not in client.get(url).content.decode()
