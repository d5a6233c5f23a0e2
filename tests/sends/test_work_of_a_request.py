"""Filling in a text for many chats has an end: a chat is skipped with a reason where its own takes
too long, and a request is refused where all of them do."""

from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import User
from console.catalogue.review.forecast import forecast
from console.errors import Unprocessable
from console.interactions.models import Interaction
from console.sends.models import Send
from console.sends.plan import planner
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.growth import seconds

pytestmark = pytest.mark.usefixtures("chat_server")

TEXT = "Hello {{ data.Name | upcase }}, {{ now | date }}"
HEAVY = "{{ data.Name | upcase | size }}" * 100


@pytest.fixture
def chats(make_interaction: Callable[..., Any]) -> list[str]:
    names = [f"chat{number}" for number in range(20)]
    for name in names:
        make_interaction(name, user_data={"Name": "Zoë"})
    return names


def test_a_request_that_would_take_too_long_is_refused(
    supervisor: User,
    make_notice: Callable[..., Any],
    chats: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planner, "REQUEST_WORK", 20_000)
    make_notice(TEXT, key="light")
    make_notice(HEAVY, key="heavy")
    actor = supervisor.to_actor()
    assert plan_send(actor, SendOrder(notice_key="light", interactions=chats)).counts == {
        "ready": 20
    }
    assert plan_send(actor, SendOrder(notice_key="heavy", interactions=chats[:1])).counts == {
        "ready": 1
    }
    for ask in (plan_send, send_create):
        with pytest.raises(Unprocessable, match=r"20 chats: it was done for 1\. Choose") as refused:
            ask(actor, SendOrder(notice_key="heavy", interactions=chats))
        assert refused.value.code == "too_much_to_fill_in"
    assert not Send.objects.exists()


def test_user_data_that_nothing_asks_for_counts_too(
    supervisor: User,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is made ready for the template all the same."""
    monkeypatch.setattr(planner, "REQUEST_WORK", 20_000)
    names = [f"large{number}" for number in range(3)]
    for name in names:
        make_interaction(name, user_data={"Name": "Zoë", "More": {"Note": "é" * 30_000}})
    make_notice("Hello {{ data.Name }}", key="light")
    with pytest.raises(Unprocessable, match="3 chats: it was done for 1"):
        plan_send(supervisor.to_actor(), SendOrder(notice_key="light", interactions=names))


def test_a_forecast_stops_where_it_takes_long(
    make_notice: Callable[..., Any], chats: list[str]
) -> None:
    """It says of how many chats it speaks."""
    live = list(Interaction.objects.all())
    light, heavy = make_notice(TEXT, key="light"), make_notice(HEAVY, key="heavy")
    assert forecast(light, live, {}, 60_000).tried == 20
    assert 1 <= forecast(heavy, live, {}, 60_000).tried < 10


def test_a_value_that_is_no_date_is_skipped_at_once(
    supervisor: User, make_notice: Callable[..., Any], make_interaction: Callable[..., Any]
) -> None:
    """Reading "1.1.1.1…" as a date once took half a minute."""
    make_interaction("long", user_data={"When": "1." * 60_000, "Blanks": "2026" + " " * 60_000})
    make_notice("Until {{ data.When | date: '%d.%m.%Y' }}", key="when")
    make_notice("Until {{ data.Blanks | date_in: '%Y%n%n%n%m%d' | date }}", key="blanks")

    def ask() -> None:
        for key in ("when", "blanks"):
            plan = plan_send(
                supervisor.to_actor(), SendOrder(notice_key=key, interactions=["long"])
            )
            assert plan.counts == {"template_error": 1}

    ask()
    assert seconds(ask) < 2
