"""Changing teams: who sees which chats follows at once, and nothing is left without an owner."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from console.accounts.models import Team, User
from console.accounts.services import team_create, team_delete, team_update
from console.accounts.states import team_state
from console.actors import Actor, system_actor
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_create
from console.editing.revision import revision
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.interactions.selectors import interactions_visible
from tests.support.entries import without_rows

ROOT = system_actor("tests")

pytestmark = pytest.mark.django_db


def newest_entry() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


def seen_by(user: User) -> set[str]:
    return {chat.pk for chat in interactions_visible(user.to_actor())}


def test_what_changed_is_recorded_from_and_to(administrator: User, team: Team) -> None:
    team_update(administrator.to_actor(), team, name=" Shop ", queues=["sales", " web ", "sales"])
    team.refresh_from_db()
    assert (team.name, team.queues) == ("Shop", ["sales", "web"])
    entry = newest_entry()
    assert (entry.action, entry.target_name) == ("team.changed", "Shop")
    assert without_rows(entry) == {
        "name": {"from": "Sales", "to": "Shop"},
        "queues": {"from": ["sales"], "to": ["sales", "web"]},
    }


def test_live_chats_go_to_the_team_that_has_their_queue_now(
    team: Team, supervisor: User, outsider: User, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("in-sales", queue="sales")
    make_interaction("in-web", queue="web")
    assert (seen_by(supervisor), seen_by(outsider)) == ({"in-sales", "in-web"}, {"in-web"})

    team_update(ROOT, team, name="Sales", queues=["web"])
    assert (seen_by(supervisor), seen_by(outsider)) == ({"in-sales", "in-web"}, {"in-sales"})

    team_create(ROOT, name="Desk", queues=["sales"])
    assert (seen_by(supervisor), seen_by(outsider)) == ({"in-web"}, set())


@pytest.mark.django_db(transaction=True)
def test_a_chat_that_is_just_coming_in_goes_to_the_team_of_now(
    team: Team, supervisor: User, make_interaction: Callable[..., Any]
) -> None:
    def take_the_queue_away() -> None:
        team_update(ROOT, team, name="Sales", queues=[])
        connection.close()

    taking = Thread(target=take_the_queue_away)
    with transaction.atomic():
        chat = make_interaction(queue="sales")
        taking.start()
        taking.join(0.3)
        assert taking.is_alive()
    taking.join()
    chat.refresh_from_db()
    assert chat.team is None


def test_who_comes_and_goes_has_it_in_their_own_trail(
    team: Team, supervisor: User, outsider: User
) -> None:
    support = team_create(ROOT, name="Support")
    outsider.teams.add(support)
    team_update(ROOT, team, name="Sales", queues=["sales"], members=[outsider])
    assert set(team.members.all()) == {outsider}
    by_person = {
        entry.target_name: without_rows(entry)
        for entry in AuditEntry.objects.filter(action="user.changed")
    }
    assert by_person == {
        "otto": {"teams": {"from": ["Support"], "to": ["Sales", "Support"]}},
        "sue": {"teams": {"from": ["Sales"], "to": []}},
    }
    assert without_rows(newest_entry()) == {"members": {"from": ["sue"], "to": ["otto"]}}


def test_a_queue_belongs_to_one_team(team: Team) -> None:
    support = team_create(ROOT, name="Support", queues=["support"])
    for take in (
        lambda: team_create(ROOT, name="Other", queues=["x", "sales"]),
        lambda: team_update(ROOT, support, name="Support", queues=["support", "sales"]),
    ):
        with pytest.raises(Conflict) as refused:
            take()
        assert refused.value.code == "queue_taken"
        assert "Sales has sales" in refused.value.message
    support.refresh_from_db()
    assert support.queues == ["support"]


@pytest.mark.parametrize("queue", ["x" * 256, "a\nb"])
def test_a_queue_that_can_not_be(team: Team, queue: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        team_update(ROOT, team, name="Sales", queues=[queue])
    assert refused.value.code == "invalid_queue"


def test_a_name_in_use(team: Team) -> None:
    support = team_create(ROOT, name="Support")
    with pytest.raises(Conflict) as refused:
        team_update(ROOT, support, name="Sales", queues=[])
    assert refused.value.code == "name_taken"


def test_of_two_at_once_the_second_is_told(team: Team) -> None:
    shown = revision(team_state(team))
    team_update(ROOT, team, name="Sales", queues=["sales", "web"])
    with pytest.raises(Conflict) as refused:
        team_update(ROOT, team, name="Shop", queues=["sales"], expected=shown)
    assert refused.value.code == "changed_meanwhile"
    team.refresh_from_db()
    assert (team.name, team.queues) == ("Sales", ["sales", "web"])


# --- Deleting ------------------------------------------------------------------------------------


def test_an_empty_team_is_deleted() -> None:
    team = team_create(ROOT, name="Nobody")
    pk = team.pk
    team_delete(ROOT, team)
    assert not Team.objects.exists()
    entry = newest_entry()
    assert (entry.action, entry.target_ref, entry.target_name) == (
        "team.deleted",
        str(pk),
        "Nobody",
    )


def test_a_team_that_has_something_stays(
    team: Team, supervisor: User, make_interaction: Callable[..., Any]
) -> None:
    make_interaction(queue="sales")
    notice_create(ROOT, key="offer", kind="message", title="Offer", team=team)
    entries = AuditEntry.objects.count()
    with pytest.raises(Conflict) as refused:
        team_delete(ROOT, team)
    assert refused.value.code == "team_not_empty"
    assert refused.value.details["left"] == {
        "queues": 1,
        "people": 1,
        "interactions": 1,
        "canned notices": 1,
    }
    assert Team.objects.exists()
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("person", ["supervisor", "editor", "approver", "auditor"])
def test_only_administrators_may(person: str, request: Any) -> None:
    actor: Actor = request.getfixturevalue(person).to_actor()
    team = team_create(ROOT, name="Support")
    with pytest.raises(PermissionRefused):
        team_update(actor, team, name="Other", queues=[])
    with pytest.raises(PermissionRefused):
        team_delete(actor, team)
    assert Team.objects.filter(name="Support").exists()
