"""Changing people: what is kept, what ends, and what nobody may do to themselves."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.urls import reverse

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import (
    team_create,
    user_deactivate,
    user_password_set,
    user_reactivate,
    user_sign_out_everywhere,
    user_update,
)
from console.accounts.states import user_state
from console.actors import Actor, system_actor
from console.audit.models import AuditEntry
from console.editing.revision import revision
from console.errors import Conflict, ConsoleError, InvalidInput, PermissionRefused
from tests.support.entries import without_rows
from tests.support.factories import PASSWORD
from tests.support.signing_in import sign_in

ROOT = system_actor("tests")
ANOTHER_PASSWORD = "a horse that staples batteries"

pytestmark = pytest.mark.django_db


def newest_entry() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


@pytest.fixture
def second_administrator(make_user: Callable[..., User]) -> User:
    return make_user("eve", Role.ADMINISTRATOR)


@pytest.fixture
def adam(administrator: User, second_administrator: User) -> Actor:
    """An administrator who is not the only one."""
    return administrator.to_actor()


# --- Changes -------------------------------------------------------------------------------------


def test_what_changed_is_recorded_from_and_to(adam: Actor, supervisor: User) -> None:
    support = team_create(ROOT, name="Support")
    user_update(
        adam,
        supervisor,
        first_name=" Susan ",
        email="sue@example.org",
        roles=["supervisor", "approver"],
        teams=[support],
    )
    supervisor.refresh_from_db()
    assert (supervisor.first_name, supervisor.email) == ("Susan", "sue@example.org")
    assert set(supervisor.roles) == {"supervisor", "approver"}
    assert list(supervisor.teams.all()) == [support]
    entry = newest_entry()
    assert (entry.action, entry.target_name, entry.actor_ref) == ("user.changed", "sue", adam.ref)
    assert without_rows(entry) == {
        "first_name": {"from": "Sue", "to": "Susan"},
        "email": {"from": "", "to": "sue@example.org"},
        "roles": {"from": ["supervisor"], "to": ["approver", "supervisor"]},
        "teams": {"from": ["Sales"], "to": ["Support"]},
        "confirmation": {"grade": "session", "rule": "off"},
    }


def test_what_is_saved_as_it_was_is_no_change(adam: Actor, supervisor: User, team: Team) -> None:
    entries = AuditEntry.objects.count()
    user_update(adam, supervisor, first_name="Sue", roles=["supervisor"], teams=[team])
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"roles": ["king"]}, "unknown_role"),
        ({"email": "no address"}, "invalid_name"),
        ({"first_name": "x" * 151}, "invalid_name"),
        ({"username": "other"}, "unknown_field"),
        ({"is_superuser": True}, "unknown_field"),
    ],
)
def test_what_can_not_be(adam: Actor, supervisor: User, changes: dict[str, Any], code: str) -> None:
    entries = AuditEntry.objects.count()
    with pytest.raises(InvalidInput) as refused:
        user_update(adam, supervisor, **changes)
    assert refused.value.code == code
    supervisor.refresh_from_db()
    assert (supervisor.roles, supervisor.email) == (["supervisor"], "")
    assert AuditEntry.objects.count() == entries


def test_of_two_at_once_the_second_is_told(
    adam: Actor, second_administrator: User, supervisor: User
) -> None:
    shown = revision(user_state(supervisor))
    user_update(second_administrator.to_actor(), supervisor, email="sue@example.org")
    with pytest.raises(Conflict) as refused:
        user_update(adam, supervisor, expected=shown, roles=["auditor"])
    assert refused.value.code == "changed_meanwhile"
    supervisor.refresh_from_db()
    assert supervisor.roles == ["supervisor"]

    user_update(adam, supervisor, expected=revision(user_state(supervisor)), roles=["auditor"])
    supervisor.refresh_from_db()
    assert (supervisor.roles, supervisor.email) == (["auditor"], "sue@example.org")


# --- Four eyes, and the last one -----------------------------------------------------------------


def test_nobody_changes_their_own_roles(adam: Actor, administrator: User) -> None:
    with pytest.raises(PermissionRefused) as refused:
        user_update(adam, administrator, roles=["administrator", "approver"])
    assert refused.value.code == "own_roles"
    administrator.refresh_from_db()
    assert administrator.roles == ["administrator"]

    user_update(adam, administrator, roles=["administrator"], first_name="Adamo")
    administrator.refresh_from_db()
    assert administrator.first_name == "Adamo"


@pytest.mark.parametrize(
    "act",
    [
        user_deactivate,
        user_reactivate,
        lambda actor, user: user_password_set(actor, user, password=ANOTHER_PASSWORD),
    ],
)
def test_an_own_account_is_somebody_elses_to_close(
    adam: Actor, administrator: User, act: Callable[[Actor, User], object]
) -> None:
    with pytest.raises(PermissionRefused) as refused:
        act(adam, administrator)
    assert refused.value.code == "own_account"
    administrator.refresh_from_db()
    assert administrator.is_active
    assert administrator.check_password(PASSWORD)


def test_the_last_administrator_stays(administrator: User) -> None:
    for act in (user_deactivate, lambda actor, user: user_update(actor, user, roles=["auditor"])):
        with pytest.raises(Conflict) as refused:
            act(ROOT, administrator)
        assert refused.value.code == "last_administrator"
    administrator.refresh_from_db()
    assert administrator.is_active
    assert administrator.roles == ["administrator"]


def test_one_who_is_deactivated_is_no_second_administrator(
    adam: Actor, administrator: User, second_administrator: User
) -> None:
    user_deactivate(adam, second_administrator)
    with pytest.raises(Conflict):
        user_deactivate(ROOT, administrator)
    user_reactivate(adam, second_administrator)
    user_deactivate(second_administrator.to_actor(), administrator)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_the_role_from_each_other_one_keeps_it(
    administrator: User, second_administrator: User
) -> None:
    refused: list[str] = []

    def demote(actor: Actor, user: User) -> None:
        try:
            user_update(actor, user, roles=["auditor"])
        except ConsoleError as error:
            refused.append(error.code)
        finally:
            connection.close()

    actors = administrator.to_actor(), second_administrator.to_actor()
    threads = [
        Thread(target=demote, args=(actors[0], second_administrator)),
        Thread(target=demote, args=(actors[1], administrator)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_administrator"]
    assert User.objects.filter(roles=["administrator"]).count() == 1


# --- Sessions ------------------------------------------------------------------------------------


def signed_in(user: User) -> Client:
    client = sign_in(Client(), user)
    assert is_in(client)
    return client


def signs_in(name: str, password: str) -> bool:
    typed = {"login": name, "password": password}
    return Client().post(reverse("account_login"), typed).status_code == 302


def is_in(client: Client) -> bool:
    return client.get(reverse("help")).status_code == 200


def test_with_the_account_all_sessions_end_for_good(adam: Actor, supervisor: User) -> None:
    desk, laptop = signed_in(supervisor), signed_in(supervisor)
    user_deactivate(adam, supervisor)
    assert not UserSession.objects.filter(user=supervisor).exists()
    entry = newest_entry()
    assert (entry.action, entry.target_name) == ("user.deactivated", "sue")
    assert not is_in(desk)
    assert not signs_in("sue", PASSWORD)

    user_reactivate(adam, supervisor)
    assert not is_in(laptop)
    assert without_rows(newest_entry()) == {
        "roles": ["supervisor"],
        "confirmation": {"grade": "session", "rule": "off"},
    }
    assert signs_in("sue", PASSWORD)


def test_signing_somebody_out_leaves_them_their_account(adam: Actor, supervisor: User) -> None:
    desk, other = signed_in(supervisor), signed_in(User.objects.get(username="adam"))
    user_sign_out_everywhere(adam, supervisor)
    assert not is_in(desk)
    assert is_in(other)
    assert newest_entry().action == "user.sessions_ended"
    assert signs_in("sue", PASSWORD)


def test_everybody_ends_their_own_sessions_and_no_others(supervisor: User, outsider: User) -> None:
    desk, other = signed_in(supervisor), signed_in(outsider)
    user_sign_out_everywhere(supervisor.to_actor(), supervisor)
    assert not is_in(desk)
    with pytest.raises(PermissionRefused):
        user_sign_out_everywhere(supervisor.to_actor(), outsider)
    assert is_in(other)


def test_a_new_password_ends_the_sessions_of_the_old(adam: Actor, supervisor: User) -> None:
    desk = signed_in(supervisor)
    user_password_set(adam, supervisor, password=ANOTHER_PASSWORD)
    assert newest_entry().action == "user.password_set"
    assert not is_in(desk)
    assert signs_in("sue", ANOTHER_PASSWORD)
    assert not signs_in("sue", PASSWORD)
    assert ANOTHER_PASSWORD not in str(AuditEntry.objects.values_list())


def test_what_the_directory_signs_in_gets_no_password(adam: Actor, supervisor: User) -> None:
    supervisor.set_unusable_password()
    supervisor.save()
    with pytest.raises(Conflict) as refused:
        user_password_set(adam, supervisor, password=ANOTHER_PASSWORD)
    assert refused.value.code == "directory_account"


@pytest.mark.parametrize("password", ["short", "qwerty123456", ""])
def test_a_password_that_is_too_weak(adam: Actor, supervisor: User, password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        user_password_set(adam, supervisor, password=password)
    assert refused.value.code == "weak_password"
    supervisor.refresh_from_db()
    assert supervisor.check_password(PASSWORD)


def test_what_is_done_already_is_said(adam: Actor, supervisor: User) -> None:
    with pytest.raises(Conflict):
        user_reactivate(adam, supervisor)
    user_deactivate(adam, supervisor)
    with pytest.raises(Conflict):
        user_deactivate(adam, supervisor)


# --- Who may -------------------------------------------------------------------------------------

ACTS: dict[str, Callable[[Actor, User], object]] = {
    "update": lambda actor, user: user_update(actor, user, email="x@example.org"),
    "deactivate": user_deactivate,
    "reactivate": user_reactivate,
    "password": lambda actor, user: user_password_set(actor, user, password=ANOTHER_PASSWORD),
    "sign out": user_sign_out_everywhere,
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("person", ["supervisor", "editor", "approver", "auditor"])
def test_only_administrators_may(
    act: Callable[[Actor, User], object], person: str, outsider: User, request: Any
) -> None:
    actor = request.getfixturevalue(person).to_actor()
    entries = AuditEntry.objects.count()
    with pytest.raises(PermissionRefused):
        act(actor, outsider)
    assert AuditEntry.objects.count() == entries


ELSEWHERE = ["/accounts/signup/", "/accounts/password/reset/", "/accounts/email/", "/admin/"]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_nobody_signs_up_or_resets_by_mail(path: str) -> None:
    assert Client().get(path).status_code in (302, 404)
    assert "/accounts/login/" in Client().get(path).headers.get("Location", "/accounts/login/")
