"""Chats and sends to them."""

from collections.abc import Iterator
from typing import Any

import pytest

from console.accounts.models import Team, User
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_update
from tests.sends.peopled import make_chat_server, make_supervisor, make_team
from tests.support.factories import ROOT, make_send
from tests.support.orchestration import Orchestration, running_orchestration


def _of_world(request: pytest.FixtureRequest, name: str) -> Any:
    """This part of the world that the test shares with others of its file, if it has one."""
    is_shared = "peopled" in request.fixturenames
    return request.getfixturevalue("peopled")[name] if is_shared else None


@pytest.fixture
def team(db: None, request: pytest.FixtureRequest) -> Team:
    return _of_world(request, "team") or make_team()


@pytest.fixture
def supervisor(team: Team, request: pytest.FixtureRequest) -> User:
    return _of_world(request, "supervisor") or make_supervisor(team)


@pytest.fixture
def chat_server(db: None, request: pytest.FixtureRequest) -> ChatServer:
    """A registered Chat Server that nobody listens for."""
    return _of_world(request, "chat_server") or make_chat_server()


@pytest.fixture
def chats(make_interaction):
    def make(number):
        return [make_interaction(f"c{index:04}").pk for index in range(number)]

    return make


@pytest.fixture
def send_to(supervisor, make_notice):
    def create(ids, body="Hello {{ data.FirstName }}", notice=None, **arguments):
        key = notice or make_notice(body).notice.key
        return make_send(supervisor, key, ids, **arguments)

    return create


@pytest.fixture
def send(supervisor, make_interaction, make_notice):
    """Sue's, to the chats c0, c1 and c2; it has begun, and nothing has left yet."""
    ids = [make_interaction(f"c{number}").pk for number in range(3)]
    key = make_notice("Hello", key="greeting").notice.key
    return make_send(supervisor, key, ids)


@pytest.fixture
def ors(chat_server: ChatServer) -> Iterator[Orchestration]:
    """`chat-east`, reached through a site's own workflow."""
    with running_orchestration() as running:
        chat_server_update(ROOT, chat_server, url=running.url)
        yield running
