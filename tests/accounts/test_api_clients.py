"""What bounds an API client: notices, addresses, time; and how its token is changed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import ApiClient, ClientState, User
from console.accounts.selectors import actor_by_ref, api_client_admitted
from console.accounts.services import (
    api_client_create,
    api_client_deactivate,
    api_client_reactivate,
    api_client_token_rotate,
    api_client_update,
    token_refused,
    token_seen,
)
from console.accounts.signing_in.addresses import UNKNOWN
from console.accounts.states import api_client_state
from console.actors import Actor, system_actor
from console.audit.models import AuditEntry
from console.editing.revision import revision
from console.errors import Conflict, InvalidInput, PermissionRefused
from tests.support.entries import without_rows

ROOT = system_actor("tests")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

pytestmark = pytest.mark.django_db


def newest_entry() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


def code_of(token: str, address: str = "192.0.2.7", **when: Any) -> str:
    return api_client_admitted(token, address=address, **when).code


# --- Limits --------------------------------------------------------------------------------------


def test_what_bounds_a_client_is_kept_in_order() -> None:
    until = timezone.now() + DAY
    client, _token = api_client_create(
        ROOT,
        name="Workflow",
        scopes=["send"],
        allowed_notices=["b", " a ", "b"],
        expires_at=until,
        addresses=["10.1.2.3", "2001:DB8::/32", "10.1.2.3/32"],
    )
    client.refresh_from_db()
    assert client.allowed_notices == ["a", "b"]
    assert client.addresses == ["10.1.2.3/32", "2001:db8::/32"]
    assert client.expires_at == until.replace(second=0, microsecond=0)
    assert without_rows(newest_entry()) == {
        "scopes": ["send"],
        "allowed_notices": ["a", "b"],
        "expires_at": client.expires_at.isoformat(),
        "addresses": ["10.1.2.3/32", "2001:db8::/32"],
        "counts_as": client.ref,
        "owner": "",
    }
    assert client.to_actor().allowed_notices == {"a", "b"}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"addresses": ["10.1.2.3/8"]}, "invalid_address_range"),
        ({"addresses": ["10.1.2.0/33"]}, "invalid_address_range"),
        ({"addresses": ["host.example.org"]}, "invalid_address_range"),
        ({"addresses": [f"10.0.{n}.0/24" for n in range(201)]}, "too_many_entries"),
        ({"allowed_notices": ["a b"]}, "invalid_notice_key"),
        ({"allowed_notices": ["a"], "scopes": ["read"]}, "notices_without_send"),
        ({"expires_at": timezone.now() - HOUR}, "expiry_in_the_past"),
        ({"scopes": []}, "unknown_scope"),
        ({"name": " "}, "name_missing"),
    ],
)
def test_limits_that_can_not_be(limits: dict[str, Any], code: str) -> None:
    client, _token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    before = api_client_state(client)
    with pytest.raises(InvalidInput) as refused:
        api_client_update(ROOT, client, **limits)
    assert refused.value.code == code
    client.refresh_from_db()
    assert api_client_state(client) == before


def test_what_changed_is_recorded_from_and_to(administrator: User) -> None:
    client, token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    api_client_update(
        administrator.to_actor(), client, scopes=["send", "read"], addresses=["10.0.0.0/8"]
    )
    entry = newest_entry()
    assert (entry.action, entry.actor_ref) == ("api_client.changed", administrator.ref)
    assert without_rows(entry) == {
        "scopes": {"from": ["send"], "to": ["read", "send"]},
        "addresses": {"from": [], "to": ["10.0.0.0/8"]},
    }
    assert api_client_admitted(token, address="10.9.8.7").client == client


def test_an_expired_client_keeps_its_expiry_where_only_its_name_changes() -> None:
    client, _token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    past = (timezone.now() - HOUR).replace(second=0, microsecond=0)
    ApiClient.objects.update(expires_at=past)
    api_client_update(ROOT, client, name="Old workflow", expires_at=past)
    client.refresh_from_db()
    assert (client.name, client.expires_at) == ("Old workflow", past)


def test_of_two_at_once_the_second_is_told() -> None:
    client, _token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    shown = revision(api_client_state(client))
    api_client_update(ROOT, client, addresses=["10.0.0.0/8"])
    with pytest.raises(Conflict) as refused:
        api_client_update(ROOT, client, expected=shown, scopes=["admin"])
    assert refused.value.code == "changed_meanwhile"
    client.refresh_from_db()
    assert client.scopes == ["send"]


# --- Admission -----------------------------------------------------------------------------------


def test_an_expired_client_is_not_taken_and_sends_nothing_more() -> None:
    client, token = api_client_create(
        ROOT, name="Workflow", scopes=["send"], expires_at=timezone.now() + DAY
    )
    assert code_of(token) == ""
    assert client.expires_at is not None
    assert code_of(token, now=client.expires_at) == "token_expired"
    assert actor_by_ref(client.ref) is not None
    ApiClient.objects.update(expires_at=timezone.now())
    assert code_of(token) == "token_expired"
    assert actor_by_ref(client.ref) is None


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("10.1.255.255", ""),
        ("2001:db8:1::7", ""),
        ("10.2.0.1", "address_not_allowed"),
        ("2001:db9::1", "address_not_allowed"),
        (UNKNOWN, "address_not_allowed"),
    ],
)
def test_a_client_is_taken_from_its_addresses_alone(address: str, code: str) -> None:
    _client, token = api_client_create(
        ROOT, name="Workflow", scopes=["send"], addresses=["10.1.0.0/16", "2001:db8::/32"]
    )
    assert code_of(token, address) == code


def test_who_does_not_say_where_they_are_is_not_everywhere() -> None:
    _client, token = api_client_create(
        ROOT, name="Workflow", scopes=["send"], addresses=["0.0.0.0/0"]
    )
    assert code_of(token, "198.51.100.1") == ""
    assert code_of(token, UNKNOWN) == "address_not_allowed"


def test_a_deactivated_client_is_refused_until_it_is_activated_again() -> None:
    client, token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    api_client_deactivate(ROOT, client)
    assert code_of(token) == "client_deactivated"
    assert newest_entry().action == "api_client.deactivated"
    with pytest.raises(Conflict):
        api_client_deactivate(ROOT, client)
    api_client_reactivate(ROOT, client)
    assert code_of(token) == ""
    assert newest_entry().action == "api_client.reactivated"
    with pytest.raises(Conflict):
        api_client_reactivate(ROOT, client)


def test_its_state_in_a_word() -> None:
    client, _token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    assert client.state == ClientState.ACTIVE
    client.expires_at = timezone.now()
    assert client.state == ClientState.EXPIRED
    client.is_active = False
    assert client.state == ClientState.DEACTIVATED


# --- Tokens --------------------------------------------------------------------------------------


def test_the_old_token_stays_for_as_long_as_was_chosen() -> None:
    client, old = api_client_create(ROOT, name="Workflow", scopes=["send"])
    client, new = api_client_token_rotate(ROOT, client, overlap=HOUR)
    assert old != new
    assert (code_of(old), code_of(new)) == ("", "")
    until = client.previous_token_until
    assert until is not None
    assert code_of(old, now=until - timedelta(seconds=1)) == ""
    assert code_of(old, now=until) == "token_replaced"
    assert code_of(new, now=until) == ""
    entry = newest_entry()
    assert entry.action == "api_client.token_rotated"
    assert without_rows(entry) == {"old_token_until": until.isoformat()}
    kept = str([*ApiClient.objects.values_list(), *AuditEntry.objects.values_list()])
    assert old not in kept
    assert new not in kept


def test_without_an_overlap_the_old_token_ends_at_once() -> None:
    client, old = api_client_create(ROOT, name="Workflow", scopes=["send"])
    _client, new = api_client_token_rotate(ROOT, client, overlap=timedelta(0))
    assert (code_of(old), code_of(new)) == ("token_replaced", "")


def test_a_token_ends_when_the_one_after_its_next_is_made() -> None:
    client, first = api_client_create(ROOT, name="Workflow", scopes=["send"])
    _client, second = api_client_token_rotate(ROOT, client, overlap=DAY)
    _client, third = api_client_token_rotate(ROOT, client, overlap=DAY)
    assert [code_of(token) for token in (first, second, third)] == [
        "authentication_failed",
        "",
        "",
    ]


def test_other_overlaps_there_are_not() -> None:
    client, token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    with pytest.raises(InvalidInput):
        api_client_token_rotate(ROOT, client, overlap=timedelta(days=365))
    assert code_of(token) == ""


def test_a_page_that_is_loaded_again_makes_no_further_token() -> None:
    client, _old = api_client_create(ROOT, name="Workflow", scopes=["send"])
    seen = token_seen(client)
    assert client.token_hash not in seen
    _client, new = api_client_token_rotate(ROOT, client, overlap=timedelta(0), expected=seen)
    with pytest.raises(Conflict) as refused:
        api_client_token_rotate(ROOT, client, overlap=timedelta(0), expected=seen)
    assert refused.value.code == "changed_meanwhile"
    assert code_of(new) == ""


# --- Refusals ------------------------------------------------------------------------------------


def refusals() -> list[dict[str, Any]]:
    return [entry.data for entry in AuditEntry.objects.filter(action="api_client.refused")]


def test_a_refusal_is_in_the_trail_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    client, _token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    for _ in range(3):
        token_refused(client, reason="token_expired", address="192.0.2.7")
    assert refusals() == [{"reason": "token_expired", "address": "192.0.2.7"}]
    assert caplog.text.count("token refused") == 1
    assert newest_entry().actor_ref == client.ref

    ApiClient.objects.update(refused_at=timezone.now() - timedelta(minutes=1))
    token_refused(client, reason="address_not_allowed", address="192.0.2.8")
    assert len(refusals()) == 2


def test_nobodys_token_is_logged_and_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    for host in (1, 2):
        for _ in range(3):
            token_refused(None, reason="authentication_failed", address=f"192.0.2.{host}")
    assert refusals() == []
    assert caplog.text.count("token refused") == 2


def test_however_many_call_the_log_stays_short(caplog: pytest.LogCaptureFixture) -> None:
    for n in range(100):
        token_refused(None, reason="authentication_failed", address=f"192.0.2.{n}")
    assert caplog.text.count("token refused") == 60


# --- Who may -------------------------------------------------------------------------------------

ACTS: dict[str, Callable[[Actor, ApiClient], object]] = {
    "update": lambda actor, client: api_client_update(actor, client, scopes=["admin"]),
    "rotate": lambda actor, client: api_client_token_rotate(actor, client, overlap=HOUR),
    "deactivate": api_client_deactivate,
    "reactivate": api_client_reactivate,
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("person", ["supervisor", "editor", "approver", "auditor"])
def test_only_administrators_may(
    act: Callable[[Actor, ApiClient], object], person: str, request: Any
) -> None:
    actor = request.getfixturevalue(person).to_actor()
    client, token = api_client_create(ROOT, name="Workflow", scopes=["send"])
    entries = AuditEntry.objects.count()
    with pytest.raises(PermissionRefused):
        act(actor, client)
    assert AuditEntry.objects.count() == entries
    assert code_of(token) == ""
