"""Administrators look after people: find, create, change, close, and hand over passwords."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import user_deactivate, user_update
from console.actors import system_actor
from tests.support.factories import PASSWORD

ROOT = system_actor("tests")

pytestmark = pytest.mark.django_db


@pytest.fixture
def adam(administrator: User, make_user: Callable[..., User], browse: Any) -> Client:
    """An administrator at work, who is not the only one."""
    make_user("eve", Role.ADMINISTRATOR)
    client: Client = browse(administrator)
    return client


def page(user: User, name: str = "user-detail") -> str:
    return reverse(name, args=[user.pk])


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def filled(client: Client, address: str) -> dict[str, Any]:
    """The form of a page, as a browser would send it back."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None}


# --- Finding -------------------------------------------------------------------------------------


def test_everybody_is_listed_with_what_they_may(
    adam: Client, supervisor: User, editor: User
) -> None:
    html = text_of(adam.get(reverse("user-list")))
    assert "Sue" in html
    assert "Supervisor" in html
    assert "Sales" in html
    assert html.count("<tr") == 5  # the head, and four people


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=SU", {"sue"}),
        ("?q=example.org", {"otto"}),
        ("?role=editor", {"eddy"}),
        ("?state=closed", {"eddy"}),
        ("?state=active&role=editor", set()),
        ("?role=king", set()),
    ],
)
def test_people_are_found(
    adam: Client, supervisor: User, outsider: User, editor: User, query: str, found: set[str]
) -> None:
    user_update(ROOT, outsider, email="otto@example.org")
    user_deactivate(ROOT, editor)
    response = adam.get(reverse("user-list") + query)
    assert {person.username for person in response.context["page"].object_list} == found
    nobody = "The filter could not be read" if "king" in query else "Nobody matches"
    assert (nobody in text_of(response)) == (not found)


def test_people_of_a_team_are_found(adam: Client, supervisor: User, team: Team) -> None:
    response = adam.get(reverse("user-list"), {"team": team.pk})
    assert list(response.context["page"].object_list) == [supervisor]
    assert f'<option value="{team.pk}" selected>' in text_of(response)


def test_a_person_who_is_not_there(adam: Client) -> None:
    for number in (987_654, 10**20):
        assert adam.get(f"/people/{number}/").status_code == 404


# --- A new person --------------------------------------------------------------------------------

NEW = {"username": "nina", "first_name": "Nina", "roles": ["editor"], "password": PASSWORD}


def test_a_new_person_signs_in_with_the_password_that_was_given(adam: Client, team: Team) -> None:
    response = adam.post(reverse("user-create"), {**NEW, "teams": [team.name]})
    user = User.objects.get(username="nina")
    assert response["Location"] == page(user)
    assert (user.roles, list(user.teams.all())) == (["editor"], [team])
    assert signs_in(Client(), "nina", PASSWORD)


def test_with_a_password_that_was_given_one_chooses_another_first(adam: Client) -> None:
    adam.post(reverse("user-create"), NEW)
    nina, other_desk = Client(), Client()
    assert signs_in(nina, "nina", PASSWORD)
    assert signs_in(other_desk, "nina", PASSWORD)
    address = reverse("account_change_password")
    led_there = ("notice-list", "user-list", "home", "help", "account", "mfa_index", "search")
    for name in led_there:
        assert nina.get(reverse(name))["Location"] == address
    assert nina.post(reverse("account-sessions-end"))["Location"] == address
    fragment = nina.get(reverse("sending-band"), headers={"HX-Request": "true"})
    assert fragment.headers["HX-Redirect"] == address
    assert nina.get(reverse("here")).status_code == 200
    forced = text_of(nina.get(address))
    assert "An administrator knows the password" in forced
    assert "Cancel" not in forced
    assert nina.get("/api/v1/notices/").json()["code"] == "password_change_needed"

    same = {"oldpassword": PASSWORD, "password1": PASSWORD, "password2": PASSWORD}
    assert "Choose another" in text_of(nina.post(address, same))
    own = "a sentence of my own"
    assert nina.post(address, {**same, "password1": own, "password2": own}).status_code == 302
    assert nina.get(reverse("notice-list")).status_code == 200
    assert nina.get("/api/v1/notices/").status_code == 200
    assert other_desk.get(reverse("help")).status_code == 302
    assert nina.get(reverse("help")).status_code == 200
    assert "An administrator knows" not in text_of(nina.get(address))
    assert "Cancel" in text_of(nina.get(address))
    assert signs_in(Client(), "nina", own)


