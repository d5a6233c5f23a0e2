"""manage.py create_api_client and create_admin, as a person types them."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from console.accounts.models import ApiClient, User
from console.accounts.selectors import api_client_admitted
from console.accounts.services import api_client_create
from console.actors import system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.models import AuditEntry
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.django_db


def run(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


# --- create_api_client ---------------------------------------------------------------------------


def test_the_token_stands_alone_on_standard_output() -> None:
    out, err = run("create_api_client", "Workflow", "--scope", "feed", "--scope", "send")
    token = out.strip()
    assert out == f"{token}\n"
    assert err == ""
    client = api_client_admitted(token, address="").client
    assert client is not None
    assert (client.name, client.scopes) == ("Workflow", ["feed", "send"])
    assert token not in str(ApiClient.objects.values_list())
    entry = AuditEntry.objects.get()
    assert entry.actor_ref == "system:command line"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["Workflow"], "--scope"),
        (["Workflow", "--scope", "everything"], "invalid choice"),
        (["", "--scope", "feed"], "name"),
        (["x" * 101, "--scope", "feed"], "100"),
        (["Workflow", "--scope", "feed", "--notice", "a"], "scope send"),
        (["Workflow", "--scope", "feed", "--address", "10.0.0.1/8"], "no range of addresses"),
        (["Workflow", "--scope", "feed", "--expires-in-days", "0"], "whole number of days"),
        (["Workflow", "--scope", "feed", "--expires-in-days", "soon"], "whole number of days"),
    ],
)
def test_what_it_can_not_create(words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("create_api_client", *words)
    assert not ApiClient.objects.exists()


def test_what_bounds_a_client_is_said_on_the_command_line() -> None:
    words = ["--notice", "b", "--notice", "a", "--expires-in-days", "30", "--address", "10.0.0.0/8"]
    run("create_api_client", "Workflow", "--scope", "send", *words)
    client = ApiClient.objects.get()
    assert client.allowed_notices == ["a", "b"]
    assert client.addresses == ["10.0.0.0/8"]
    assert client.expires_at is not None
    assert timedelta(days=29) < client.expires_at - timezone.now() <= timedelta(days=30)


def test_a_second_client_of_the_same_name() -> None:
    run("create_api_client", "Workflow", "--scope", "feed")
    with pytest.raises(CommandError, match="Choose another name"):
        run("create_api_client", "Workflow", "--scope", "feed")


# --- create_admin --------------------------------------------------------------------------------


def test_the_password_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", PASSWORD)
    out, _err = run("create_admin", "adam")
    assert out == "Created adam with the roles administrator.\n"
    user = User.objects.get()
    assert user.check_password(PASSWORD)
    assert PASSWORD not in out


def test_the_password_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSOLE_ADMIN_PASSWORD", raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: PASSWORD)
    out, _err = run("create_admin", "adam", "--role", "auditor", "--role", "administrator")
    assert "administrator, auditor" in out
    assert User.objects.get().roles == ["administrator", "auditor"]


@pytest.mark.parametrize("password", ["short", "qwerty123456", "adam-the-administrator"])
def test_a_password_that_is_too_weak(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", password)
    with pytest.raises(CommandError):
        run("create_admin", "adam-the-administrator")
    assert not User.objects.exists()


@pytest.mark.parametrize("username", ["", "adam and eve"])
def test_a_name_that_is_none(monkeypatch: pytest.MonkeyPatch, username: str) -> None:
    monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", PASSWORD)
    with pytest.raises(CommandError):
        run("create_admin", username)


def test_a_second_admin_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", PASSWORD)
    run("create_admin", "adam")
    with pytest.raises(CommandError, match="already"):
        run("create_admin", "Adam")


# --- Whose a client is ---------------------------------------------------------------------------


def test_an_operator_says_whose_a_client_is(administrator: User) -> None:
    """It works at once: an operator's word takes no second administrator."""
    token = run("create_api_client", "Flow", "--scope", "send", "--owner", "adam")[0].strip()
    client = api_client_admitted(token, address="").client
    assert client is not None
    assert (client.owner, client.scopes) == (administrator, ["send"])
    assert client.to_actor().person_ref == administrator.ref
    said = AuditEntry.objects.get(action="api_client.created").data
    assert (said["owner"], said["counts_as"]) == ("adam", administrator.ref)

    run("create_api_client", "Loner", "--scope", "send")
    loner = ApiClient.objects.get(name="Loner")
    assert (loner.owner, loner.to_actor().person_ref) == (None, loner.ref)
    said = AuditEntry.objects.filter(action="api_client.created").latest("seq").data
    assert (said["owner"], said["counts_as"]) == ("", loner.ref)


@pytest.mark.parametrize("owner", ["nobody", "closed"])
def test_an_owner_is_somebody_who_is_there(owner: str, administrator: User) -> None:
    User.objects.filter(pk=administrator.pk).update(username="closed", is_active=False)
    with pytest.raises(CommandError, match="no active person"):
        run("create_api_client", "Flow", "--scope", "send", "--owner", owner)


def test_an_operator_gives_a_client_a_new_token() -> None:
    old = run("create_api_client", "Flow", "--scope", "read")[0].strip()
    new = run("rotate_api_client_token", "Flow", "--overlap-hours", "1")[0].strip()
    assert [api_client_admitted(token, address="").code for token in (old, new)] == ["", ""]
    newest = run("rotate_api_client_token", "Flow")[0].strip()
    codes = [api_client_admitted(token, address="").code for token in (new, newest)]
    assert codes == ["token_replaced", ""]
    with pytest.raises(CommandError, match="no API client named Other"):
        run("rotate_api_client_token", "Other")


def test_clients_of_before_belong_to_whoever_took_their_newest_token(
    make_user: Callable[..., User],
) -> None:
    """What the migration does with what the trail says."""
    ada, bob = (make_user(name, "administrator") for name in ("ada", "bob"))
    root = system_actor("command line")
    for name, takers in {
        "hers": [ada.to_actor()],
        "his": [ada.to_actor(), bob.to_actor()],
        "nobody's": [ada.to_actor(), root],
    }.items():
        client, _token = api_client_create(root, name=name, scopes=["read"])
        for taker in takers:
            audit.record(
                taker, Action.API_CLIENT_TOKEN_ROTATED, target=("api_client", client.pk, name)
            )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE accounts_apiclient DISABLE TRIGGER USER")
        cursor.execute(import_module("console.accounts.migrations.0004_own_work").OWNERS)
    owners = dict(ApiClient.objects.values_list("name", "owner__username"))
    assert owners == {"hers": "ada", "his": "bob", "nobody's": None}
