"""People with a Chat Server, and a send of theirs: of what worlds that tests share are made.

A world that is named `peopled` gives its tests the fixtures `team`, `supervisor` and `chat_server`
as well (tests/sends/conftest.py)."""

from typing import Any

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import team_create
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_create
from console.sends.models import Send
from tests.support.factories import ROOT, make_interaction, make_notice, make_send, make_user


def make_team() -> Team:
    return team_create(ROOT, name="Sales", queues=["sales"])


def make_supervisor(team: Team) -> User:
    return make_user("sue", Role.SUPERVISOR, teams=[team])


def make_chat_server() -> ChatServer:
    return chat_server_create(ROOT, name="chat-east", url="esp+json://127.0.0.1:9")


def make_people() -> dict[str, Any]:
    team = make_team()
    return {
        "team": team,
        "supervisor": make_supervisor(team),
        "chat_server": make_chat_server(),
    }


def make_first_send(sender: User, chats: int, **version: Any) -> Send:
    """To so many new chats, c0000 and so on, with a notice whose key no fixture gives."""
    ids = [make_interaction(f"c{number:04}").pk for number in range(chats)]
    make_notice("first", "Hello {{ data.FirstName }}", **version)
    return make_send(sender, "first", ids)
