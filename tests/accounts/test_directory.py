"""Signing in by the organisation's directory: a real exchange with an OpenID Connect server."""

import http.client
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.models import AuditEntry
from tests.accounts.directory_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    Directory,
    running_directory,
)

pytestmark = pytest.mark.django_db

ANN = {
    "sub": "4711",
    "preferred_username": "ann",
    "given_name": "Ann",
    "family_name": "Lee",
    "groups": ["cc-supervisors", "everybody"],
}


@pytest.fixture
def directory(settings: Any) -> Iterator[Directory]:
    with running_directory() as started:
        settings.OIDC_URL = started.address
        settings.OIDC_NAME = "Example Ltd"
        settings.OIDC_ROLES = {"cc-supervisors": ("supervisor",), "cc-leads": ("approver",)}
        app = {
            "provider_id": "directory",
            "name": "Example Ltd",
            "client_id": CLIENT_ID,
            "secret": CLIENT_SECRET,
            "settings": {"server_url": started.address},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
        }
        started.claims = dict(ANN)
        yield started


def come_in(client: Client, path: str = "/accounts/directory/login/") -> HttpResponse:
    """Follow the link of the sign-in page to the directory and back."""
    away = urlsplit(client.get(path).headers["Location"])
    connection = http.client.HTTPConnection(away.netloc, timeout=10)
    connection.request("GET", f"{away.path}?{away.query}")
    back = urlsplit(connection.getresponse().headers["Location"])
    connection.close()
    answer: HttpResponse = client.get(f"{back.path}?{back.query}")
    return answer


def test_the_sign_in_page_offers_the_directory_where_there_is_one(
    directory: Directory, settings: Any
) -> None:
    page = Client().get(reverse("account_login")).content.decode()
    assert "Sign in with Example Ltd" in page
    settings.OIDC_URL = ""
    assert "Sign in with" not in Client().get(reverse("account_login")).content.decode()


def test_without_a_directory_its_addresses_are_not_there() -> None:
    assert Client().get("/accounts/directory/login/").status_code == 404
    assert Client().get("/accounts/directory/login/callback/").status_code == 404


def test_who_comes_for_the_first_time_gets_an_account_with_the_roles_of_the_groups(
    directory: Directory,
) -> None:
    client = Client()
    assert come_in(client).headers["Location"] == reverse("home")

    ann = User.objects.get(username="ann")
    assert (str(ann), ann.roles) == ("Ann Lee", ["supervisor"])
    assert not ann.has_usable_password()
    assert client.get(reverse("board")).status_code == 200
    assert "organisation's directory" in client.get(reverse("account")).content.decode()
    assert client.get(reverse("account_change_password")).headers["Location"] == "/account/"
    created, signed_in = AuditEntry.objects.filter(target_kind="user").order_by("seq")
    assert (created.actor_ref, created.data["roles"]) == ("system:directory", ["supervisor"])
    assert signed_in.data["methods"] == ["socialaccount"]
    assert directory.asked[0]["code_challenge_method"] == "S256"


def test_roles_follow_the_groups_at_each_sign_in(directory: Directory) -> None:
    come_in(Client())
    directory.claims["groups"] = ["cc-leads"]
    come_in(Client())

    assert User.objects.get(username="ann").roles == ["approver"]
    entry = AuditEntry.objects.get(action="user.roles_followed")
    assert entry.data == {"from": ["supervisor"], "to": ["approver"]}


@pytest.mark.parametrize("groups", [[], ["everybody"], None, "everybody"])
def test_who_has_no_role_does_not_get_in(directory: Directory, groups: Any) -> None:
    directory.claims["groups"] = groups
    client = Client()
    refused = come_in(client)

    assert refused.status_code == 403
    assert "None of your groups" in refused.content.decode()
    assert not User.objects.exists()
    assert client.get(reverse("board")).status_code == 302


def test_who_left_all_groups_does_not_get_in_again(directory: Directory) -> None:
    come_in(Client())
    directory.claims["groups"] = []
    assert come_in(Client()).status_code == 403


def test_an_account_of_the_same_name_is_not_taken_over(
    directory: Directory, make_user: Callable[..., User]
) -> None:
    make_user("ann", "administrator")
    refused = come_in(Client())

    assert refused.status_code == 403
    assert "named ann here already" in refused.content.decode()
    assert User.objects.get().roles == ["administrator"]


def test_a_closed_account_stays_closed(directory: Directory) -> None:
    come_in(Client())
    User.objects.update(is_active=False)
    client = Client()
    assert come_in(client).status_code == 403
    assert client.get(reverse("board")).status_code == 302


@pytest.mark.parametrize(("amr", "lets_in"), [(["pwd"], False), (["pwd", "mfa"], True)])
def test_a_second_factor_that_the_directory_asked_for_counts(
    directory: Directory, amr: list[str], lets_in: bool
) -> None:
    directory.claims |= {"groups": ["cc-leads"], "amr": amr}
    client = Client()
    come_in(client)

    answer = client.get(reverse("notice-list"))
    assert (answer.status_code == 200) is lets_in
    assert lets_in or answer.headers["Location"] == reverse("mfa_index")


def test_a_made_up_answer_signs_nobody_in(directory: Directory) -> None:
    client = Client()
    client.get("/accounts/directory/login/")
    refused = client.get("/accounts/directory/login/callback/?code=once&state=made-up")

    assert refused.status_code == 403
    assert "Start again" in refused.content.decode()
    assert not User.objects.exists()


def test_a_directory_that_is_down_says_so(directory: Directory, settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"] = {
        "server_url": "http://127.0.0.1:9"
    }
    refused = Client().get("/accounts/directory/login/")
    assert refused.status_code == 503
    assert "does not answer" in refused.content.decode()
