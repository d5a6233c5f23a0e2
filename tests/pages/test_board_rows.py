"""What the board's page asks while it lives: what became of its rows, and what else matches."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from console.web.board.rows import LOOKED_AT, SHOWN, Row
from tests.pages.test_board import HTMX, compose, promised


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


def test_a_row_comes_anew_when_anything_in_it_changes() -> None:
    """Its revision covers each field of a chat that its template is given."""
    assert set(SHOWN) <= {name.partition("__")[0] for name in LOOKED_AT}


def test_a_row_comes_anew_when_a_column_of_user_data_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.web.board.rows.LOOKED_AT", ("user_data__Segment",))
    now = timezone.now()
    revisions = {
        Row("a", Interaction(pk="a", received_at=now, user_data=data)).revision
        for data in (
            {},
            {"Segment": "gold"},
            {"Segment": "blue"},
            {"Segment": "blue", "Other": "x"},
        )
    }
    assert len(revisions) == 3


def refreshed(client: Client, shown: list[str], **query: str) -> str:
    asked = {**query, "shown": "\n".join(shown)}
    answer = client.get(reverse("board-rows"), asked, headers=HTMX)
    assert "HX-Replace-Url" not in answer
    return answer.content.decode()


def row(html: str, chat: str) -> dict[str, str]:
    """The attributes of its row, {} where there is none."""
    found = re.search(rf'<tr [^>]*data-id="{chat}"[^>]*>', html)
    return dict(re.findall(r'([\w-]+)="([^"]*)"', found[0])) if found else {}


def test_what_has_become_of_the_rows_that_are_shown(
    page: Client, team: Any, make_interaction: Callable[..., Any]
) -> None:
    for name in ("live", "ended", "moved", "lost"):
        make_interaction(name, queue="returns")
    shown = ["live", "ended", "moved", "lost", "never"]
    assert refreshed(page, shown[:4], queue="returns").count("<tr ") == 4

    make_interaction("ended", queue="returns", type="stopped")
    make_interaction("moved", queue="sales")
    Interaction.objects.filter(pk="lost").delete()
    html = refreshed(page, shown, queue="returns")

    states = {name: row(html, name).get("data-state") for name in shown}
    assert states == {
        "live": None,
        "ended": "ended",
        "moved": "left",
        "lost": "gone",
        "never": "gone",
    }
    assert ">ended</span>" in html
    assert ">left this list</span>" in html


def test_a_row_has_another_revision_once_it_looks_different(
    page: Client, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("a", agent="ann")
    make_interaction("b", agent="ben")
    before = refreshed(page, ["a", "b"])

    make_interaction("a", agent="cid")
    after = refreshed(page, ["a", "b"])

    assert row(before, "a")["data-rev"] != row(after, "a")["data-rev"]
    assert row(before, "b")["data-rev"] == row(after, "b")["data-rev"]


def test_a_chat_of_another_page_is_told_of_and_no_other_list_is_asked_for(
    page: Client, make_interaction: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages shrink while somebody looks at the last one."""
    monkeypatch.setattr("console.web.board.listing.PAGE_SIZE", 2)
    for number in range(5):
        make_interaction(f"c{number}")
    shown = re.findall(r'data-id="(c\d)"', page.get(reverse("board"), {"page": 3}).content.decode())
    others = [f"c{number}" for number in range(5) if f"c{number}" not in shown]
    for chat in others[:3]:
        make_interaction(chat, type="stopped")

    html = refreshed(page, shown, page="3")

    assert row(html, shown[0])["data-id"] == shown[0]
    assert "data-state" not in row(html, shown[0])


@pytest.mark.parametrize("shown", ["x" * 500, "\n".join("abc" * 500), "a\n\nb\r"])
def test_odd_names_of_shown_chats_do_no_harm(page: Client, shown: str) -> None:
    assert page.get(reverse("board-rows"), {"shown": shown}).status_code == 200


def test_new_chats_that_match_are_offered(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Order {{ data.OrderId }}", key="hello")
    make_interaction(locale="fr", user_data={"OrderId": "1"})
    make_interaction(locale="fr")  # skipped, and no news
    fields = compose(everything="1", filters="locale=fr")
    fields["expected_plan"] = promised(page, fields)

    def offered() -> str:
        return page.post(reverse("board-newcomers"), fields, headers=HTMX).content.decode()

    assert offered().strip() == ""
    make_interaction(locale="fr")
    make_interaction(locale="en")
    assert "1 new chat matches" in offered()
    make_interaction(locale="fr")
    assert "2 new chats match" in offered()
    del fields["expected_plan"]
    assert offered().strip() == ""
