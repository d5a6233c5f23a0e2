"""What the board sends to and under which name is said, never left empty."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.models import NoticeVersion, VisibilityPreset
from console.interactions.models import ChatServer
from console.sends.models import Send

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


def compose(*chats: str, **fields: Any) -> dict[str, Any]:
    return {"interaction": chats, "notice": "hello", "idempotency_key": "k1", **fields}


@pytest.mark.parametrize("filters", ["queue=", "queue=%20", "q=%E2%80%8B&locale=fr", "online="])
def test_an_empty_filter_of_all_that_match_sends_to_nobody(
    page: Client,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
    filters: str,
) -> None:
    make_notice(key="hello")
    make_interaction()

    answer = page.post(reverse("send-create"), compose(everything="1", filters=filters))

    assert answer.status_code == 422
    assert "is empty: give a value" in answer.content.decode()
    assert Send.objects.count() == 0


@pytest.mark.parametrize(
    "lost", [{}, {"filters": ""}, {"filters": "\u200b"}, {"filters": "quue=billing"}], ids=repr
)
def test_filters_that_have_got_lost_are_not_everybody(
    page: Client,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
    lost: dict[str, str],
) -> None:
    make_notice(key="hello")
    make_interaction()
    answer = page.post(reverse("send-create"), compose(everything="1", **lost))
    assert answer.status_code == 422
    assert "hoose the chats again" in answer.content.decode()
    assert Send.objects.count() == 0


def test_a_time_without_saying_that_it_counts_sends_nothing(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    chat = make_interaction()
    for when in ({}, {"when": ""}):
        fields = compose(chat.pk, later="2027-03-31T12:00", time_zone="UTC", **when)
        assert page.post(reverse("send-create"), fields).status_code == 422
    assert Send.objects.count() == 0


def test_all_chats_are_said_to_be_all(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    make_interaction()
    page.post(reverse("send-create"), compose(everything="1", filters="sort=queue"))
    assert Send.objects.get().target == {"filter": {"all": True}}


def test_the_list_passes_over_filters_that_are_not_set(
    page: Client, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("shown")
    html = page.get(reverse("board") + "?q=&queue=%20&agent=%E2%80%8B&online=").content.decode()
    assert "shown" in html


def test_a_plan_that_has_got_lost_is_none(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    fields = compose(make_interaction().pk, expected_plan="")
    assert page.post(reverse("send-create"), fields).status_code == 422
    assert Send.objects.count() == 0


def test_nicknames_are_offered_not_written(
    page: Client,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
    settings: Any,
) -> None:
    make_notice("Hello.", key="hello")
    VisibilityPreset.objects.create(
        name="Desk", visibility="INT", nickname="Night Desk", is_approved=True
    )
    fields = compose(make_interaction().pk, nickname="Fraud Dept")
    html = page.post(reverse("send-create"), fields, headers=HTMX).content.decode()
    assert '<option value="Night Desk">Night Desk · Staff only</option>' in html
    assert "Fraud Dept · not approved" in html
    assert "Nobody has approved the nickname Fraud Dept" in html
    assert "own_nickname" not in html

    settings.FREE_NICKNAMES = True
    fields |= {"nickname": "", "own_nickname": "Storm Desk"}
    html = page.post(reverse("board-preview"), fields, headers=HTMX).content.decode()
    assert "You have chosen the nickname Storm Desk" in html
    assert "Ask for approval to send to 1 customer" in html
    page.post(reverse("send-create"), fields)
    send = Send.objects.get()
    assert (send.status, send.nickname_from) == ("awaiting_approval", "sender")
