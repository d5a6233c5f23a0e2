"""Administrators look after API clients: what they may do, their limits and their tokens."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import ApiClient, User
from console.accounts.selectors import api_client_admitted
from console.accounts.services import (
    api_client_create,
    api_client_deactivate,
    api_client_update,
)
from console.actors import system_actor

ROOT = system_actor("tests")

pytestmark = pytest.mark.django_db


@pytest.fixture
def adam(administrator: User, browse: Any) -> Client:
    client: Client = browse(administrator)
    return client


@pytest.fixture
def workflow(administrator: User) -> tuple[ApiClient, str]:
    return api_client_create(
        ROOT, name="Workflow", scopes=["send"], allowed_notices=["late"], owner=administrator
    )


def page(client: ApiClient, name: str = "api-client-detail") -> str:
    return reverse(name, args=[client.pk])


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def filled(client: Client, address: str) -> dict[str, Any]:
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None}


def shown_token(response: Any) -> str:
    (token,) = set(re.findall(r"ncon_[-\w]+", response.content.decode()))
    return str(token)


def code_of(token: str) -> str:
    return api_client_admitted(token, address="192.0.2.7").code


def test_without_clients_the_page_says_what_they_are_for(adam: Client) -> None:
    html = text_of(adam.get(reverse("api-client-list")))
    assert "No API clients yet" in html
    assert reverse("api-client-create") in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"Workflow", "Feed", "Old", "Closed"}),
        ("?q=work", {"Workflow"}),
        ("?state=active", {"Workflow", "Feed"}),
        ("?state=expired", {"Old"}),
        ("?state=deactivated", {"Closed"}),
        ("?q=zebra", set()),
    ],
)
def test_clients_are_found(
    adam: Client, workflow: tuple[ApiClient, str], query: str, found: set[str]
) -> None:
    api_client_create(ROOT, name="Feed", scopes=["feed"], addresses=["10.0.0.0/8"])
    api_client_create(ROOT, name="Old", scopes=["feed"])
    ApiClient.objects.filter(name="Old").update(expires_at=timezone.now())
    api_client_deactivate(ROOT, api_client_create(ROOT, name="Closed", scopes=["feed"])[0])
    response = adam.get(reverse("api-client-list") + query)
    assert {client.name for client in response.context["page"].object_list} == found
    assert ("No API client matches" in text_of(response)) == (not found)


NEW = {
    "name": "Nightly",
    "scopes": ["send", "read"],
    "allowed_notices": "late\r\nearly",
    "addresses": "10.1.2.3\n2001:db8::/32",
    "expires_at": "2099-01-31T12:00",
}


def test_a_new_client_shows_its_token_once(adam: Client) -> None:
    response = adam.post(reverse("api-client-create"), NEW)
    token = shown_token(response)
    assert "be read again" in text_of(response)
    assert "no-store" in response["Cache-Control"]
    client = ApiClient.objects.get()
    assert (client.scopes, client.pending_scopes) == ([], ["read", "send"])
    assert client.allowed_notices == ["early", "late"]
    assert client.addresses == ["10.1.2.3/32", "2001:db8::/32"]
    assert client.expires_at == datetime.fromisoformat("2099-01-31T12:00:00+00:00")
    assert api_client_admitted(token, address="10.1.2.3").client == client
    assert "works once another administrator has confirmed" in text_of(response)

    assert "ncon_" not in text_of(adam.get(page(client)))
    # Loaded again, the answer makes no second one.
    assert adam.post(reverse("api-client-create"), NEW).status_code == 422
    assert ApiClient.objects.count() == 1


def test_any_notice_and_any_address_are_said(adam: Client) -> None:
    adam.post(reverse("api-client-create"), {**NEW, "allowed_notices": "*", "addresses": " * "})
    client = ApiClient.objects.get()
    assert (client.allowed_notices, client.addresses) == ([], [])

    form = adam.get(page(client)).context["form"]
    assert (form["allowed_notices"].value(), form["addresses"].value()) == ("*", "*")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"addresses": "10.1.2.3/8"}, "addresses"),
        ({"allowed_notices": "a b"}, "allowed_notices"),
        ({"scopes": ["read"]}, "allowed_notices"),
        ({"allowed_notices": ""}, "allowed_notices"),
        ({"allowed_notices": "*\nlate"}, "allowed_notices"),
        ({"addresses": ""}, "addresses"),
        ({"addresses": "*\n10.1.2.3"}, "addresses"),
        ({"scopes": []}, "scopes"),
        ({"expires_at": "2001-01-31T12:00"}, "expires_at"),
        ({"name": ""}, "name"),
    ],
)
def test_what_can_not_be_is_said_beside_its_field(
    adam: Client, given: dict[str, Any], field: str
) -> None:
    response = adam.post(reverse("api-client-create"), {**NEW, **given})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {field}
    assert not ApiClient.objects.exists()


def test_all_that_can_not_be_is_said_at_once(adam: Client) -> None:
    wrong = {"allowed_notices": "a b", "addresses": "10.1.2.3/8", "expires_at": "2001-01-31T12:00"}
    response = adam.post(reverse("api-client-create"), {**NEW, **wrong})
    errors = response.context["form"].errors
    assert {name: len(texts) for name, texts in errors.items()} == dict.fromkeys(wrong, 1)
    assert "is no range of addresses" in errors["addresses"][0]
    # Also beside what the form itself refuses.
    response = adam.post(reverse("api-client-create"), {**NEW, **wrong, "name": "", "scopes": []})
    assert set(response.context["form"].errors) == {"name", "scopes", "addresses", "expires_at"}
    assert not ApiClient.objects.exists()


def test_what_is_needed_is_not_called_optional(adam: Client) -> None:
    html = text_of(adam.get(reverse("api-client-create")))
    labels = dict(re.findall(r'<label class="field__label" for="id_(\w+)">(.*?)</label>', html))
    assert "needed with the scope send" in labels["allowed_notices"]
    assert labels["addresses"] == "Addresses that it may call from"
    assert ">optional<" not in labels["allowed_notices"]
    assert ">optional<" in labels["expires_at"]


def test_a_change_is_saved_and_the_token_stays(
    adam: Client, workflow: tuple[ApiClient, str]
) -> None:
    client, token = workflow
    form = filled(adam, page(client))
    assert form["allowed_notices"] == "late"
    assert adam.post(page(client), {**form, "addresses": "192.0.2.0/24"}).status_code == 302
    client.refresh_from_db()
    assert (client.addresses, client.allowed_notices) == (["192.0.2.0/24"], ["late"])
    assert code_of(token) == ""


def test_what_somebody_else_has_changed_is_shown_before_it_is_replaced(
    adam: Client, workflow: tuple[ApiClient, str]
) -> None:
    client, _token = workflow
    form = filled(adam, page(client))
    expires_at = timezone.now() + timedelta(days=1)
    api_client_update(ROOT, client, scopes=["read", "send"], expires_at=expires_at)
    response = adam.post(page(client), {**form, "name": "Other"})
    html = text_of(response)
    assert response.status_code == 422
    assert "Kept now: Workflow" in html
    assert "Kept now: Read, Send notices" in html
    assert f"Kept now: {expires_at:%Y-%m-%dT%H:%M}" in html
    assert html.count("Kept now") == 3
    client.refresh_from_db()
    assert client.scopes == ["read", "send"]


@pytest.mark.parametrize(("overlap", "code"), [("0", "token_replaced"), ("3600", "")])
def test_a_new_token_is_shown_once_and_the_old_one_ends_in_time(
    adam: Client, workflow: tuple[ApiClient, str], overlap: str, code: str
) -> None:
    client, old = workflow
    address = page(client, "api-client-token")
    seen = re.search(r'name="expected" value="(\w+)"', text_of(adam.get(address)))
    assert seen is not None
    form = {"overlap": overlap, "expected": seen[1]}
    new = shown_token(adam.post(address, form))
    assert (code_of(new), code_of(old)) == ("", code)
    assert ("Two tokens work now" in text_of(adam.get(page(client)))) == (code == "")

    again = adam.post(address, form)
    assert again.status_code == 409
    assert "ncon_" not in text_of(again)
    assert code_of(new) == ""


def test_an_overlap_that_is_none_of_those(adam: Client, workflow: tuple[ApiClient, str]) -> None:
    client, old = workflow
    assert adam.post(page(client, "api-client-token"), {"overlap": "1"}).status_code == 422
    assert code_of(old) == ""


def test_deactivating_asks_first(adam: Client, workflow: tuple[ApiClient, str]) -> None:
    client, token = workflow
    assert "its tokens are refused" in text_of(adam.get(page(client, "api-client-deactivate")))
    assert code_of(token) == ""
    adam.post(page(client, "api-client-deactivate"))
    assert code_of(token) == "client_deactivated"
    refused = adam.post(page(client, "api-client-deactivate"))
    assert refused.status_code == 409
    adam.post(page(client, "api-client-reactivate"))
    assert code_of(token) == ""


# --- Two administrators --------------------------------------------------------------------------


@pytest.fixture
def ada(make_user: Any, browse: Any) -> Client:
    client: Client = browse(make_user("ada", "administrator"))
    return client


def decide(browser: Client, client: ApiClient, name: str) -> Any:
    address = page(client, name)
    seen = re.search(r'name="seen" value="(\w+)"', text_of(browser.get(address)))
    assert seen is not None
    return browser.post(address, {"seen": seen[1]})


def test_a_client_that_sends_works_once_another_administrator_confirms(
    adam: Client, ada: Client
) -> None:
    token = shown_token(adam.post(reverse("api-client-create"), NEW))
    client = ApiClient.objects.get()
    assert code_of(token) == "client_unconfirmed"
    assert "Awaiting confirmation" in text_of(adam.get(reverse("api-client-list")))
    assert page(client, "api-client-confirm") not in text_of(adam.get(page(client)))
    assert decide(adam, client, "api-client-confirm").status_code == 403
    assert code_of(token) == "client_unconfirmed"

    assert page(client, "api-client-confirm") in text_of(ada.get(page(client)))
    assert "late" in text_of(ada.get(page(client, "api-client-confirm")))
    assert decide(ada, client, "api-client-confirm").status_code == 302
    assert api_client_admitted(token, address="10.1.2.3").code == ""
    html = text_of(adam.get(page(client)))
    assert ("Confirmed by" in html, "Adam" in html) == (True, True)


def test_one_that_reads_works_at_once(adam: Client) -> None:
    given = {"name": "Board", "scopes": ["read", "feed"], "addresses": "*"}
    assert code_of(shown_token(adam.post(reverse("api-client-create"), given))) == ""


def test_what_is_added_later_waits_and_the_rest_goes_on(
    adam: Client, ada: Client, workflow: tuple[ApiClient, str]
) -> None:
    client, token = workflow
    form = filled(adam, page(client))
    wanted = {"scopes": ["send", "read", "approve"], "allowed_notices": "late\nother"}
    response = adam.post(page(client), {**form, **wanted}, follow=True)
    assert "once another administrator has confirmed it" in text_of(response)
    client.refresh_from_db()
    assert (client.scopes, client.allowed_notices) == (["read", "send"], ["late"])
    assert (client.pending_scopes, client.pending_notices) == (["approve"], ["late", "other"])
    assert code_of(token) == ""

    assert decide(ada, client, "api-client-decline").status_code == 302
    client.refresh_from_db()
    assert (client.scopes, client.awaits) == (["read", "send"], False)
    adam.post(page(client), {**filled(adam, page(client)), **wanted})
    assert decide(ada, client, "api-client-confirm").status_code == 302
    client.refresh_from_db()
    assert client.scopes == ["approve", "read", "send"]
    assert client.allowed_notices == ["late", "other"]


def test_what_was_seen_is_what_is_confirmed(adam: Client, ada: Client) -> None:
    adam.post(reverse("api-client-create"), NEW)
    client = ApiClient.objects.get()
    address = page(client, "api-client-confirm")
    seen = re.search(r'name="seen" value="(\w+)"', text_of(ada.get(address)))
    adam.post(page(client), {**filled(adam, page(client)), "allowed_notices": "*"})
    assert seen is not None
    assert ada.post(address, {"seen": seen[1]}).status_code == 409
    assert ada.post(address, {}).status_code == 422
    client.refresh_from_db()
    assert client.scopes == []


def test_a_new_token_is_the_owners_alone(ada: Client, workflow: tuple[ApiClient, str]) -> None:
    """Whoever had it would act as the owner."""
    client, token = workflow
    assert page(client, "api-client-token") not in text_of(ada.get(page(client)))
    address = page(client, "api-client-token")
    seen = re.search(r'name="expected" value="(\w+)"', text_of(ada.get(address)))
    assert seen is not None
    refused = ada.post(address, {"overlap": "0", "expected": seen[1]})
    assert refused.status_code == 403
    assert "deactivate the client now" in text_of(refused)
    assert code_of(token) == ""
