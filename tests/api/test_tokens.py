"""Which tokens the API takes, from where and until when, and what it says to the others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import ApiClient
from console.accounts.services import (
    api_client_create,
    api_client_deactivate,
    api_client_token_rotate,
)
from console.actors import system_actor
from console.audit.models import AuditEntry
from tests.support.calling import by_token, error

ROOT = system_actor("tests")

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow() -> tuple[ApiClient, str]:
    return api_client_create(ROOT, name="Workflow", scopes=["send"])


def ask(token: str, address: str = "192.0.2.7", **headers: str) -> Any:
    caller = by_token(token)
    caller.client.defaults["REMOTE_ADDR"] = address
    return caller.raw("GET", "notices/", **headers)


def limited(**limits: Any) -> Callable[[ApiClient], str]:
    def limit(client: ApiClient) -> str:
        ApiClient.objects.filter(pk=client.pk).update(**limits)
        return ""

    return limit


# How a token came to be refused; the code, and what the sentence tells to do.
REFUSED: dict[str, tuple[Callable[[ApiClient], object], str]] = {
    "token_expired": (limited(expires_at=timezone.now()), "An administrator can extend it"),
    "address_not_allowed": (limited(addresses=["10.0.0.0/8"]), "192.0.2.7"),
    "client_deactivated": (
        lambda client: api_client_deactivate(ROOT, client),
        "An administrator can activate it again",
    ),
    "token_replaced": (
        lambda client: api_client_token_rotate(ROOT, client, overlap=timedelta(0)),
        "ask an administrator for another",
    ),
}


@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_says_why_and_is_in_the_trail(code: str, workflow: tuple[ApiClient, str]) -> None:
    client, token = workflow
    assert ask(token).status_code == 200
    refuse, advice = REFUSED[code]
    refuse(client)

    for _ in range(2):
        response = ask(token)
        assert advice in error(response, 401, code)["message"]
        assert response["WWW-Authenticate"].startswith("Bearer")

    entries = AuditEntry.objects.filter(action="api_client.refused")
    assert [entry.data for entry in entries] == [{"reason": code, "address": "192.0.2.7"}]
    assert entries[0].target_name == "Workflow"
    assert token not in str(AuditEntry.objects.values_list())


def test_a_token_that_is_nobodys() -> None:
    error(ask("ncon_guessed"), 401, "authentication_failed")
    assert not AuditEntry.objects.filter(action="api_client.refused").exists()


def test_a_refused_call_is_no_use_of_the_token(workflow: tuple[ApiClient, str]) -> None:
    client, token = workflow
    limited(addresses=["10.0.0.0/8"])(client)
    ask(token)
    client.refresh_from_db()
    assert client.last_used_at is None
    assert ask(token, "10.9.8.7").status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("2001:db8::1", 200), ("2001:db8::2", 401)],
)
def test_an_address_is_the_whole_of_it(
    address: str, status: int, workflow: tuple[ApiClient, str]
) -> None:
    client, token = workflow
    limited(addresses=["10.1.2.3/32", "2001:db8::1/128"])(client)
    assert ask(token, address).status_code == status


def test_a_proxys_word_counts_where_there_is_one(
    workflow: tuple[ApiClient, str], settings: Any
) -> None:
    client, token = workflow
    limited(addresses=["10.0.0.0/8"])(client)
    assert ask(token, X_Forwarded_For="10.1.2.3").status_code == 401
    settings.TRUST_PROXY = True
    assert ask(token, X_Forwarded_For="10.1.2.3").status_code == 200
    assert ask(token, X_Forwarded_For="10.1.2.3, 192.0.2.9").status_code == 401


def test_both_tokens_work_while_they_overlap(workflow: tuple[ApiClient, str]) -> None:
    client, old = workflow
    _client, new = api_client_token_rotate(ROOT, client, overlap=timedelta(hours=1))
    assert (ask(old).status_code, ask(new).status_code) == (200, 200)
    limited(previous_token_until=timezone.now())(client)
    error(ask(old), 401, "token_replaced")
    assert ask(new).status_code == 200


def test_a_notice_that_is_not_among_those_allowed(
    make_notice: Callable[..., Any], make_interaction: Callable[..., Any], chat_server: Any
) -> None:
    make_notice(key="allowed")
    make_notice(key="other")
    chat = make_interaction().pk
    _client, token = api_client_create(
        ROOT, name="Workflow", scopes=["send"], allowed_notices=["allowed"]
    )
    call = by_token(token)
    for dry_run in (True, False):
        body = {"notice": "other", "interactions": [chat], "dry_run": dry_run}
        answer = error(call.raw("POST", "sends/", body), 403, "notice_not_allowed")
        assert answer["details"] == {"notice": "other"}
    call.post("sends/", {"notice": "allowed", "interactions": [chat]})
