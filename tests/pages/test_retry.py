"""Trying again: what failed, and by a person's decision what nobody knows of."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.roles import Role
from console.sends.models import DeliveryStatus, Send, SendStatus
from tests.pages.conftest import end

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(supervisor: User, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def over(make_send: Callable[..., Send]) -> Send:
    """A send to four chats that is over: one delivered, two failed, one unknown."""
    send = make_send(4)
    end(send, "delivered")
    end(send, "failed", reason="refused")
    end(send, "failed", reason="not_sent")
    end(send, "unknown", reason="no_answer")
    Send.objects.filter(pk=send.pk).update(status=SendStatus.FINISHED)
    return send


def html_of(client: Client, name: str, *arguments: object) -> str:
    return client.get(reverse(name, args=arguments)).content.decode()


def test_the_buttons_say_how_many(page: Client, over: Send) -> None:
    html = html_of(page, "send-progress", over.pk)

    assert "Retry 2 failed" in html
    assert "Retry 1 unknown" in html


def test_failed_ones_are_asked_about_and_tried_again(page: Client, over: Send) -> None:
    address = reverse("send-retry-failed", args=[over.pk])
    assert "these chats were shown nothing" in page.get(address, headers=HTMX).content.decode()

    answer = page.post(address)

    retry = Send.objects.get(retry_of=over)
    assert answer["Location"] == reverse("send-detail", args=[retry.pk])
    assert retry.deliveries.count() == 2
    left = html_of(page, "send-progress", over.pk)
    assert "failed</a>" not in left
    assert "Retry 1 unknown" in left
    again = page.post(address)
    assert again.status_code == 409
    assert "Nothing of it is left to retry" in again.content.decode()


def test_the_unknown_need_a_tick_beside_plain_words(page: Client, over: Send) -> None:
    address = reverse("send-retry-unknown", args=[over.pk])

    question = page.get(address).content.decode()
    assert "Customers who have seen it already will see it twice." in question
    assert 'name="may_show_twice"' in question
    assert "required" in question.split('name="may_show_twice"')[1].split(">")[0]

    refused = page.post(address)
    assert refused.status_code == 422
    assert "Tick the box if it may be shown twice" in refused.content.decode()
    assert Send.objects.count() == 1

    answer = page.post(address, {"may_show_twice": "on"})
    retry = Send.objects.get(retry_of=over)
    assert answer["Location"] == reverse("send-detail", args=[retry.pk])
    again = page.post(address, {"may_show_twice": "on"})
    assert again.status_code == 409
    assert "Nothing of it is left to retry" in again.content.decode()


def test_a_send_and_its_retries_lead_to_each_other(page: Client, over: Send) -> None:
    page.post(reverse("send-retry-unknown", args=[over.pk]), {"may_show_twice": "on"})
    retry = Send.objects.get(retry_of=over)
    first = over.deliveries.get(status=DeliveryStatus.UNKNOWN)
    second = retry.deliveries.get()

    for here, there in ((over, retry), (retry, over)):
        html = html_of(page, "send-detail", here.pk)
        assert f'href="{reverse("send-detail", args=[there.pk])}">Send {there.pk}<' in html
    for send, own, other in ((over, first, second), (retry, second, first)):
        link = f'href="{reverse("delivery-detail", args=[other.pk])}"'
        assert link in html_of(page, "send-detail", send.pk)
        assert link in html_of(page, "delivery-detail", own.pk)


def test_a_retry_that_the_person_may_not_see_is_no_dead_link(
    page: Client, over: Send, make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    chief = make_user("chief", Role.SUPERVISOR, Role.ADMINISTRATOR)
    browse(chief).post(reverse("send-retry-failed", args=[over.pk]))
    retry = Send.objects.get(retry_of=over)

    html = html_of(page, "send-detail", over.pk)

    assert reverse("send-detail", args=[retry.pk]) not in html
    for delivery in retry.deliveries.all():
        assert reverse("delivery-detail", args=[delivery.pk]) not in html
    theirs = html_of(browse(chief), "send-detail", retry.pk)
    assert reverse("send-detail", args=[over.pk]) in theirs


def test_only_whose_send_it_is_retries(
    over: Send, outsider: User, auditor: User, browse: Callable[..., Client]
) -> None:
    assert "Retry" not in html_of(browse(auditor), "send-detail", over.pk)
    for person, status in ((auditor, 403), (outsider, 404)):
        answer = browse(person).post(reverse("send-retry-failed", args=[over.pk]))
        assert answer.status_code == status
    assert Send.objects.count() == 1


@pytest.mark.parametrize("kind", ["failed", "unknown"])
def test_what_ends_so_after_one_was_asked_is_not_among_it(
    page: Client, make_send: Callable[..., Send], kind: str
) -> None:
    """The send goes on while somebody reads the question; they said yes to so many."""
    send = make_send(3)
    end(send, kind, reason="refused")
    address = reverse(f"send-retry-{kind}", args=[send.pk])
    asked = page.get(address, headers=HTMX).content.decode()
    assert f"Retry 1 {kind}?" in asked
    seen = re.search(r'name="seen" value="([^"]+)"', asked)
    assert seen
    end(send, kind, reason="refused")

    page.post(address, {"seen": seen[1], "may_show_twice": "on"})

    assert Send.objects.get(retry_of=send).deliveries.count() == 1
    assert f"Retry 1 {kind}?" in page.get(address, headers=HTMX).content.decode()


def test_a_damaged_word_of_what_was_seen_tries_nothing_again(page: Client, over: Send) -> None:
    for seen in ("x", "1", "0 2030-01-01T00:00:00+00:00", "2 2030-01-01"):
        answer = page.post(reverse("send-retry-failed", args=[over.pk]), {"seen": seen})
        assert answer.status_code == 409
    assert not Send.objects.filter(retry_of=over).exists()
