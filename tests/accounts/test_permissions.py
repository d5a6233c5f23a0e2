"""What roles and scopes allow, written out: a change here is a decision, not an accident."""

from collections.abc import Callable
from pathlib import Path

import pytest

from console.accounts.models import ApiClient, Scope, Team, User
from console.accounts.pages.administration_forms import UserForm
from console.accounts.roles import Role
from console.actors import Actor, Permission, system_actor
from console.errors import PermissionRefused

P = Permission

ROLES = {
    Role.SUPERVISOR: {P.VIEW_INTERACTIONS, P.SEND, P.VIEW_CATALOGUE, P.VIEW_CHAT_SERVERS},
    Role.EDITOR: {P.VIEW_CATALOGUE, P.EDIT_CATALOGUE},
    Role.APPROVER: {P.VIEW_CATALOGUE, P.REVIEW_CATALOGUE, P.APPROVE_SENDS},
    Role.AUDITOR: {P.VIEW_CATALOGUE, P.VIEW_HISTORY, P.VIEW_AUDIT, P.VIEW_CHAT_SERVERS},
    Role.ADMINISTRATOR: {P.ADMINISTER, P.VIEW_CHAT_SERVERS, P.VIEW_CATALOGUE, P.EDIT_CATALOGUE},
}
SCOPES = {
    Scope.FEED: {P.FEED},
    Scope.SEND: {P.SEND, P.VIEW_INTERACTIONS, P.VIEW_CATALOGUE},
    Scope.READ: {P.VIEW_INTERACTIONS, P.VIEW_CATALOGUE, P.VIEW_HISTORY, P.VIEW_CHAT_SERVERS},
    Scope.CATALOGUE: {P.VIEW_CATALOGUE, P.EDIT_CATALOGUE},
    Scope.APPROVE: {P.VIEW_CATALOGUE, P.REVIEW_CATALOGUE},
    Scope.ADMIN: {P.ADMINISTER, P.VIEW_CHAT_SERVERS},
    Scope.AUDIT: {P.VIEW_AUDIT},
}


def test_the_tables_name_every_role_and_scope() -> None:
    assert set(ROLES) == set(Role)
    assert set(SCOPES) == set(Scope)


@pytest.mark.parametrize("role", Role.values)
def test_a_role_allows_this_and_nothing_more(role: str, make_user: Callable[..., User]) -> None:
    assert make_user("pat", role).to_actor().permissions == ROLES[Role(role)]


@pytest.mark.parametrize("scope", Scope.values)
def test_a_scope_allows_this_and_nothing_more(
    scope: str, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    client, _token = make_client(scope)
    actor = client.to_actor()
    assert actor.permissions == SCOPES[Scope(scope)]
    assert (actor.ref, actor.name) == (f"client:{client.pk}", client.name)
    assert actor.sees_all_teams


# What the words of a role promise, in the table of docs/people.md and beside its box in the pages.
DOES = {
    P.VIEW_INTERACTIONS: "sees the chats of their teams",
    P.SEND: "sends published notices",
    P.EDIT_CATALOGUE: "writes notices",
    P.REVIEW_CATALOGUE: "publishes",
    P.APPROVE_SENDS: "approves large sends",
    P.VIEW_HISTORY: "reads the history",
    P.VIEW_AUDIT: "audit trail",
    P.ADMINISTER: "people, ",
}
MUST_NOT = {
    "write notices": {P.EDIT_CATALOGUE},
    "approve them": {P.REVIEW_CATALOGUE, P.APPROVE_SENDS},
    "read what was sent": {P.VIEW_HISTORY},
    "touch the trail": {P.VIEW_AUDIT},
    "change anything": {
        P.SEND,
        P.EDIT_CATALOGUE,
        P.REVIEW_CATALOGUE,
        P.APPROVE_SENDS,
        P.ADMINISTER,
    },
}


def promised(words: str) -> set[Permission]:
    return {permission for permission, phrase in DOES.items() if phrase in words.lower()}


@pytest.mark.parametrize("role", list(Role))
def test_the_documented_table_says_what_a_role_may(role: Role) -> None:
    text = (Path(__file__).parents[2] / "docs" / "people.md").read_text("utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| {role.label} |"))
    _, _, does, must_not, _ = (cell.strip() for cell in row.split("|"))
    assert promised(does) == ROLES[role] & set(DOES)
    forbidden = {
        permission for words in MUST_NOT if words in must_not for permission in MUST_NOT[words]
    }
    assert forbidden & ROLES[role] == set()
    assert forbidden or "other teams" in must_not or "their own" in must_not


@pytest.mark.parametrize("role", list(Role))
def test_the_page_says_what_a_role_may(role: Role) -> None:
    assert promised(str(UserForm.role_hints[role])) == ROLES[role] & set(DOES)


def test_a_client_that_administers_does_not_write(
    make_client: Callable[..., tuple[ApiClient, str]],
) -> None:
    client, _token = make_client(Scope.ADMIN)
    assert not client.to_actor().may(P.EDIT_CATALOGUE)


def test_roles_and_scopes_add_up(
    make_user: Callable[..., User], make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    person = make_user("pat", Role.EDITOR, Role.AUDITOR)
    assert person.to_actor().permissions == ROLES[Role.EDITOR] | ROLES[Role.AUDITOR]
    client, _token = make_client(Scope.FEED, Scope.ADMIN)
    assert client.to_actor().permissions == SCOPES[Scope.FEED] | SCOPES[Scope.ADMIN]


def test_nobody_without_a_role_may_do_anything(make_user: Callable[..., User]) -> None:
    assert make_user("pat").to_actor().permissions == frozenset()


def test_a_superuser_is_nothing_special(make_user: Callable[..., User]) -> None:
    person = make_user("pat")
    User.objects.update(is_superuser=True, is_staff=True)
    person.refresh_from_db()
    assert person.to_actor().permissions == frozenset()


def test_a_closed_account_may_do_nothing(supervisor: User) -> None:
    supervisor.is_active = False
    assert supervisor.to_actor().permissions == frozenset()


def test_an_actor_knows_its_teams(supervisor: User, team: Team, auditor: User) -> None:
    actor = supervisor.to_actor()
    assert actor.team_ids == {team.pk}
    assert not actor.sees_all_teams
    assert auditor.to_actor().sees_all_teams


def test_a_person_is_named_as_people_are(supervisor: User) -> None:
    assert str(supervisor) == "Sue"
    supervisor.first_name = ""
    assert str(supervisor) == "sue"
    assert supervisor.to_actor().ref == f"user:{supervisor.pk}"


def test_one_of_several_permissions_is_enough() -> None:
    actor = Actor("user:1", "Sue", frozenset({P.SEND}))
    actor.require(P.ADMINISTER, P.SEND)
    with pytest.raises(PermissionRefused) as refused:
        actor.require(P.ADMINISTER, P.VIEW_AUDIT)
    assert refused.value.status == 403
    assert "read the audit trail" in refused.value.message


def test_the_console_itself_may_do_everything() -> None:
    actor = system_actor("worker")
    assert actor.permissions == frozenset(Permission)
    assert actor.ref == "system:worker"
