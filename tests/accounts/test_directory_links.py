"""Linking one's account to the directory, and confirming by it that one is still oneself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.models import AuditEntry
from tests.accounts.test_signing_in import enrol, try_password
from tests.accounts.visiting import Visitor, come_in
from tests.support import one_time_codes
from tests.support.entries import without_rows
from tests.support.factories import PASSWORD
from tests.support.lying_proxy import LyingProxy
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

PAGE, BEGIN, LINK, UNDO = (
    "/account/directory/",
    "/account/directory/begin/",
    "/account/directory/link/",
    "/account/directory/undo/",
)


def recorded(prefix: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action__startswith=prefix).order_by("seq"))


def age(client: Client) -> None:
    """What this session has proved was long ago."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = 0.0
    session.save()


def text(response: Any) -> str:
    return response.content.decode()


@pytest.fixture
def sue(supervisor: User, visitor: Visitor) -> User:
    """Signed in here with her password, just now."""
    assert try_password("sue", PASSWORD, visitor.client).status_code == 302
    return supervisor


# --- Linking -------------------------------------------------------------------------------------


def test_whoever_is_signed_in_there_is_not_joined_to_who_is_signed_in_here(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    signed_in = visitor.goes(f"{reverse('directory-login')}?process=connect")

    assert signed_in.headers["Location"] == reverse("home")
    assert visitor.client.get(reverse("account")).context["person"].username == "ann"
    assert SocialAccount.objects.get().user.username == "ann"


def test_linking_asks_who_that_is_before_it_links(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    assert "Not linked" in text(visitor.client.get(reverse("account")))
    assert "Link it to Example Ltd" in text(visitor.client.get(PAGE))
    assert visitor.goes(BEGIN).headers["Location"] == PAGE
    assert not SocialAccount.objects.exists(), "whoever led her there must not have linked anything"
    question = text(visitor.client.get(PAGE))
    assert "Is this you?" in question
    assert "Ann Lee" in question
    assert "4711" in question
    assert "Supervisor" in question

    visitor.client.post(LINK, {"subject": "4711"})
    assert SocialAccount.objects.get().user == sue
    (linked,) = recorded("user.directory_linked")
    assert (linked.actor_ref, without_rows(linked)) == (sue.ref, {"sub": "4711", "name": "Ann Lee"})

    assert come_in(directory).headers["Location"] == reverse("home")
    signed_in = recorded("user.signed_in")[-1]
    assert (signed_in.target_name, signed_in.data["sub"]) == ("sue", "4711")
    assert try_password("sue", PASSWORD).status_code == 302


def test_a_question_is_good_for_whom_it_named_and_for_once(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    visitor.client.post(LINK, {"subject": "4711"})
    assert not SocialAccount.objects.exists(), "nobody was asked about"
    visitor.goes(BEGIN)
    visitor.client.post(LINK, {"subject": "4712"})
    assert not SocialAccount.objects.exists(), "the page was about another"

    session = visitor.client.session
    session["directory_link"] |= {"at": 0.0}
    session.save()
    page = visitor.client.post(LINK, {"subject": "4711"}, follow=True)
    assert "Start again" in text(page)
    assert not SocialAccount.objects.exists()


def test_linking_and_undoing_take_a_fresh_factor(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    client = visitor.client
    secret = enrol(client)
    visitor.goes(BEGIN)
    age(client)
    wants = f"{reverse('mfa_reauthenticate')}?next=%2Faccount%2Fdirectory%2F"
    assert client.get(PAGE).headers["Location"] == wants
    assert client.post(LINK, {"subject": "4711"}).headers["Location"] == wants
    client.post(f"{reverse('account_reauthenticate')}?next={PAGE}", {"password": PASSWORD})
    assert client.post(LINK, {"subject": "4711"}).headers["Location"] == wants, (
        "the password is not the factor that she has"
    )
    assert not SocialAccount.objects.exists()

    code = one_time_codes.code(secret, windows=1)
    assert client.post(wants, {"code": code}).headers["Location"] == PAGE
    client.post(LINK, {"subject": "4711"})
    assert SocialAccount.objects.exists()

    age(client)
    assert client.post(UNDO).headers["Location"] == wants
    assert SocialAccount.objects.exists()


def test_without_a_second_factor_it_is_the_password(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    visitor.goes(BEGIN)
    age(visitor.client)
    wants = f"{reverse('account_reauthenticate')}?next=%2Faccount%2Fdirectory%2F"
    assert visitor.client.post(LINK, {"subject": "4711"}).headers["Location"] == wants


def test_undoing_ends_the_sessions_that_the_directory_began(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    visitor.goes(BEGIN)
    visitor.client.post(LINK, {"subject": "4711"})
    elsewhere = Visitor()
    elsewhere.goes()
    assert elsewhere.client.get(reverse("board")).status_code == 200

    assert "Undo the link" in text(visitor.client.get(PAGE))
    visitor.client.post(UNDO)

    assert not SocialAccount.objects.exists()
    assert visitor.client.get(reverse("board")).status_code == 200
    assert elsewhere.client.get(reverse("board")).status_code == 302
    elsewhere.close()
    (undone,) = recorded("user.directory_unlinked")
    assert (undone.actor_ref, without_rows(undone)) == (sue.ref, {"sub": "4711"})
    assert come_in(directory).status_code == 302
    assert recorded("user.signed_in")[-1].target_name == "ann", "a person of their own from now on"


def test_the_only_way_in_stays(directory: LyingProxy, visitor: Visitor) -> None:
    visitor.goes()
    assert "only way in" in text(visitor.client.get(PAGE))
    enrol(visitor.client)
    page = visitor.client.post(UNDO, follow=True)
    assert "could not sign in any more" in text(page)
    assert SocialAccount.objects.exists()


def test_one_account_there_is_for_one_account_here(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    come_in(directory)
    refused = visitor.goes(BEGIN)
    assert refused.status_code == 403
    assert "another account of this console" in text(refused)

    directory.claims |= {"sub": "4712", "preferred_username": "bob"}
    other = Visitor(visitor.client)
    other.goes(BEGIN)
    come_in(directory)  # who was asked about has come alone meanwhile
    assert "another account" in text(visitor.client.post(LINK, {"subject": "4712"}, follow=True))
    other.close()
    assert SocialAccount.objects.filter(user=sue).count() == 0


def test_who_has_no_role_there_is_not_linked(
    directory: LyingProxy, visitor: Visitor, sue: User
) -> None:
    directory.claims["groups"] = []
    assert "None of your groups" in text(visitor.goes(BEGIN))


def test_an_errand_is_of_who_was_sent(
    directory: LyingProxy, visitor: Visitor, sue: User, make_user: Callable[..., User]
) -> None:
    leaves = visitor.client.get(BEGIN)
    back = visitor.follows(leaves.headers["Location"])
    states = visitor.client.session["socialaccount_states"]
    sign_in(visitor.client, make_user("otto", "supervisor"))
    session = visitor.client.session
    session["socialaccount_states"] = states
    session.save()

    assert "signed in otherwise" in text(visitor.comes(back))
    assert not SocialAccount.objects.exists()


# --- Confirming ----------------------------------------------------------------------------------

CONFIRM = "/accounts/confirm/directory/begin/"


def test_a_person_of_the_directory_sets_up_a_factor_whenever_they_like(
    directory: LyingProxy, visitor: Visitor
) -> None:
    directory.claims |= {"groups": ["cc-leads"], "amr": ["pwd"]}
    visitor.goes()
    age(visitor.client)
    address = reverse("mfa_activate_totp")
    leads_to = visitor.client.get(address).headers["Location"]
    assert leads_to == f"/accounts/confirm/directory/?next={address.replace('/', '%2F')}"
    page = text(visitor.client.get(leads_to))
    assert "more than five minutes ago" in page
    assert "Sign in with Example Ltd again" in page

    back = visitor.goes(f"{CONFIRM}?next={address}")

    assert back.headers["Location"] == address
    assert {"prompt": "login", "max_age": "0"}.items() <= directory.asked[-1].items()
    enrol(visitor.client)
    assert Authenticator.objects.filter(type="totp").exists()
    (confirmed,) = recorded("user.directory_confirmed")
    assert confirmed.data["sub"] == "4711"


def test_what_was_sent_before_is_done_afterwards(directory: LyingProxy, visitor: Visitor) -> None:
    visitor.goes()
    elsewhere = Visitor()
    elsewhere.goes()
    age(visitor.client)
    visitor.client.post(reverse("account-sessions-end"))
    assert elsewhere.client.get(reverse("board")).status_code == 200

    visitor.goes(f"{CONFIRM}?next={reverse('account-sessions-end')}")

    assert elsewhere.client.get(reverse("board")).status_code == 302
    elsewhere.close()


@pytest.mark.parametrize("auth_time", [None, 1_000_000])
def test_a_directory_that_did_not_ask_again_confirms_nothing(
    directory: LyingProxy, visitor: Visitor, auth_time: int | None
) -> None:
    visitor.goes()
    age(visitor.client)
    directory.signs(
        lambda true: {
            name: value
            for name, value in {**true, "auth_time": auth_time}.items()
            if value is not None
        }
    )
    refused = visitor.goes(CONFIRM)
    assert refused.status_code == 403
    assert "did not ask you again" in text(refused)
    assert visitor.client.get(reverse("mfa_activate_totp")).status_code == 302


def test_somebody_else_there_confirms_nothing(directory: LyingProxy, visitor: Visitor) -> None:
    visitor.goes()
    age(visitor.client)
    directory.claims |= {"sub": "4712"}
    assert "as somebody else" in text(visitor.goes(CONFIRM))
    assert visitor.client.get(reverse("mfa_activate_totp")).status_code == 302


def test_who_can_confirm_nothing_is_told_what_to_do(
    directory: LyingProxy, visitor: Visitor, settings: Any
) -> None:
    visitor.goes()
    age(visitor.client)
    settings.DIRECTORY = replace(settings.DIRECTORY, url="")
    page = visitor.client.get(reverse("mfa_activate_totp"), follow=True)
    assert "Sign out, and sign in again" in text(page)


def test_confirming_goes_through_before_the_second_factor_is_there(
    directory: LyingProxy, visitor: Visitor
) -> None:
    directory.claims |= {"groups": ["cc-leads"]}
    visitor.goes()
    assert visitor.client.get(reverse("notice-list")).headers["Location"] == reverse("mfa_index")
    directory.claims |= {"amr": ["pwd", "otp"]}
    visitor.goes(CONFIRM)
    assert visitor.client.get(reverse("notice-list")).status_code == 200
