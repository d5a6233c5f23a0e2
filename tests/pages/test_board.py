"""The live board, composing and sending, as a person meets them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.models import NoticeVersion, VisibilityPreset
from console.interactions.models import ChatServer
from console.interactions.services import feed_apply
from console.sends.models import Send
from tests.support.factories import ROOT, upsert

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


def compose(*chats: str, **fields: Any) -> dict[str, Any]:
    """What the compose form posts."""
    return {"interaction": list(chats), "notice": "hello", "idempotency_key": "k1", **fields}


def preset(visibility: str) -> int:
    return VisibilityPreset.objects.get(visibility=visibility).pk


def test_shows_who_waits(page: Client, make_interaction: Callable[..., Any]) -> None:
    make_interaction("chat-1", queue="sales", locale="fr", user_data={"FirstName": "Aiko"})

    html = page.get(reverse("board")).content.decode()

    assert "Aiko Martin" in html
    assert 'value="chat-1"' in html
    assert "sales" in html


def test_without_chats_it_says_what_the_board_is_for(page: Client) -> None:
    assert "No live chats" in page.get(reverse("board")).content.decode()


def test_without_a_match_it_says_what_was_searched(
    page: Client, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("chat-1", queue="billing")

    html = page.get(reverse("board"), {"queue": "returns", "q": "zebra"}).content.decode()

    assert "No live chat matches" in html
    assert "queue returns" in html
    assert "zebra" in html
    assert "chat-1" not in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"queue": "sales"}, {"a"}),
        ({"locale": "fr"}, {"b"}),
        ({"online": "false"}, {"c"}),
        ({"q": "nora"}, {"b"}),
        ({"chat_server": "chat-west"}, {"c"}),
        ({"waiting_longer_than": "60"}, {"a", "b", "c"}),
        ({"waiting_longer_than": "3600"}, set()),
    ],
)
def test_filters(
    page: Client, make_interaction: Callable[..., Any], query: dict[str, str], found: set[str]
) -> None:
    make_interaction("chat-a", queue="sales")
    make_interaction("chat-b", locale="fr", user_data={"FirstName": "Nora"})
    make_interaction("chat-c", user_data={"IsOnline": "0", "ChatServerAppName": "chat-west"})

    html = page.get(reverse("board-rows"), query).content.decode()

    assert {name for name in "abc" if f'value="chat-{name}"' in html} == found


def test_rows_follow_the_order_that_was_asked_for(
    page: Client, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("chat-1", user_data={"FirstName": "Berta"})
    make_interaction("chat-2", user_data={"FirstName": "Anton"})

    by_name = page.get(reverse("board-rows"), {"sort": "customer"}).content.decode()
    reversed_ = page.get(reverse("board-rows"), {"sort": "-customer"}).content.decode()

    assert by_name.index("Anton") < by_name.index("Berta")
    assert reversed_.index("Berta") < reversed_.index("Anton")
    assert 'aria-sort="ascending"' in by_name
    assert 'aria-sort="descending"' in reversed_


def test_an_unknown_order_is_no_error(page: Client) -> None:
    assert page.get(reverse("board"), {"sort": "password"}).status_code == 200


def test_a_broken_filter_is_answered_in_words(page: Client) -> None:
    answer = page.get(reverse("board"), {"waiting_longer_than": "soon"})

    assert answer.status_code == 400
    assert "whole number of seconds" in answer.content.decode()


def test_preview_shows_each_chats_own_text_and_who_is_skipped(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Hello {{ data.FirstName }}, order {{ data.OrderId }}.", key="hello")
    make_interaction("chat-1", user_data={"FirstName": "Aiko", "OrderId": "A-7"})
    make_interaction("chat-2", user_data={"FirstName": "Bob"})

    posted = page.post(reverse("board-preview"), compose("chat-1", "chat-2"), headers=HTMX)
    html = posted.content.decode()

    assert "Hello Aiko, order A-7." in html
    assert "1 ready" in html
    assert "1 skipped" in html
    assert "this chat has no value for it" in html
    assert "Send to 1 customer<" in html
    assert Send.objects.count() == 0


@pytest.mark.parametrize(
    ("visibility", "words"),
    [
        ("ALL", "Send to 2 customers"),
        ("INT", "Send to staff in 2 chats"),
        ("VIP", "Send to supervisors in 2 chats"),
    ],
)
def test_the_button_says_who_will_see_it(
    page: Client,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
    visibility: str,
    words: str,
) -> None:
    make_notice(key="hello")
    chats = [make_interaction().pk, make_interaction().pk]

    fields = compose(*chats, preset=preset(visibility))
    html = page.post(reverse("board-preview"), fields, headers=HTMX).content.decode()

    assert words in html


def test_a_wider_audience_than_approved_is_refused_in_place(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello", visibility="INT")
    fields = compose(make_interaction().pk, preset=preset("ALL"), why="storm", nickname="Desk")

    answer = page.post(reverse("send-create"), fields, headers=HTMX)
    html = answer.content.decode()

    assert answer.status_code == 422
    assert "was approved for Staff only" in html
    assert 'value="storm"' in html
    assert 'value="Desk"' in html
    assert Send.objects.count() == 0


def test_sending(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Hello.", key="hello")
    VisibilityPreset.objects.create(
        name="Desk", visibility="ALL", nickname="Desk", is_approved=True
    )
    fields = compose(make_interaction("chat-1").pk, why="storm", nickname="Desk")

    answer = page.post(reverse("send-create"), fields, headers=HTMX)

    send = Send.objects.get()
    assert (send.why, send.nickname, send.visibility) == ("storm", "Desk", "ALL")
    assert [delivery.interaction_id for delivery in send.deliveries.all()] == ["chat-1"]
    html = answer.content.decode()
    assert f'data-live-topic="send-{send.pk}"' in html
    assert "Undo" in html


def test_after_sending_the_panel_shows_what_goes_out_and_to_how_many(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Hello {{ data.FirstName }}.", key="hello")
    without = make_interaction(user_data={"FirstName": ""})
    chats = [without.pk, *(make_interaction().pk for _ in range(2))]

    html = page.post(reverse("send-create"), compose(*chats), headers=HTMX).content.decode()

    send = Send.objects.get()
    head = html.split('class="card__head"')[1].split("</div>")[0]
    assert "<bdi>Notice hello</bdi></h2>" in head
    assert ">Open this send</a>" in head
    assert reverse("send-detail", args=[send.pk]) in head
    assert "Hello Zoë.</p>" in html
    assert ">2 chats, 1 skipped</p>" in html
    assert "0 of 2 delivered" in html
    assert re.search(r'0<span class="figures__whole">\s*/ 2</span>', html)


def test_a_double_click_sends_once(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    fields = compose(make_interaction().pk)

    first = page.post(reverse("send-create"), fields)
    second = page.post(reverse("send-create"), fields)

    assert Send.objects.count() == 1
    assert (
        first["Location"]
        == second["Location"]
        == reverse("send-detail", args=[Send.objects.get().pk])
    )


def test_a_form_that_was_sent_and_then_changed_is_another_send(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    """As after the browser's Back: the old key, with other chats."""
    make_notice(key="hello")
    page.post(reverse("send-create"), compose(make_interaction().pk))
    changed = compose(make_interaction().pk)

    refused = page.post(reverse("send-create"), changed)
    again = refused.context["form"].data.dict() | {"interaction": changed["interaction"]}
    page.post(reverse("send-create"), again)

    assert refused.status_code == 422
    assert "this form was sent before, as send" in refused.content.decode()
    assert Send.objects.count() == 2