def test_who_must_choose_a_password_can_sign_out(adam: Client) -> None:
    adam.post(reverse("user-create"), NEW)
    nina = Client()
    assert signs_in(nina, "nina", PASSWORD)
    assert nina.post(reverse("account_logout"))["Location"] == reverse("account_login")


def test_without_a_role_one_is_told_what_is_missing(
    make_user: Callable[..., User], browse: Callable[..., Client], editor: User
) -> None:
    sentence = "You have no role yet. Ask an administrator for one."
    assert sentence in text_of(browse(make_user("nora")).get(reverse("home"), follow=True))
    assert sentence not in text_of(browse(editor).get(reverse("help")))


def signs_in(client: Client, name: str, password: str) -> bool:
    typed = {"login": name, "password": password}
    return client.post(reverse("account_login"), typed).status_code == 302


def test_a_password_is_suggested_that_would_do(adam: Client) -> None:
    address = reverse("user-create")
    first, second = (filled(adam, address)["password"] for _ in range(2))
    assert first != second
    assert adam.post(address, {**NEW, "password": first}).status_code == 302


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"username": "Adam"}, "There is a person named Adam already"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"username": ""}, "Give a user name."),
        ({"password": "short"}, "at least 12 characters"),
        ({"username": "ninotschka", "password": "ninotschka-1"}, "too similar to the username"),
        ({"email": "nobody"}, "Enter a valid email address"),
        ({"roles": ["king"]}, "king is not one of the available choices"),
    ],
)
def test_what_can_not_be_is_said_and_what_was_typed_stays(
    adam: Client, given: dict[str, Any], sentence: str
) -> None:
    response = adam.post(reverse("user-create"), {**NEW, **given})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert 'value="Nina"' in text_of(response)
    assert not User.objects.filter(username="nina").exists()


# --- Changing ------------------------------------------------------------------------------------


def test_a_change_is_saved(adam: Client, supervisor: User) -> None:
    form = filled(adam, page(supervisor))
    form |= {"email": "sue@example.org", "roles": ["supervisor", "auditor"], "teams": []}
    assert adam.post(page(supervisor), form)["Location"] == page(supervisor)
    supervisor.refresh_from_db()
    assert (supervisor.email, supervisor.roles) == ("sue@example.org", ["supervisor", "auditor"])
    assert not supervisor.teams.exists()


def test_what_somebody_else_has_changed_is_shown_before_it_is_replaced(
    adam: Client, supervisor: User
) -> None:
    form = filled(adam, page(supervisor))
    user_update(ROOT, supervisor, roles=["auditor"], email="sue@example.org")

    response = adam.post(page(supervisor), {**form, "roles": ["editor"]})
    html = text_of(response)
    assert response.status_code == 422
    assert "somebody else has changed Sue" in html
    assert "Kept now: Auditor" in html
    assert "Kept now: sue@example.org" in html
    assert html.count("Kept now") == 2
    supervisor.refresh_from_db()
    assert supervisor.roles == ["auditor"]

    shown = response.context["form"]
    again = {name: shown[name].value() for name in shown.fields}
    assert again["roles"] == ["editor"]
    assert adam.post(page(supervisor), again).status_code == 302
    supervisor.refresh_from_db()
    assert supervisor.roles == ["editor"]


