"""The incident that the tests of pages, API and file share: payments fail, and sales has chats."""

from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import Team, User
from console.incidents.models import Incident, Playbook
from console.incidents.services.incidents import incident_start
from console.interactions.models import ChatServer
from tests.sends.peopled import make_chat_server, make_people, make_supervisor, make_team
from tests.support.factories import make_notice, make_playbook
from tests.support.shared_world import shared_world

SALES = {"queue": "sales"}
KNOWN = {"name": "Known", "notice": "known", "is_standing": True, "update_minutes": 15}
UPDATE = {"name": "Update", "notice": "update", "reach": "got_earlier", "is_standing": True}
SOLVED = {"name": "Solved", "notice": "solved", "reach": "got_earlier"}
FIRST = "We know that payments fail."


def make_payments(make_notice: Callable[..., Any], **of: Any) -> Playbook:
    make_notice(FIRST, key="known")
    make_notice("We are still on it.", key="update")
    make_notice("Payments work again.", key="solved")
    return make_playbook("payments", SALES, KNOWN, UPDATE, SOLVED, **of)


def make_payments_and_people() -> dict[str, Any]:
    people = make_people()
    return {**people, "payments": make_payments(lambda body, key: make_notice(key, body))}


# The tests of a file that ask for `payments` share them. It imports all of these fixtures.
made = shared_world("made", make_payments_and_people)


@pytest.fixture
def payments(made: dict[str, Any]) -> Playbook:
    return made["payments"]


def part_of(request: pytest.FixtureRequest, name: str) -> Any:
    is_shared = "payments" in request.fixturenames
    return request.getfixturevalue("made")[name] if is_shared else None


@pytest.fixture
def team(db: None, request: pytest.FixtureRequest) -> Team:
    return part_of(request, "team") or make_team()


@pytest.fixture
def supervisor(team: Team, request: pytest.FixtureRequest) -> User:
    return part_of(request, "supervisor") or make_supervisor(team)


@pytest.fixture
def chat_server(db: None, request: pytest.FixtureRequest) -> ChatServer:
    return part_of(request, "chat_server") or make_chat_server()


def start(user: User, playbook: Playbook, **given: Any) -> Incident:
    return incident_start(user.to_actor(), playbook, why="Payments fail since 10:00.", **given)


def hidden(html: str, name: str) -> str:
    """The value of a hidden field in a page."""
    part = html.split(f'name="{name}" value="', 1)
    return part[1].split('"', 1)[0] if len(part) == 2 else ""
