"""The customer's page, beside a simulator that answers, refuses or is silent."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import Team, User
from console.demo.tour import STEPS
from console.interactions.models import Interaction
from console.interactions.services import interaction_mark_test, interaction_unmark_test
from tests.support.factories import ROOT, upsert
from tests.support.signing_in import sign_in
from tests.support.simulators import Simulator

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.demo.urls")]


@pytest.fixture
def east(start_simulator: Callable[..., Simulator], settings: Any) -> Simulator:
    """The simulator `chat-east`, known to the demo."""
    started = start_simulator()
    settings.DEMO_SIMULATORS = {"chat-east": str(started.control_port)}
    return started


@pytest.fixture
def chat(east: Simulator, make_interaction: Callable[..., Interaction]) -> Interaction:
    """A chat with one line in it, known to simulator and console."""
    made = make_interaction("chat-1")
    east.control("open_session", interaction_id=made.id, user_data=made.user_data)
    east.control(
        "say",
        interaction_id=made.id,
        role="customer",
        text="Where is <my> order?",
        **{"from": "Zoë"},
    )
    return made


@pytest.fixture
def sue(supervisor: User) -> Client:
    client = Client()
    sign_in(client, supervisor)
    return client


def page_of(client: Client, interaction_id: str, name: str = "demo-chat") -> tuple[int, str]:
    answer = client.get(reverse(name, args=[interaction_id]))
    return answer.status_code, answer.content.decode()


def test_it_shows_what_was_said(sue: Client, chat: Interaction) -> None:
    status, page = page_of(sue, chat.id)

    assert status == 200
    assert "Where is &lt;my&gt; order?" in page
    assert "Zoë Martin" in page
    assert reverse("demo-chat-transcript", args=[chat.id]) in page
    assert "This chat has ended." not in page


def test_the_fragment_is_the_transcript_alone(sue: Client, chat: Interaction) -> None:
    status, fragment = page_of(sue, chat.id, "demo-chat-transcript")

    assert status == 200
    assert "Where is &lt;my&gt; order?" in fragment
    assert "<html" not in fragment


def test_a_closed_session_has_ended(sue: Client, chat: Interaction, east: Simulator) -> None:
    east.control("close_session", interaction_id=chat.id)

    _status, page = page_of(sue, chat.id)

    assert "Where is &lt;my&gt; order?" in page
    assert "This chat has ended." in page


def test_a_stopped_interaction_has_ended(sue: Client, chat: Interaction) -> None:
    from console.interactions.services import feed_apply

    feed_apply(ROOT, [upsert(chat.id, type="stopped")])

    assert "This chat has ended." in page_of(sue, chat.id)[1]


def test_a_chat_that_the_simulator_forgot_has_ended(
    sue: Client, east: Simulator, make_interaction: Callable[..., Interaction]
) -> None:
    make_interaction("earlier-run")

    status, page = page_of(sue, "earlier-run")

    assert status == 200
    assert "This chat has ended." in page


def test_a_silent_simulator_is_told_in_a_sentence(
    sue: Client, make_interaction: Callable[..., Interaction], settings: Any
) -> None:
    make_interaction("chat-1")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    settings.DEMO_SIMULATORS = {"chat-east": str(port)}

    for name in ("demo-chat", "demo-chat-transcript"):
        status, page = page_of(sue, "chat-1", name)
        assert status == 503
        assert "The Chat Server simulator chat-east does not answer" in page


def test_a_chat_on_another_chat_server_has_no_such_page(
    sue: Client, east: Simulator, make_interaction: Callable[..., Interaction]
) -> None:
    make_interaction("elsewhere", user_data={"ChatServerAppName": "chat-real"})

    status, page = page_of(sue, "elsewhere")

    assert status == 404
    assert "this one is on chat-real" in page


def test_only_for_those_who_may_see_the_chat(
    team: Team,
    chat: Interaction,
    make_interaction: Callable[..., Interaction],
    outsider: User,
    editor: User,
    auditor: User,
) -> None:
    make_interaction("in-sales", queue="sales")
    client = Client()
    assert page_of(client, chat.id)[0] == 302
    sign_in(client, editor)
    # Who writes notices sees what a test chat's customer sees, and no other's.
    assert page_of(client, chat.id)[0] == 404
    interaction_mark_test(ROOT, interaction_id=chat.id)
    assert page_of(client, chat.id)[0] == 200
    interaction_unmark_test(ROOT, interaction_id=chat.id)
    sign_in(client, auditor)
    assert page_of(client, chat.id)[0] == 403
    sign_in(client, outsider)
    assert page_of(client, "in-sales")[0] == 404
    assert page_of(client, "unheard-of")[0] == 404
    assert page_of(client, chat.id)[0] == 200


# --- What to try ---------------------------------------------------------------------------------


def test_an_outage_begins_and_ends_by_a_click(sue: Client, east: Simulator) -> None:
    page = sue.get(reverse("demo")).content.decode()
    assert "Begin the outage" in page
    assert sue.post(reverse("demo-outage"), {"on": "yes"}).status_code == 302
    assert east.control("faults")["faults"]["latency"] > 0
    assert "End the outage" in sue.get(reverse("demo")).content.decode()
    sue.post(reverse("demo-outage"), {"on": "no"})
    assert east.control("faults")["faults"]["latency"] == 0


def test_a_silent_simulator_is_said(sue: Client, settings: Any) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.DEMO_SIMULATORS = {"chat-east": str(nobody.getsockname()[1])}
        assert "does not answer" in sue.get(reverse("demo")).content.decode()
        assert sue.post(reverse("demo-outage"), {"on": "yes"}).status_code == 503


def test_the_tour_goes_on_back_and_away(sue: Client, east: Simulator) -> None:
    assert "Step 1 of" not in sue.get("/board/").content.decode()
    for number, step in enumerate(STEPS, 1):
        answer = sue.post(reverse("demo-tour"), {"step": str(number)}, follow=True)
        assert answer.redirect_chain == [(step.url, 302)]
        page = answer.content.decode()
        assert f"Step {number} of {len(STEPS)}" in page
        assert str(step.words) in page
    for away in ("0", "99", "", "x"):
        sue.post(reverse("demo-tour"), {"step": "2"})
        assert "Step 2 of" in sue.get("/board/").content.decode()
        sue.post(reverse("demo-tour"), {"step": away})
        assert "band--tour" not in sue.get("/board/").content.decode()
