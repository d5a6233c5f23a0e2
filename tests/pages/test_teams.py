"""Administrators look after teams: their queues and their people."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import Team, User
from console.accounts.services import team_create, team_update
from console.actors import system_actor

ROOT = system_actor("tests")

pytestmark = pytest.mark.django_db


@pytest.fixture
def adam(administrator: User, browse: Any) -> Client:
    client: Client = browse(administrator)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def filled(client: Client, team: Team) -> dict[str, Any]:
    form = client.get(page(team)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None}


def page(team: Team, name: str = "team-detail") -> str:
    return reverse(name, args=[team.pk])


def test_without_teams_the_page_says_what_they_are_for(adam: Client) -> None:
    html = text_of(adam.get(reverse("team-list")))
    assert "No teams yet" in html
    assert reverse("team-create") in html


@pytest.mark.parametrize(
    ("q", "found"), [("sal", {"Sales"}), ("RETURNS", {"Support"}), ("zebra", set())]
)
def test_teams_are_found_by_name_and_queue(
    adam: Client, team: Team, q: str, found: set[str]
) -> None:
    team_create(ROOT, name="Support", queues=["support", "returns"])
    response = adam.get(reverse("team-list"), {"q": q})
    assert {team.name for team in response.context["page"].object_list} == found
    assert ("No team matches" in text_of(response)) == (not found)


def test_a_new_team_with_its_queues_and_people(adam: Client, supervisor: User) -> None:
    given = {"name": "Desk", "queues": "web\r\n\r\n phone \r\n", "members": ["sue"]}
    assert adam.post(reverse("team-create"), given)["Location"] == reverse("team-list")
    team = Team.objects.get(name="Desk")
    assert team.queues == ["web", "phone"]
    assert list(team.members.all()) == [supervisor]


def test_a_queue_of_another_team_is_refused_beside_the_field(adam: Client, team: Team) -> None:
    response = adam.post(reverse("team-create"), {"name": "Desk", "queues": "sales"})
    assert response.status_code == 422
    assert "The team Sales has sales already" in str(response.context["form"].errors["queues"])


def test_teams_and_chat_servers_say_what_to_give(adam: Client) -> None:
    team = adam.post(reverse("team-create"), {}).context["form"]
    assert team.errors["name"] == ["Give the team a name."]
    given = {"burst": "0", "window": "x", "pace_per_second": ""}
    server = adam.post(reverse("chat-server-create"), given).context["form"]
    assert server.errors["name"] == ["Give the application name of the Chat Server."]
    assert server.errors["url"] == ["Give the address, with its scheme, host and port."]
    assert server.errors["burst"] == ["Give a number from 1 to 100000."]
    assert server.errors["window"] == ["Give a number from 1 to 1000."]
    assert server.errors["pace_per_second"] == ["Give a number from 0.1 to 100000."]


def test_a_change_is_saved(adam: Client, team: Team, supervisor: User, outsider: User) -> None:
    form = filled(adam, team)
    assert form["queues"] == "sales"
    form |= {"queues": "sales\nweb", "members": ["sue", "otto"]}
    assert adam.post(page(team), form).status_code == 302
    team.refresh_from_db()
    assert team.queues == ["sales", "web"]
    assert set(team.members.all()) == {supervisor, outsider}


def test_what_somebody_else_has_changed_is_shown_before_it_is_replaced(
    adam: Client, team: Team, supervisor: User
) -> None:
    form = filled(adam, team)
    team_update(ROOT, team, name="Sales", queues=["sales", "web"], members=[supervisor])
    response = adam.post(page(team), {**form, "name": "Shop"})
    html = text_of(response)
    assert response.status_code == 422
    assert "Kept now: Sales" in html
    assert "Kept now: sales, web" in html
    assert html.count("Kept now") == 2
    team.refresh_from_db()
    assert team.queues == ["sales", "web"]


def test_deleting_asks_first_and_says_what_is_left(
    adam: Client, team: Team, supervisor: User
) -> None:
    address = page(team, "team-delete")
    assert "Only a team that has nothing" in text_of(adam.get(address))
    refused = adam.post(address)
    assert refused.status_code == 409
    assert "queues (1) and people (1)" in text_of(refused)

    team_update(ROOT, team, name="Sales", queues=[], members=[])
    assert adam.post(address)["Location"] == reverse("team-list")
    assert not Team.objects.exists()
    assert adam.get(page(team)).status_code == 404
