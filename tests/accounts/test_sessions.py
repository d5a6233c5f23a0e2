"""Sessions end for good, also those of which no list tells."""

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.services import security_events
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db


def test_taking_second_factors_away_ends_sessions_that_no_list_has(
    approver: User, administrator: User
) -> None:
    Authenticator.objects.create(user=approver, type="totp", data={"secret": "x"})
    client = sign_in(Client(), approver)
    assert client.get(reverse("notice-list")).status_code == 200

    security_events.user_second_factor_reset(administrator.to_actor(), approver)

    answer = client.get(reverse("notice-list"))
    assert answer.headers["Location"].startswith(reverse("account_login"))


def test_a_session_that_lacks_its_second_factor_is_not_taken_for_ended(approver: User) -> None:
    """Each page's script asks these; led elsewhere it would load its page for ever."""
    client = sign_in(Client(), approver, "password")
    for asked in ("here", "clock"):
        assert client.get(reverse(asked)).status_code == 200
    assert client.get(reverse("notice-list")).headers["Location"] == reverse("mfa_index")
