"""Parts of pages that are drawn once a process: for all who see the same, and nobody else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString

from console.accounts.models import User
from console.accounts.roles import Role
from console.database import clock
from console.interactions.models import Interaction
from console.sends.models import Delivery, Send
from console.text.sentences import term
from console.web import kept

NOON = datetime(2027, 3, 31, 12, 0, tzinfo=UTC)
ROW: dict[str, Any] = {"id": "chat1", "css": "", "revision": "1", "state": "", "is_seen": True}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates that are drawn, in order."""
    found: list[str] = []
    draw = kept._drawn
    monkeypatch.setattr(kept, "_drawn", lambda *args: found.append(args[0]) or draw(*args))
    return found


def row(**values: Any) -> str:
    return kept.part("board/_row.html", ROW | {"received_at": NOON} | values)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time to so many seconds after noon."""

    def set_to(seconds: int) -> None:
        now = NOON + timedelta(seconds=seconds)
        monkeypatch.setattr("console.web.templatetags.console_ui.near_now", lambda: now)

    set_to(0)
    return set_to


@pytest.mark.usefixtures("noon")
def test_the_same_is_drawn_once(drawn: list[str]) -> None:
    assert row(customer_name="Zoë") == row(customer_name="Zoë")
    assert len(drawn) == 1
    assert "Zoë" in row(customer_name="Zoë", queue="sales")
    assert len(drawn) == 2


@pytest.mark.usefixtures("noon")
def test_each_language_has_its_own(drawn: list[str]) -> None:
    for language in ("en", "de", "en", "de"):
        with translation.override(language):
            row(is_online=True)
    assert len(drawn) == 2


@pytest.mark.usefixtures("noon")
def test_what_is_equal_but_of_another_type_is_not_the_same() -> None:
    assert "<b>" in row(customer_name=SafeString("<b>Zoë</b>"))
    assert "<b>" not in row(customer_name="<b>Zoë</b>")


def test_time_goes_on_in_a_part_that_is_kept(noon: Callable[[int], None], drawn: list[str]) -> None:
    first = row(last_at=NOON, last_title="Late")
    noon(130)
    second = row(last_at=NOON, last_title="Late")
    assert ">0:00<" in first
    assert ">2:10<" in second
    assert "2 min ago" not in first
    assert "2 min ago" in second
    noon(30 * 86_400)
    assert "31 Mar 2027" in row(last_at=NOON, last_title="Late")
    assert len(drawn) == 1


@pytest.mark.parametrize("value", [Interaction(pk="chat1"), term("Late"), (Interaction(pk="a"),)])
def test_only_plain_values_are_kept(value: Any) -> None:
    with pytest.raises(TypeError):
        row(customer_name=value)


def test_a_form_has_the_token_of_each_request_and_its_part_is_kept(drawn: list[str]) -> None:
    values = {"key": "late", "title": "Late", "starred": False, "back": "list"}
    first, second = (
        kept.part_with_form("catalogue/_star.html", values, token) for token in ("one", "two")
    )
    assert 'name="csrfmiddlewaretoken" value="one"' in first
    assert first.replace('value="one"', 'value="two"') == second
    assert len(drawn) == 1
    kept_pieces = [piece for pieces in kept._kept._new.values() for piece in pieces]
    assert not any("one" in piece and "csrfmiddlewaretoken" in piece for piece in kept_pieces)


@pytest.mark.usefixtures("noon")
def test_what_nobody_asks_for_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    kept.forget()
    row(queue="sales")
    row(queue="billing")
    for _ in range(3):
        now[0] += kept.KEPT_SECONDS + 1
        row(queue="sales")
    assert len(drawn) == 2
    assert len(kept._kept._new) + len(kept._kept._old) == 1
    row(queue="billing")
    assert len(drawn) == 3


@pytest.mark.usefixtures("noon")
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 20_000)
    kept.forget()
    for number in range(100):
        row(queue=f"queue {number}")
    halves = [*kept._kept._new.values(), *kept._kept._old.values()]
    assert sum(len(each) for pieces in halves for each in pieces) < 3 * kept.MOST_KEPT


@pytest.mark.django_db
def test_a_text_that_is_erased_is_on_no_page_from_then_on(
    make_user: Callable[..., User],
    browse: Callable[[User], Client],
    make_interaction: Callable[..., Interaction],
    make_send: Callable[..., Send],
) -> None:
    client = browse(make_user("all", *Role.values))
    send = make_send([make_interaction(queue="sales").pk])
    Delivery.objects.update(body="A secret of Zoë")
    chat = send.deliveries.get().interaction_id
    pages = [
        reverse("history"),
        reverse("send-detail", args=[send.pk]),
        reverse("chat-detail", args=[chat]),
    ]
    assert all("A secret of Zoë" in client.get(page).content.decode() for page in pages)
    Delivery.objects.update(body="", erased_at=clock.near_now())
    assert not any("A secret" in client.get(page).content.decode() for page in pages)