def promised(page: Client, fields: dict[str, Any]) -> str:
    """What the form has in it, once the preview is there."""
    shown = page.post(reverse("board-preview"), fields, headers=HTMX)
    found = re.search(r'name="expected_plan" value="([^"]+)"', shown.content.decode())
    assert found
    return found[1]


def test_what_the_button_said_is_what_is_sent_at_most(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    make_interaction("stays", locale="fr")
    make_interaction("goes", locale="fr")
    fields = compose(everything="1", filters="locale=fr")
    fields["expected_plan"] = promised(page, fields)
    make_interaction("comes", locale="fr")
    make_interaction("goes", type="stopped")

    page.post(reverse("send-create"), fields, headers=HTMX)

    send = Send.objects.get()
    assert dict(send.deliveries.values_list("interaction_id", "status")) == {
        "stays": "pending",
        "goes": "skipped",
    }
    assert send.target == {"filter": {"locale": "fr"}}


def test_a_refusal_says_what_has_changed_and_has_the_new_preview(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    fields = compose(make_interaction().pk, why="storm")
    fields["expected_plan"] = promised(page, fields)
    staff = VisibilityPreset.objects.get(name="Staff only").pk
    fields |= {"interaction": [*fields["interaction"], make_interaction().pk], "preset": staff}

    answer = page.post(reverse("send-create"), fields, headers=HTMX)
    html = answer.content.decode()

    assert answer.status_code == 422
    assert "since the preview who would see it has changed, and 1 more chat was chosen" in html
    assert "Send to staff in 2 chats" in html
    assert 'value="storm"' in html
    assert fields["expected_plan"] not in html
    assert Send.objects.count() == 0


def test_all_that_match_are_sent_to(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    make_interaction("in-1", locale="fr")
    make_interaction("in-2", locale="fr")
    make_interaction("out", locale="en")

    page.post(reverse("send-create"), compose(everything="1", filters="locale=fr&sort=queue"))

    targets = Send.objects.get().deliveries.values_list("interaction_id", flat=True)
    assert sorted(targets) == ["in-1", "in-2"]


def test_more_chats_than_a_form_may_have_fields(
    page: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    ids = [f"many{n:05}" for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 10)]
    feed_all([upsert(each) for each in ids])

    page.post(reverse("send-create"), compose(interactions=" ".join(ids)))

    assert Send.objects.get().deliveries.count() == len(ids)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"notice": ""}, "Choose the notice that you want to send."),
        ({"interaction": []}, "Choose at least one chat on the board."),
        ({"notice": "gone"}, "There is no notice with the key gone"),
    ],
)
def test_what_is_missing_is_said_beside_what_was_typed(
    page: Client,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
    fields: dict[str, Any],
    words: str,
) -> None:
    make_notice(key="hello")
    posted = compose(make_interaction().pk, why="storm") | fields

    for headers in (HTMX, {}):
        answer = page.post(reverse("send-create"), posted, headers=headers)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert 'value="storm"' in answer.content.decode()
    assert Send.objects.count() == 0


