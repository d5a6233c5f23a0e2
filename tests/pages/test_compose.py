"""Composing: for later, for many, once more, and near the quota."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer
from console.sends.models import Send, SendStatus

HTMX = {"HX-Request": "true"}
LATER = {"when": "later", "later": "2027-07-01T09:00", "time_zone": "Europe/Berlin"}


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def chats(make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]) -> Any:
    """The ids of three chats, for which there is the notice `hello`."""
    make_notice("Hello.", key="hello")
    return [make_interaction().pk for _ in range(3)]


def compose(chats: list[str], **fields: Any) -> dict[str, Any]:
    return {"interaction": chats, "notice": "hello", "idempotency_key": "k1", **fields}


def preview(page: Client, fields: dict[str, Any], **options: Any) -> str:
    answer = page.post(reverse("board-preview"), fields, headers=HTMX, **options)
    assert answer.status_code == 200
    return answer.content.decode()


# --- Later ---------------------------------------------------------------------------------------


def test_the_panel_offers_every_zone_and_the_sites_first(page: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    html = page.get(reverse("board-compose"), headers=HTMX).content.decode()

    zones = html.split('name="time_zone"')[1].split("</select>")[0]
    assert zones.index("Europe/Berlin") < zones.index("Africa/Abidjan")
    assert 'value="America/Los_Angeles">America/Los Angeles<' in zones
    assert "data-own-zone" in zones.split(">")[0]


def test_the_preview_says_when_on_both_clocks(page: Client, chats: list[str]) -> None:
    html = preview(page, compose(chats, **LATER))

    assert "Thu 1 Jul 2027, 09:00" in html
    assert '<span class="moment__zone">Europe/Berlin</span>' in html
    assert "= 07:00 UTC" in html
    assert "Schedule for 3 customers" in html
    assert "You can undo" not in html


def test_it_is_scheduled(page: Client, chats: list[str]) -> None:
    html = page.post(reverse("send-create"), compose(chats, **LATER), headers=HTMX)

    send = Send.objects.get()
    assert (send.status, send.time_zone) == (SendStatus.SCHEDULED, "Europe/Berlin")
    assert send.scheduled_at.isoformat() == "2027-07-01T07:00:00+00:00"
    assert "Scheduled for" in html.content.decode()


def test_later_without_a_time_is_never_now(page: Client, chats: list[str]) -> None:
    fields = compose(chats, **{**LATER, "later": ""})

    html = preview(page, fields)
    refused = page.post(reverse("send-create"), fields, headers=HTMX)

    assert "Choose the date and the time." in html
    assert "Send to" not in html
    assert refused.status_code == 422
    assert Send.objects.count() == 0


def test_a_time_left_in_the_field_counts_for_nothing_when_it_is_now(
    page: Client, chats: list[str]
) -> None:
    html = preview(page, compose(chats, **{**LATER, "when": "now"}))

    assert "Send to 3 customers" in html


@pytest.mark.parametrize(
    ("time", "words"),
    [("2020-01-01T09:00", "That time has passed"), ("2027-03-28T02:30", "does not exist")],
)
def test_a_time_that_cannot_be_is_said_in_the_preview(
    page: Client, chats: list[str], time: str, words: str
) -> None:
    assert words in preview(page, compose(chats, **{**LATER, "later": time}))


# --- Many ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [{}, LATER])
def test_what_needs_approval_says_so_before_the_button(
    page: Client, chats: list[str], settings: Any, when: dict[str, str]
) -> None:
    settings.APPROVAL_ABOVE = 2

    html = preview(page, compose(chats, **when))
    assert "More than 2 chats: a second person must approve" in html
    assert "Ask for approval to send to 3 customers" in html
    assert "You can undo" not in html
    asked = page.post(reverse("send-create"), compose(chats, **when), headers=HTMX)

    assert Send.objects.get().status == SendStatus.AWAITING_APPROVAL
    assert "Nothing leaves before it is approved." in asked.content.decode()
    assert "second person" not in preview(page, compose(chats[:2], **when))


def test_near_the_quota_what_is_left_is_said(page: Client, chats: list[str], settings: Any) -> None:
    settings.HOURLY_QUOTA = 40
    assert "within an hour" not in preview(page, compose(chats))

    settings.HOURLY_QUOTA = 3
    assert "After this send 0 are left of the 3 chats" in preview(page, compose(chats))


def test_over_the_quota_there_is_no_button(page: Client, chats: list[str], settings: Any) -> None:
    settings.HOURLY_QUOTA = 2

    html = preview(page, compose(chats))
    assert "Choose fewer chats" in html
    assert "Send to 3 customers" not in html

    refused = page.post(reverse("send-create"), compose(chats, why="storm"), headers=HTMX)
    assert refused.status_code == 422
    assert "Choose fewer chats" in refused.content.decode()
    assert 'value="storm"' in refused.content.decode()


# --- Once more -----------------------------------------------------------------------------------


def test_who_got_it_a_moment_ago_is_skipped_unless_one_insists(
    page: Client, chats: list[str], settings: Any
) -> None:
    settings.RESEND_GUARD_MINUTES = 15
    page.post(reverse("send-create"), compose(chats[:2]))
    again = compose(chats, idempotency_key="k2")

    html = preview(page, again)
    assert "Send to 1 customer<" in html
    assert "waits for the chat already" in html
    assert "Send nevertheless to the 2 who got it in the last 15 minutes" in html

    insisting = {**again, "allow_repeat": "1"}
    html = preview(page, insisting)
    assert "Send to 3 customers" in html
    assert "they see it twice" in html
    assert 'id="allow-repeat" value="1" checked' in html
    page.post(reverse("send-create"), insisting)

    assert Send.objects.first().ready_count == 3
