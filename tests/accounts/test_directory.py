"""Signing in by the organisation's directory: a real exchange with an OpenID Connect provider."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from console.accounts.models import Team, User
from console.accounts.services import team_create
from console.accounts.signing_in.directory_settings import read_directory_settings
from console.audit.models import AuditEntry
from console.site import environment
from tests.accounts.visiting import Visitor, come_in
from tests.support.entries import without_rows
from tests.support.factories import ROOT
from tests.support.lying_proxy import LyingProxy

pytestmark = pytest.mark.django_db


def test_the_sign_in_page_offers_the_directory_where_there_is_one(
    directory: LyingProxy, settings: Any
) -> None:
    page = Client().get(reverse("account_login")).content.decode()
    assert "Sign in with Example Ltd" in page
    settings.DIRECTORY = replace(settings.DIRECTORY, url="")
    assert "Sign in with" not in Client().get(reverse("account_login")).content.decode()


def test_without_a_directory_its_addresses_are_not_there() -> None:
    assert Client().get("/accounts/directory/login/").status_code == 404
    assert Client().get("/accounts/directory/login/callback/").status_code == 404


def test_who_comes_for_the_first_time_gets_an_account_with_the_roles_of_the_groups(
    directory: LyingProxy, visitor: Visitor
) -> None:
    assert visitor.goes().headers["Location"] == reverse("home")

    ann = User.objects.get(username="ann")
    assert (str(ann), ann.roles) == ("Ann Lee", ["supervisor"])
    assert not ann.has_usable_password()
    client = visitor.client
    assert client.get(reverse("board")).status_code == 200
    assert "organisation's directory" in client.get(reverse("account")).content.decode()
    assert client.get(reverse("account_change_password")).headers["Location"] == "/account/"
    created, signed_in = AuditEntry.objects.filter(target_kind="user").order_by("seq")
    assert (created.actor_ref, created.data["roles"]) == ("system:directory", ["supervisor"])
    assert signed_in.data == {
        "address": "127.0.0.1",
        "methods": ["socialaccount"],
        "sub": "4711",
    }
    assert directory.asked[0]["code_challenge_method"] == "S256"
    assert directory.asked[0]["scope"] == "openid profile"


def test_roles_follow_the_groups_at_each_sign_in(directory: LyingProxy) -> None:
    come_in(directory)
    come_in(directory, groups=["cc-leads"])

    assert User.objects.get(username="ann").roles == ["approver"]
    entry = AuditEntry.objects.get(action="user.roles_followed")
    assert without_rows(entry) == {"from": ["supervisor"], "to": ["approver"]}


@pytest.mark.parametrize("groups", [[], ["everybody"], None, "everybody"])
def test_who_has_no_role_does_not_get_in(
    directory: LyingProxy, visitor: Visitor, groups: Any
) -> None:
    directory.claims["groups"] = groups
    refused = visitor.goes()

    assert refused.status_code == 403
    why = "did not say in which groups" if groups is None else "None of your groups"
    assert why in refused.content.decode()
    assert not User.objects.exists()
    assert visitor.client.get(reverse("board")).status_code == 302


def test_who_has_lost_all_groups_loses_the_roles_and_the_open_sessions(
    directory: LyingProxy, visitor: Visitor
) -> None:
    visitor.goes()
    assert visitor.client.get(reverse("board")).status_code == 200

    assert come_in(directory, groups=[]).status_code == 403

    assert User.objects.get(username="ann").roles == []
    assert visitor.client.get(reverse("board")).status_code == 302
    followed, ended, refused = AuditEntry.objects.order_by("seq")[2:]
    assert (followed.action, followed.data["to"]) == ("user.roles_followed", [])
    assert (ended.action, ended.data["sessions"]) == ("user.sessions_ended", "all")
    assert refused.action == "user.directory_refused"
    assert refused.data == {"address": "127.0.0.1", "reason": "no_role", "sub": "4711"}
    assert refused.target_name == "ann"
    assert come_in(directory, groups=["cc-supervisors"]).status_code == 302


def test_an_account_of_the_same_name_is_not_taken_over(
    directory: LyingProxy, make_user: Callable[..., User]
) -> None:
    make_user("ann", "administrator")
    refused = come_in(directory)

    assert refused.status_code == 403
    assert "named ann here already" in refused.content.decode()
    assert User.objects.get().roles == ["administrator"]


def test_two_people_may_have_one_e_mail_address(directory: LyingProxy) -> None:
    shared = {"email": "service@example.org", "email_verified": True}
    assert come_in(directory, **shared).status_code == 302
    second = come_in(directory, sub="4712", preferred_username="bob", **shared)

    assert second.headers["Location"] == reverse("home")
    assert set(User.objects.values_list("username", flat=True)) == {"ann", "bob"}


@pytest.mark.parametrize("length", [192, 255])
def test_a_permanent_id_may_be_as_long_as_the_standard_lets_it(
    directory: LyingProxy, length: int
) -> None:
    for _ in range(2):
        assert come_in(directory, sub="a" * length).headers["Location"] == reverse("home")
    assert SocialAccount.objects.get().uid == "a" * length
    assert AuditEntry.objects.first().data["sub"] == "a" * length


def test_a_directory_without_userinfo_says_all_in_the_token(directory: LyingProxy) -> None:
    directory.says("/.well-known/openid-configuration", userinfo_endpoint=None)
    assert come_in(directory).headers["Location"] == reverse("home")


def test_a_closed_account_stays_closed(directory: LyingProxy, visitor: Visitor) -> None:
    come_in(directory)
    User.objects.update(is_active=False)
    refused = visitor.goes()
    assert refused.status_code == 403
    assert "account is closed" in refused.content.decode()
    assert visitor.client.get(reverse("board")).status_code == 302


@pytest.mark.parametrize(
    ("amr", "lets_in"),
    [
        (["pwd"], False),
        (["otp"], False),
        (["hwk"], False),
        (["hwk", "otp"], False),
        ([], False),
        (["pwd", "mfa"], True),
        (["pwd", "otp"], True),
        (["hwk", "pin"], True),
        (["face", "swk"], True),
    ],
)
def test_two_factors_of_the_directory_count_and_one_does_not(
    directory: LyingProxy, visitor: Visitor, amr: list[str], lets_in: bool
) -> None:
    directory.claims |= {"groups": ["cc-leads"], "amr": amr}
    visitor.goes()

    answer = visitor.client.get(reverse("notice-list"))
    assert (answer.status_code == 200) is lets_in
    assert lets_in or answer.headers["Location"] == reverse("mfa_index")


@pytest.mark.parametrize(("acr", "lets_in"), [("two-of-two", True), ("one", False)])
def test_two_factors_may_be_told_by_acr(
    directory: LyingProxy, visitor: Visitor, settings: Any, acr: str, lets_in: bool
) -> None:
    directory.claims |= {"groups": ["cc-leads"], "acr": acr}
    settings.DIRECTORY = replace(settings.DIRECTORY, acr=("two-of-two", "three"))
    visitor.goes()

    assert (visitor.client.get(reverse("notice-list")).status_code == 200) is lets_in
    assert directory.asked[0]["acr_values"] == "two-of-two three"


def test_an_acr_that_no_setting_names_is_no_second_factor(
    directory: LyingProxy, visitor: Visitor
) -> None:
    directory.claims |= {"groups": ["cc-leads"], "acr": "two-of-two"}
    visitor.goes()
    assert visitor.client.get(reverse("notice-list")).status_code == 302


# --- What settings say ---------------------------------------------------------------------------


def test_groups_may_come_with_a_scope_of_their_own(directory: LyingProxy, settings: Any) -> None:
    settings.DIRECTORY = replace(
        settings.DIRECTORY, scopes=("openid", "profile", "teams"), groups_claim="teams"
    )
    directory.claims |= {"teams": ["cc-leads"], "groups": None}
    assert come_in(directory).status_code == 302
    assert User.objects.get(username="ann").roles == ["approver"]
    assert directory.asked[0]["scope"] == "openid profile teams"


def test_groups_give_teams_and_leave_those_alone_that_no_group_gives(
    directory: LyingProxy, settings: Any
) -> None:
    for name in ("Sales", "Billing", "Night"):
        team_create(ROOT, name=name, queues=[name.lower()])
    settings.DIRECTORY = replace(
        settings.DIRECTORY,
        teams={"g-sales": ("Sales",), "g-billing": ("Billing", "No such team")},
    )

    def teams() -> list[str]:
        return [team.name for team in User.objects.get(username="ann").teams.all()]

    come_in(directory, groups=["cc-supervisors", "g-sales", "g-billing"])
    assert teams() == ["Billing", "Sales"]
    User.objects.get(username="ann").teams.add(Team.objects.get(name="Night"))

    come_in(directory, groups=["cc-supervisors", "g-sales"])
    assert teams() == ["Night", "Sales"]
    entry = AuditEntry.objects.get(action="user.teams_followed")
    assert without_rows(entry) == {"from": ["Billing", "Night", "Sales"], "to": ["Night", "Sales"]}

    come_in(directory, groups=["g-sales"])
    assert teams() == ["Night"], "without a role nobody stays in a team by a group"


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("https://login.example.org/realms/example", True),
        ("http://localhost:8080/realms/example", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8080", True),
        ("http://login.example.org", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost@example.org", False),
        ("http://127.0.0.1:80@example.org", False),
        ("https://login.example.org/?realm=1", False),
        ("https://login.example.org/#1", False),
        ("https://login example.org/", False),
        ("ftp://localhost/", False),
        ("https://", False),
        ("https://login.example.org:port/", False),
    ],
)
def test_http_is_for_this_machine_alone(address: str, is_taken: bool) -> None:
    if is_taken:
        assert environment.origin(address + "/") == address.rstrip("/")
        return
    with pytest.raises(ValueError, match="https://"):
        environment.origin(address)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"CONSOLE_OIDC_SCOPES": "profile"}, "openid among them"),
        ({"CONSOLE_OIDC_SCOPES": "openid profile"}, "commas between"),
        ({"CONSOLE_OIDC_SCOPES": ","}, "at least one"),
        ({"CONSOLE_OIDC_ROLES": "boss=g"}, "each name one of supervisor"),
        ({"CONSOLE_OIDC_TEAMS": "=g"}, "name=group"),
        ({"CONSOLE_OIDC_CA": "/no/such/file"}, "PEM"),
    ],
)
def test_wrong_settings_show_at_the_start(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], says: str
) -> None:
    right = {
        "CONSOLE_OIDC_URL": "https://login.example.org",
        "CONSOLE_OIDC_CLIENT_ID": "console",
        "CONSOLE_OIDC_CLIENT_SECRET": "secret",
        "CONSOLE_OIDC_SCOPES": "openid, groups",
        "CONSOLE_OIDC_TEAMS": "Sales=cn=sales,ou=cc; Sales=all",
    }
    for name, value in right.items():
        monkeypatch.setenv(name, value)
    read = read_directory_settings()
    environment.stop_if_wrong()
    assert read.scopes == ("openid", "groups")
    assert read.teams == {"cn=sales,ou=cc": ("Sales",), "all": ("Sales",)}

    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    read_directory_settings()
    with pytest.raises(ImproperlyConfigured, match=says):
        environment.stop_if_wrong()


# --- Signing out ---------------------------------------------------------------------------------


def test_signing_out_leads_to_where_the_directory_ends_its_own_session(
    directory: LyingProxy, visitor: Visitor
) -> None:
    visitor.goes()
    page = visitor.client.post(reverse("account_logout"))

    there = page.headers["Refresh"].removeprefix("0; url=")
    assert there.startswith(f"{directory.address}/sign-out?id_token_hint=")
    assert "Sign out of Example Ltd" in page.content.decode()
    assert visitor.client.get(reverse("board")).status_code == 302


@pytest.mark.parametrize("directory", ["oidc_provider"], indirect=True)
@pytest.mark.parametrize("returns", [False, True])
def test_afterwards_the_directory_asks_again_who_it_is(
    directory: LyingProxy, visitor: Visitor, settings: Any, returns: bool
) -> None:
    settings.DIRECTORY = replace(settings.DIRECTORY, returns=returns)
    visitor.goes()
    directory.claims |= {"sub": "4712", "preferred_username": "bob"}
    visitor.goes()
    assert not User.objects.filter(username="bob").exists(), "it still knows Ann"

    page = visitor.client.post(reverse("account_logout"))
    there = visitor.there.get(page.headers["Refresh"].removeprefix("0; url="))
    signed_out = visitor.presses(there.text, logout="yes")
    comes_back = signed_out.headers["Location"].startswith("http://testserver/accounts/login/")
    assert comes_back is returns
    visitor.goes()
    assert User.objects.filter(username="bob").exists()


def test_a_directory_that_does_not_offer_it_is_left_alone(
    directory: LyingProxy, visitor: Visitor
) -> None:
    directory.says("/.well-known/openid-configuration", end_session_endpoint=None)
    visitor.goes()
    page = visitor.client.post(reverse("account_logout"))
    assert page.headers["Location"] == reverse("account_login")