def test_on_ones_own_page_there_are_no_roles_and_no_ways_to_end_it(
    adam: Client, administrator: User
) -> None:
    response = adam.get(page(administrator))
    html = text_of(response)
    assert "roles" not in response.context["form"].fields
    assert "another administrator" in html
    assert page(administrator, "user-deactivate") not in html
    form = filled(adam, page(administrator)) | {"first_name": "Adamo", "roles": ["auditor"]}
    assert adam.post(page(administrator), form).status_code == 302
    administrator.refresh_from_db()
    assert (administrator.first_name, administrator.roles) == ("Adamo", ["administrator"])


# --- Closing, and passwords ----------------------------------------------------------------------


def test_closing_an_account_asks_first(adam: Client, supervisor: User, browse: Any) -> None:
    desk = browse(supervisor)
    question = text_of(adam.get(page(supervisor, "user-deactivate")))
    assert "signed out everywhere" in question
    supervisor.refresh_from_db()
    assert supervisor.is_active

    adam.post(page(supervisor, "user-deactivate"))
    assert desk.get(reverse("help")).status_code == 302
    assert "Activate again" in text_of(adam.get(page(supervisor)))

    adam.post(page(supervisor, "user-reactivate"))
    supervisor.refresh_from_db()
    assert supervisor.is_active


def test_signing_somebody_out(adam: Client, supervisor: User, browse: Any) -> None:
    desk = browse(supervisor)
    adam.post(page(supervisor, "user-sign-out"))
    assert desk.get(reverse("help")).status_code == 302


def test_a_refusal_is_said_in_place(adam: Client, administrator: User) -> None:
    response = adam.post(page(administrator, "user-deactivate"))
    assert response.status_code == 403
    assert "This is your own account" in text_of(response)


def test_a_new_password(adam: Client, supervisor: User) -> None:
    address = page(supervisor, "user-password")
    weak = adam.post(address, {"password": "short"})
    assert "at least 12 characters" in text_of(weak)
    suggested = filled_question(adam, address)
    assert adam.post(address, {"password": suggested})["Location"] == page(supervisor)
    assert signs_in(Client(), "sue", suggested)
    assert suggested not in text_of(adam.get(page(supervisor)))


def filled_question(client: Client, address: str) -> str:
    found = re.search(r'name="password" value="([^"]+)"', text_of(client.get(address)))
    assert found is not None
    return found[1]


def test_a_locked_name_is_released(adam: Client, supervisor: User) -> None:
    assert "Locked" not in text_of(adam.get(page(supervisor)))
    for _ in range(8):
        signs_in(Client(), "sue", "wrong")
    assert not signs_in(Client(), "sue", PASSWORD)
    assert "Locked after too many wrong passwords" in text_of(adam.get(page(supervisor)))

    assert adam.post(page(supervisor, "user-release"))["Location"] == page(supervisor)
    assert signs_in(Client(), "sue", PASSWORD)


def test_lost_second_factors_are_taken_away(
    adam: Client, supervisor: User, administrator: User
) -> None:
    address = page(supervisor, "user-second-factor-reset")
    assert "has no second factor" in text_of(adam.post(address))
    Authenticator.objects.create(user=supervisor, type="totp", data={})
    assert address in text_of(adam.get(page(supervisor)))
    assert adam.post(address)["Location"] == page(supervisor)
    assert not Authenticator.objects.exists()
    own = adam.post(page(administrator, "user-second-factor-reset"))
    assert own.status_code == 409


def test_ones_own_sessions_are_ended_on_ones_own_page(adam: Client, administrator: User) -> None:
    assert adam.post(page(administrator, "user-sign-out"))["Location"] == reverse("account")
    assert adam.get(reverse("user-list")).status_code == 200


# --- The trail -----------------------------------------------------------------------------------


def test_only_who_reads_the_trail_sees_it_on_the_page(
    adam: Client, supervisor: User, make_user: Callable[..., User], browse: Any
) -> None:
    user_update(ROOT, supervisor, email="sue@example.org")
    assert "user.changed" not in text_of(adam.get(page(supervisor)))

    both = browse(make_user("vera", Role.ADMINISTRATOR, Role.AUDITOR))
    html = text_of(both.get(page(supervisor)))
    assert "user.changed" in html
    assert "user.created" in html
    assert html.index("user.changed") < html.index("user.created")
