"""A second person approves large sends, and the sender sees why nothing leaves."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import Role
from console.sends.control.approval import send_approve
from console.sends.models import Send, SendStatus

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _one_person_decides_on_one_chat(settings: Any) -> None:
    settings.APPROVAL_ABOVE = 1


@pytest.fixture
def page(supervisor: User, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def desk(approver: User, browse: Callable[..., Client]) -> Client:
    """Where it is approved."""
    return browse(approver)


def html_of(client: Client, name: str, *arguments: object) -> str:
    return client.get(reverse(name, args=arguments)).content.decode()


def main_of(html: str) -> str:
    return html.split('id="main"')[1].split("</main>")[0]


def local(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")


def test_all_that_an_approver_has_to_know(
    desk: Client, make_send: Callable[..., Send], settings: Any
) -> None:
    settings.FREE_NICKNAMES = True
    send = make_send(3, visibility="INT", why="a storm", nickname="Desk")

    html = main_of(html_of(desk, "send-approvals"))

    for fact in (
        "<bdi>Sue</bdi> asks",
        "Hello Zoë.",
        "<bdi>Desk</bdi>:",
        "edge--INT",
        "Staff only",
        "staff in 3 chats",
        "billing",
        "chat-east",
        "a storm",
        "as soon as it is approved",
        reverse("send-approve", args=[send.pk]),
        reverse("send-reject", args=[send.pk]),
    ):
        assert fact in html, fact
    assert "each with its own data" not in html


def test_texts_that_differ_are_said_to_differ(
    desk: Client,
    make_send: Callable[..., Send],
    make_interaction: Callable[..., Any],
) -> None:
    make_send(chats=[make_interaction().pk, make_interaction(user_data={"FirstName": "Bo"}).pk])

    html = main_of(html_of(desk, "send-approvals"))

    assert "each with its own data, here as for Zoë Martin" in html


def test_how_many_wait_stands_in_the_navigation(
    desk: Client, page: Client, make_send: Callable[..., Send]
) -> None:
    assert "Nothing awaits your approval" in html_of(desk, "send-approvals")
    make_send(2)
    make_send(1)  # needs none

    assert 'nav__count">1<' in html_of(desk, "help")
    assert reverse("send-approvals") not in html_of(page, "help")


def test_the_sender_sees_why_nothing_leaves(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send(2)

    html = html_of(page, "send-detail", send.pk)

    assert "Nothing leaves before it is approved." in html
    assert "any approver but <bdi>Sue</bdi>" in html


def test_approving_asks_and_then_lets_it_go(
    desk: Client, page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send(2)
    address = reverse("send-approve", args=[send.pk])

    question = desk.get(address, headers=HTMX).content.decode()
    assert "Approve for 2 customers" in question
    assert "It goes to 2 customers at once." in question
    send.refresh_from_db()
    assert send.status == SendStatus.AWAITING_APPROVAL

    answer = desk.post(address, follow=True).content.decode()

    send.refresh_from_db()
    assert send.status == SendStatus.RUNNING
    assert f"Send {send.pk} is approved and leaves now." in answer
    assert "Nothing awaits your approval" in answer
    assert "Approved by</dt><dd>Anna" in html_of(page, "send-detail", send.pk)


def test_what_was_moved_after_the_look_is_not_approved(
    desk: Client, page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send(2, scheduled_at=timezone.now() + timedelta(hours=1))
    question = desk.get(reverse("send-approve", args=[send.pk])).content.decode()
    seen = question.split('name="seen" value="')[1].split('"')[0]
    fields = {"later": local(timezone.now() + timedelta(hours=5)), "time_zone": "UTC"}
    page.post(reverse("send-reschedule", args=[send.pk]), fields)

    refused = desk.post(reverse("send-approve", args=[send.pk]), {"seen": seen})

    assert refused.status_code == 409
    assert "its sender has given it another time" in refused.content.decode()
    send.refresh_from_db()
    assert send.status == SendStatus.AWAITING_APPROVAL


def test_rejecting_takes_a_reason_that_the_sender_reads(
    desk: Client, page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send(2)
    address = reverse("send-reject", args=[send.pk])

    assert desk.post(address, {"reason": ""}).status_code == 422
    answer = desk.post(address, {"reason": "The shop opens at nine."}, follow=True)

    assert f"Send {send.pk} is rejected." in answer.content.decode()
    html = html_of(page, "send-detail", send.pk)
    assert "Cancelled by <bdi>Anna</bdi>" in html
    assert "The shop opens at nine." in html


def test_who_comes_second_is_told(
    desk: Client,
    make_user: Callable[..., User],
    make_send: Callable[..., Send],
) -> None:
    send = make_send(2)
    send_approve(make_user("abel", Role.APPROVER).to_actor(), send)

    for name in ("send-approve", "send-reject"):
        whole = desk.post(reverse(name, args=[send.pk]), {"reason": "no"})
        fragment = desk.get(reverse(name, args=[send.pk]), headers=HTMX)
        assert (whole.status_code, fragment.status_code) == (404, 422)
        assert "Somebody else has decided" in fragment.content.decode()


def test_ones_own_send_is_there_without_buttons(
    supervisor: User, page: Client, make_send: Callable[..., Send]
) -> None:
    supervisor.roles = [Role.SUPERVISOR, Role.APPROVER]
    supervisor.save()
    send = make_send(2)

    html = main_of(html_of(page, "send-approvals"))

    assert "This is your own send: another approver decides." in html
    assert reverse("send-approve", args=[send.pk]) not in html
    assert page.post(reverse("send-approve", args=[send.pk])).status_code == 403


def test_more_sends_cost_no_more_queries(desk: Client, make_send: Callable[..., Send]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(reverse("send-approvals")).status_code == 200
        return len(captured)

    make_send(2)
    few = queries()
    for _ in range(3):
        make_send(4)

    assert queries() == few


# --- Another time ------------------------------------------------------------------------------


def test_a_scheduled_send_says_when_in_its_zone(
    page: Client, make_send: Callable[..., Send]
) -> None:
    at = datetime.combine(timezone.now() + timedelta(days=2), time(8), UTC)
    send = make_send(1, scheduled_at=at, time_zone="Asia/Tokyo")

    html = html_of(page, "send-detail", send.pk)

    assert '17:00 <span class="moment__zone">Asia/Tokyo</span>' in html
    assert "= 08:00 UTC" in html
    assert reverse("send-reschedule", args=[send.pk]) in html


def test_rescheduling_voids_the_approval_and_says_so(
    approver: User, page: Client, make_send: Callable[..., Send]
) -> None:
    at = timezone.now() + timedelta(days=1)
    send = make_send(2, scheduled_at=at, time_zone="Europe/Berlin")
    send_approve(approver.to_actor(), send)
    address = reverse("send-reschedule", args=[send.pk])

    question = page.get(address).content.decode()
    assert "it has to be approved again" in question
    assert 'value="Europe/Berlin" selected' in question
    page.post(address, {"later": local(at + timedelta(days=1)), "time_zone": "Europe/Berlin"})

    send.refresh_from_db()
    assert send.status == SendStatus.AWAITING_APPROVAL
    assert send.scheduled_at > at


@pytest.mark.parametrize(
    ("later", "zone", "words"),
    [
        ("", "UTC", "Choose the date and the time."),
        ("soon", "UTC", "Write date and time as"),
        ("2020-01-01T09:00", "UTC", "That time has passed"),
        ("2020-01-01T09:00", "Mars/Olympus", "is no time zone"),
        ("2027-03-28T02:30", "Europe/Berlin", "does not exist"),
        ("2027-10-31T02:30", "Europe/Berlin", "comes twice"),
    ],
)
def test_a_time_that_cannot_be_is_refused_in_place(
    page: Client, make_send: Callable[..., Send], later: str, zone: str, words: str
) -> None:
    send = make_send(1, scheduled_at=timezone.now() + timedelta(days=1))

    answer = page.post(
        reverse("send-reschedule", args=[send.pk]), {"later": later, "time_zone": zone}
    )

    html = answer.content.decode()
    assert answer.status_code in (400, 422)
    assert words in html
    assert f'value="{later}"' in html or not later
    assert f'value="{zone}" selected' in html
