"""A send's page, the list of sends, and the history."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.sends.models import Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.pages.conftest import end

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(supervisor: User, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


def test_progress_tells_every_outcome(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send(4)
    end(send, "delivered")
    end(send, "failed", reason="refused")
    end(send, "unknown", reason="no_answer")

    html = page.get(reverse("send-progress", args=[send.pk])).content.decode()

    assert "1 of 4 delivered" in html
    for word in ("Failed", "Unknown", "Waiting"):
        assert word in html
    assert "Sending again may show it twice." in html


def test_a_finished_send_stops_asking(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send()
    live = page.get(reverse("send-detail", args=[send.pk])).content.decode()
    Send.objects.filter(pk=send.pk).update(status=SendStatus.FINISHED)

    assert f'data-live-topic="send-{send.pk}"' in live
    over = page.get(reverse("send-detail", args=[send.pk])).content.decode()
    assert f'data-live-topic="send-{send.pk}"' not in over


def test_undo_while_it_holds(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send(undo_seconds=30)
    assert "Undo" in page.get(reverse("send-detail", args=[send.pk])).content.decode()

    answer = page.post(reverse("send-cancel", args=[send.pk]), headers=HTMX)

    assert "Cancelled" in answer.content.decode()
    send.refresh_from_db()
    assert send.status == SendStatus.CANCELLED


def test_undo_that_comes_too_late_says_what_had_left(
    page: Client, make_send: Callable[..., Send]
) -> None:
    """The page showed it a moment ago; meanwhile it has begun, or is over."""
    undo = {"undo": "all"}
    begun = make_send(3)
    end(begun, "delivered")
    answer = page.post(reverse("send-cancel", args=[begun.pk]), undo, headers=HTMX)
    words = "Too late to take all of it back. Gone out already or on the way: 1. Stopped: 2."
    assert words in answer.content.decode()
    begun.refresh_from_db()
    assert begun.status == SendStatus.CANCELLED
    over = make_send(1)
    end(over, "unknown")
    Send.objects.filter(pk=over.pk).update(status=SendStatus.FINISHED)
    answer = page.post(reverse("send-cancel", args=[over.pk]), undo, follow=True)
    assert "Gone out already or on the way: 1. Stopped: 0." in answer.content.decode()
    nothing_left = make_send(2)
    answer = page.post(reverse("send-cancel", args=[nothing_left.pk]), undo, headers=HTMX)
    assert "Too late" not in answer.content.decode()


def test_undo_is_there_as_long_as_nothing_has_left(
    page: Client, make_send: Callable[..., Send]
) -> None:
    """No worker took it although its time has come: there is nothing to count, and all to undo."""
    send = make_send(undo_seconds=30)
    assert "data-until" in page.get(reverse("send-progress", args=[send.pk])).content.decode()
    Send.objects.filter(pk=send.pk).update(release_at=timezone.now())
    html = page.get(reverse("send-progress", args=[send.pk])).content.decode()
    assert "data-until" not in html
    assert "as soon as a worker takes it" in html
    assert "Undo</button>" in html
    page.post(reverse("send-cancel", args=[send.pk]), {"undo": "all"})
    send.refresh_from_db()
    assert send.status == SendStatus.CANCELLED


def test_what_is_over_cannot_be_stopped_and_says_so(
    page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send()
    Send.objects.filter(pk=send.pk).update(status=SendStatus.FINISHED)

    fragment = page.post(reverse("send-cancel", args=[send.pk]), headers=HTMX)
    whole = page.post(reverse("send-cancel", args=[send.pk]))

    assert (fragment.status_code, whole.status_code) == (422, 409)
    for answer in (fragment, whole):
        assert "nothing waits any more" in answer.content.decode()


def test_deliveries_by_outcome(page: Client, make_send: Callable[..., Send]) -> None:
    send = make_send(2)
    failed = end(send, "failed", reason="refused", detail="Chat Server refused it: no session.")
    other = send.deliveries.exclude(pk=failed.pk).get()

    html = page.get(reverse("send-detail", args=[send.pk]), {"status": "failed"}).content.decode()

    assert reverse("delivery-detail", args=[failed.pk]) in html
    assert reverse("delivery-detail", args=[other.pk]) not in html
    assert "no session" in html


def test_list_is_empty_at_first_and_says_how_to_begin(page: Client) -> None:
    html = page.get(reverse("send-list")).content.decode()

    assert "Nothing was sent yet" in html
    assert reverse("board") in html


def test_list_by_status(page: Client, make_send: Callable[..., Send]) -> None:
    held = make_send(undo_seconds=30)
    running = make_send()

    html = page.get(reverse("send-list"), {"status": "holding"}).content.decode()

    assert reverse("send-detail", args=[held.pk]) in html
    assert reverse("send-detail", args=[running.pk]) not in html
    none = page.get(reverse("send-list"), {"status": "paused"}).content.decode()
    assert "No send is in this state" in none


def test_one_delivery_is_the_whole_proof(
    page: Client, make_send: Callable[..., Send], settings: Any
) -> None:
    settings.FREE_NICKNAMES = True
    send = make_send(visibility="INT", nickname="Desk")
    delivery = end(
        send,
        "failed",
        reason="refused",
        reference_id=4711,
        attempted_at=timezone.now(),
        fault_code="17",
        fault_text="no such session",
        answer=[{"key": "FaultCode", "type": "int", "value": 17}],
    )

    html = page.get(reverse("delivery-detail", args=[delivery.pk])).content.decode()

    for fact in (
        "Hello Zoë.",
        "MessageText",
        "Desk",
        "Staff only",
        "4711",
        "no such session",
        "&quot;FaultCode&quot;",
        "Chat Server refused it.",
        "chat-east",
    ):
        assert fact in html, fact


def test_the_ledger_entry_is_shown_to_those_who_may_read_it(
    page: Client,
    auditor: User,
    make_send: Callable[..., Send],
    browse: Callable[..., Client],
    make_interaction: Callable[..., Any],
) -> None:
    send = make_send()
    skipped = send_create(
        User.objects.get(username="sue").to_actor(),
        SendOrder(
            notice_key=send.version.notice.key,
            interactions=[make_interaction(user_data={"IsOnline": "0"}).pk],
        ),
    ).deliveries.get()
    address = reverse("delivery-detail", args=[skipped.pk])

    assert "deliveries.skipped" in browse(auditor).get(address).content.decode()
    assert "deliveries.skipped" not in page.get(address).content.decode()


def test_history_finds_and_says_when_it_does_not(
    page: Client, make_send: Callable[..., Send]
) -> None:
    delivery = make_send().deliveries.get()
    address = reverse("delivery-detail", args=[delivery.pk])

    assert address in page.get(reverse("history")).content.decode()
    assert address in page.get(reverse("history"), {"q": "Hello"}).content.decode()
    nothing = page.get(reverse("history"), {"q": "zebra"}).content.decode()
    assert address not in nothing
    assert "Nothing in the history matches" in nothing
    assert 'value="zebra"' in nothing


def test_history_by_time(page: Client, make_send: Callable[..., Send]) -> None:
    address = reverse("delivery-detail", args=[make_send().deliveries.get().pk])

    assert address in page.get(reverse("history"), {"since": "2020-01-01T00:00"}).content.decode()
    assert (
        address not in page.get(reverse("history"), {"until": "2020-01-01T00:00"}).content.decode()
    )


def test_history_goes_back_page_by_page(
    page: Client, make_send: Callable[..., Send], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.sends.pages.history.DELIVERIES_A_PAGE", 2)
    newest_first = [
        reverse("delivery-detail", args=[each.pk])
        for each in make_send(3).deliveries.order_by("-pk")
    ]

    first = page.get(reverse("history"), {"q": "Hello"})
    older = first.context["page"].older
    second = page.get(reverse("history") + older)

    assert [address in first.content.decode() for address in newest_first] == [True, True, False]
    assert [address in second.content.decode() for address in newest_first] == [False, False, True]
    assert "q=Hello" in older
    assert second.context["page"].newest == "?q=Hello"


@pytest.mark.parametrize("name", ["send-list", "history"])
def test_longer_lists_cost_no_more_queries(
    page: Client, make_send: Callable[..., Send], name: str
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert page.get(reverse(name)).status_code == 200
        return len(captured)

    make_send(2)
    few = queries()
    for _ in range(4):
        make_send(5)

    assert queries() == few
