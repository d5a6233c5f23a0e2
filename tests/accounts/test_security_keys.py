"""Security keys, as far as no browser is needed (tests/journeys/test_doors.py has one)."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.models import AuditEntry
from tests.accounts.test_signing_in import enrol, try_password
from tests.support.factories import PASSWORD
from tests.support.software_key import SoftwareKey

pytestmark = pytest.mark.django_db


def add_key(user: User, name: str) -> Authenticator:
    key: Authenticator = SoftwareKey().registered(user)
    key.data["name"] = name
    key.save()
    return key


@pytest.fixture
def anna(approver: User) -> Client:
    """Signed in just now, with an authenticator app."""
    client = Client()
    try_password("anna", PASSWORD, client)
    enrol(client)
    return client


def test_of_all_factors_the_last_one_stays(approver: User, anna: Client) -> None:
    keys = [add_key(approver, name) for name in ("blue", "red")]
    assert anna.post(reverse("mfa_deactivate_totp")).status_code == 302
    first, last = (reverse("mfa_remove_webauthn", args=[key.pk]) for key in keys)
    assert "last one" not in anna.get(first).content.decode()
    assert anna.post(first).headers["Location"] == reverse("mfa_index")

    page = anna.get(last).content.decode()
    assert "this is the last one" in page
    assert "Remove it" not in page
    refused = anna.post(last)
    assert "this is the last one" in refused.content.decode()
    assert Authenticator.objects.filter(pk=keys[1].pk).exists()
    removed = AuditEntry.objects.filter(action="user.second_factor_removed")
    assert [entry.data["kind"] for entry in removed.order_by("seq")] == ["totp", "webauthn"]
    added = AuditEntry.objects.filter(action="user.second_factor_added", data__kind="webauthn")
    ids = [entry.data["credential_id"] for entry in added.order_by("seq")]
    assert removed.latest("seq").data["credential_id"] == ids[0] != ids[1]


def test_who_needs_none_may_remove_the_last_one(supervisor: User, settings: Any) -> None:
    client = Client()
    try_password("sue", PASSWORD, client)
    key = add_key(supervisor, "blue")
    client.post(reverse("mfa_remove_webauthn", args=[key.pk]))
    assert not Authenticator.objects.exists()


def test_a_wrong_code_is_in_the_trail_also_of_who_is_in_already(anna: Client) -> None:
    anna.post(reverse("mfa_reauthenticate"), {"code": "000000"})
    assert AuditEntry.objects.first().action == "user.second_factor_failed"
