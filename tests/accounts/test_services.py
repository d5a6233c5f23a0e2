"""People, teams and API clients: created with care, and by those who may."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import ApiClient, Scope, Team, User
from console.accounts.roles import Role
from console.accounts.selectors import api_client_admitted, team_by_name
from console.accounts.services import (
    api_client_create,
    api_client_seen,
    team_create,
    user_create,
)
from console.actors import system_actor
from console.audit.models import AuditEntry
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused
from tests.support.entries import without_rows
from tests.support.factories import PASSWORD

ROOT = system_actor("tests")

pytestmark = pytest.mark.django_db


def newest_entry() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


# --- API clients ---------------------------------------------------------------------------------


def test_of_a_token_only_the_hash_is_kept() -> None:
    client, token = api_client_create(ROOT, name=" Workflow ", scopes=["send", "feed", "send"])
    client.refresh_from_db()
    assert token.startswith("ncon_")
    assert len(token) >= 40
    assert client.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert (client.name, client.scopes) == ("Workflow", ["feed", "send"])
    kept = [*ApiClient.objects.values_list(), *AuditEntry.objects.values_list()]
    assert token not in str(kept)
    assert client.token_hash not in str(AuditEntry.objects.values_list())


def test_a_token_finds_its_client_and_no_other_text_does() -> None:
    client, token = api_client_create(ROOT, name="Workflow", scopes=["feed"])
    assert api_client_admitted(token, address="").client == client
    for wrong in ("", token[:-1], token.upper(), client.token_hash, "ncon_", "ü\0"):
        assert api_client_admitted(wrong, address="").client is None


def test_no_two_tokens_are_the_same() -> None:
    tokens = {api_client_create(ROOT, name=f"c{n}", scopes=["feed"])[1] for n in range(5)}
    assert len(tokens) == 5


def test_a_deactivated_client_has_no_token() -> None:
    client, token = api_client_create(ROOT, name="Workflow", scopes=["feed"])
    ApiClient.objects.filter(pk=client.pk).update(is_active=False)
    assert api_client_admitted(token, address="").code == "client_deactivated"


@pytest.mark.parametrize("scopes", [[], ["feed", "everything"], ["FEED"], [""]])
def test_scopes_that_are_none(scopes: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        api_client_create(ROOT, name="Workflow", scopes=scopes)
    assert refused.value.code == "unknown_scope"
    assert "catalogue" in refused.value.message
    assert not ApiClient.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_client_needs_a_name_that_fits(name: str) -> None:
    with pytest.raises(InvalidInput):
        api_client_create(ROOT, name=name, scopes=["feed"])
    assert not ApiClient.objects.exists()


def test_a_clients_name_is_there_once() -> None:
    api_client_create(ROOT, name="Workflow", scopes=["feed"])
    with pytest.raises(Conflict) as refused:
        api_client_create(ROOT, name="Workflow ", scopes=["send"])
    assert refused.value.code == "name_taken"
    assert AuditEntry.objects.count() == 1


def test_a_clients_creation_is_recorded() -> None:
    client, _token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    entry = newest_entry()
    assert (entry.action, entry.target_kind) == ("api_client.created", "api_client")
    assert (entry.target_ref, entry.target_name) == (str(client.pk), "Workflow")
    assert without_rows(entry) == {"scopes": ["send"], "counts_as": client.ref, "owner": ""}


def test_a_client_is_seen_at_most_once_a_minute(django_assert_num_queries: Any) -> None:
    client, _token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    assert client.last_used_at is None
    api_client_seen(client)
    client.refresh_from_db()
    first = client.last_used_at
    assert first is not None
    with django_assert_num_queries(0):
        api_client_seen(client)
    ApiClient.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    client.refresh_from_db()
    api_client_seen(client)
    client.refresh_from_db()
    assert client.last_used_at is not None
    assert client.last_used_at >= first


def test_the_database_knows_the_scopes_too() -> None:
    with pytest.raises(IntegrityError, match="api_client_scopes_known"), transaction.atomic():
        ApiClient.objects.create(name="x", token_hash="x", scopes=["everything"])


# --- People --------------------------------------------------------------------------------------


def test_a_person_is_created_with_roles_and_teams(team: Team) -> None:
    user = user_create(
        ROOT,
        username="sue",
        password=PASSWORD,
        roles=["supervisor"],
        first_name="Sue",
        teams=[team],
    )
    assert user.check_password(PASSWORD)
    assert user.roles == ["supervisor"]
    assert list(user.teams.all()) == [team]
    assert not user.is_staff
    assert not user.is_superuser
    entry = newest_entry()
    assert (entry.action, entry.target_name) == ("user.created", "sue")
    by = {"grade": "console", "rule": "off"}
    assert without_rows(entry) == {
        "roles": ["supervisor"],
        "teams": ["Sales"],
        "confirmation": by,
    }
    assert PASSWORD not in str(AuditEntry.objects.values_list())


@pytest.mark.parametrize("username", ["", " ", "x" * 151, "a b", "a\nb", "sue<script>"])
def test_a_username_that_is_none(username: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        user_create(ROOT, username=username, password=PASSWORD, roles=[])
    assert refused.value.code == "invalid_name"
    assert "username" in refused.value.by_field
    assert not User.objects.exists()


def test_a_first_name_must_fit() -> None:
    with pytest.raises(InvalidInput) as refused:
        user_create(ROOT, username="sue", password=PASSWORD, roles=[], first_name="x" * 151)
    assert "first_name" in refused.value.by_field


def test_a_username_is_there_once_in_any_case(supervisor: User) -> None:
    with pytest.raises(Conflict) as refused:
        user_create(ROOT, username="SUE", password=PASSWORD, roles=[])
    assert refused.value.code == "name_taken"


def test_a_role_that_is_none() -> None:
    with pytest.raises(InvalidInput) as refused:
        user_create(ROOT, username="sue", password=PASSWORD, roles=["supervisor", "king"])
    assert refused.value.code == "unknown_role"
    assert "king" in refused.value.message


def test_the_database_knows_the_roles_too(supervisor: User) -> None:
    with pytest.raises(IntegrityError, match="user_roles_known"), transaction.atomic():
        User.objects.update(roles=["king"])


def test_a_long_name_fits_wherever_it_is_kept(team: Team) -> None:
    user = user_create(
        ROOT,
        username="sue",
        password=PASSWORD,
        roles=["administrator"],
        first_name="S" * 150,
        last_name="Ü" * 150,
    )
    # The ledger and the sends keep the name beside the reference.
    team_create(user.to_actor(), name="Support")
    assert newest_entry().actor_name.startswith("SSS")


# --- Teams ---------------------------------------------------------------------------------------


def test_a_team_is_found_by_its_name(team: Team) -> None:
    assert team_by_name("Sales") == team
    with pytest.raises(NotFound) as refused:
        team_by_name("Support")
    assert refused.value.code == "team_not_found"


def test_a_teams_name_is_there_once(team: Team) -> None:
    with pytest.raises(Conflict):
        team_create(ROOT, name="Sales", queues=["other"])


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_a_team_needs_a_name_that_fits(name: str) -> None:
    with pytest.raises(InvalidInput):
        team_create(ROOT, name=name)
    assert not Team.objects.exists()


# --- Who may -------------------------------------------------------------------------------------

CREATIONS: dict[str, Callable[[Any], object]] = {
    "client": lambda actor: api_client_create(actor, name="x", scopes=["feed"]),
    "team": lambda actor: team_create(actor, name="x"),
    "person": lambda actor: user_create(actor, username="x", password=PASSWORD, roles=["auditor"]),
}


@pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS)
@pytest.mark.parametrize("person", ["supervisor", "editor", "approver", "auditor"])
def test_only_administrators_create(
    create: Callable[[Any], object], person: str, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(person).to_actor()
    entries = AuditEntry.objects.count()
    with pytest.raises(PermissionRefused) as refused:
        create(actor)
    assert actor.name in refused.value.message
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS)
def test_administrators_create(create: Callable[[Any], object], administrator: User) -> None:
    create(administrator.to_actor())
    assert newest_entry().actor_ref == f"user:{administrator.pk}"


def test_every_role_and_scope_has_a_fixture_here() -> None:
    assert set(Role.values) == {"supervisor", "editor", "approver", "auditor", "administrator"}
    assert set(Scope.values) == {"feed", "send", "read", "catalogue", "approve", "admin", "audit"}