def test_without_scripts_the_preview_is_a_page_that_keeps_the_selection(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Hello.", key="hello")
    make_interaction("chat-1")
    make_interaction("chat-2")

    html = page.post(reverse("board-preview"), compose("chat-2")).content.decode()

    assert "<!DOCTYPE html>" in html
    assert "Send to 1 customer<" in html
    assert html.count("checked") >= 2  # the chat and the notice
    assert 'value="chat-2" form="compose" checked' in html


def test_a_customers_name_is_text_and_nothing_else(
    page: Client, make_interaction: Callable[..., Any]
) -> None:
    make_interaction(user_data={"FirstName": "<script>alert(1)</script>", "LastName": ""})

    html = page.get(reverse("board")).content.decode()

    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def feed_all(events: list[dict[str, Any]]) -> None:
    for start in range(0, len(events), settings.FEED_EVENT_LIMIT):
        feed_apply(ROOT, events[start : start + settings.FEED_EVENT_LIMIT])


def _queries(client: Client) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(reverse("board")).status_code == 200
    return len(queries)


def test_two_thousand_chats_cost_as_many_queries_as_twenty(
    page: Client, team: Any, make_notice: Callable[..., NoticeVersion]
) -> None:
    for n in range(3):
        make_notice(key=f"n{n}")
    feed_all([upsert(f"few{n}", queue="sales") for n in range(20)])
    few = _queries(page)
    feed_all([upsert(f"many{n}", queue=f"queue {n % 7}") for n in range(2000)])
    for n in range(3, 9):
        make_notice(key=f"n{n}")

    assert _queries(page) == few
    # Of them eight for views, incidents, last notices and what waits for the person.
    assert few <= 29
