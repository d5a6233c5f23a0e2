"""Signing in: with a password, locked out, with a second factor, and what the trail has of it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.accounts.services import security_events
from console.accounts.signing_in.lockout import locked_until
from console.audit.models import AuditEntry
from console.errors import Conflict, PermissionRefused
from tests.support import one_time_codes
from tests.support.broken_ledger import broken_ledger
from tests.support.factories import PASSWORD
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "a quite different staple"


def try_password(name: str, password: str, client: Client | None = None) -> Any:
    fields = {"login": name, "password": password}
    answer: Any = (client or Client()).post(reverse("account_login"), fields)
    return answer


def recorded() -> list[str]:
    """What the trail has of people, oldest first, less how they were made."""
    entries = AuditEntry.objects.filter(target_kind="user").exclude(action="user.created")
    return list(entries.order_by("seq").values_list("action", flat=True))


def enrol(client: Client) -> str:
    """Set up an authenticator app; answers its secret."""
    address = reverse("mfa_activate_totp")
    page = client.get(address).content.decode()
    found = re.search(r'data-copy="([A-Z2-7]+)"', page)
    assert found, page
    answer = client.post(address, {"code": one_time_codes.code(found[1])})
    assert answer.status_code == 302, answer.content.decode()
    return found[1]


# --- Names and passwords -------------------------------------------------------------------------


def test_a_name_counts_in_any_case(supervisor: User) -> None:
    assert try_password("SUE", PASSWORD).status_code == 302


def test_a_closed_account_says_so_to_its_owner_alone(supervisor: User) -> None:
    User.objects.update(is_active=False)
    assert "account is closed" in try_password("sue", PASSWORD).content.decode()
    assert "account is closed" not in try_password("sue", "wrong").content.decode()


def test_what_happens_at_the_door_is_recorded(supervisor: User) -> None:
    client = Client()
    try_password("sue", "wrong", client)
    try_password("correct horse", "typed into the wrong field", client)
    try_password("sue", PASSWORD, client)
    client.post(reverse("account_logout"))

    failed, unknown, signed_in, signed_out = AuditEntry.objects.filter(
        target_kind="user", action__regex="signed|sign_in"
    ).order_by("seq")
    assert (failed.action, failed.target_ref) == ("user.sign_in_failed", str(supervisor.pk))
    # Whatever was typed may have been a password.
    assert (unknown.target_ref, unknown.target_name) == ("", "a name that nobody has")
    assert "horse" not in str(unknown.data)
    assert signed_in.actor_ref == f"user:{supervisor.pk}"
    assert signed_in.data == {"address": "127.0.0.1", "methods": ["password"]}
    assert signed_out.action == "user.signed_out"


# --- Locked out ----------------------------------------------------------------------------------


@pytest.fixture
def _patient_brake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would come first where somebody goes on trying."""
    monkeypatch.setattr("console.accounts.signing_in.login_throttle.NAME_LIMIT", 1000)


@pytest.mark.usefixtures("_patient_brake")
@pytest.mark.parametrize("name", ["sue", "nobody"])
def test_too_many_wrong_passwords_lock_a_name_whether_it_exists_or_not(
    name: str, supervisor: User, settings: Any
) -> None:
    answers = [try_password(name, "wrong") for _ in range(settings.LOCKOUT_FAILURES)]
    assert [answer.status_code for answer in answers[:-1]] == [200] * (len(answers) - 1)
    assert answers[-1].status_code == 429

    refused = try_password(name.upper(), PASSWORD, Client(REMOTE_ADDR="192.0.2.9"))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) == settings.LOCKOUT_MINUTES * 60
    assert "can be tried again in 15 minutes" in refused.content.decode()
    # Trying on is not recorded: it would fill the trail.
    assert recorded().count("user.locked") == 1
    assert len(recorded()) == settings.LOCKOUT_FAILURES


@pytest.mark.usefixtures("_patient_brake")
def test_a_lock_ends_by_itself(supervisor: User, settings: Any) -> None:
    for _ in range(settings.LOCKOUT_FAILURES):
        try_password("sue", "wrong")
    assert locked_until(supervisor) is not None

    earlier = timezone.now() - settings.AXES_COOLOFF_TIME
    AccessAttempt.objects.update(attempt_time=earlier)
    assert locked_until(supervisor) is None
    assert try_password("sue", PASSWORD).status_code == 302


def test_an_administrator_releases_a_locked_account(
    supervisor: User, administrator: User, settings: Any
) -> None:
    for _ in range(settings.LOCKOUT_FAILURES + 3):  # the throttle counts as well
        try_password("sue", "wrong")
    assert locked_until(supervisor) is not None

    security_events.user_release(administrator.to_actor(), supervisor)

    assert locked_until(supervisor) is None
    assert try_password("sue", PASSWORD).status_code == 302
    assert recorded()[-2:] == ["user.released", "user.signed_in"]
    with pytest.raises(Conflict, match="not locked"):
        security_events.user_release(administrator.to_actor(), supervisor)
    with pytest.raises(PermissionRefused):
        security_events.user_release(supervisor.to_actor(), supervisor)


def test_success_forgets_wrong_passwords(supervisor: User, settings: Any) -> None:
    for _ in range(3):
        for _ in range(settings.LOCKOUT_FAILURES - 1):
            assert try_password("sue", "wrong").status_code == 200
        assert try_password("sue", PASSWORD).status_code == 302


# --- Second factors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "role", "needs"),
    [
        ("privileged", "supervisor", False),
        ("privileged", "auditor", False),
        ("privileged", "approver", True),
        ("privileged", "administrator", True),
        ("everyone", "supervisor", True),
        ("nobody", "administrator", False),
    ],
)
def test_who_needs_a_second_factor(
    rule: str, role: str, needs: bool, make_user: Callable[..., User], settings: Any
) -> None:
    settings.SECOND_FACTOR = rule
    client = sign_in(Client(), make_user("sam", role), "password")

    leads_to = client.get("/")
    assert (leads_to.headers.get("Location") == reverse("mfa_index")) is needs
    assert (client.get(reverse("help")).status_code == 302) is needs
    refused = client.get("/api/v1/schema/")
    assert refused.status_code == (403 if needs else 200)
    if needs:
        assert refused.json()["code"] == "second_factor_required"
        fragment = client.get("/", headers={"HX-Request": "true"})
        assert fragment.headers["HX-Redirect"] == reverse("mfa_index")
        assert client.get("/events/").status_code == 403
    for asked_by_every_page in ("here", "clock"):
        assert client.get(reverse(asked_by_every_page)).status_code == 200


def test_setting_up_an_app_and_signing_in_with_it(approver: User) -> None:
    client = Client()
    assert try_password("anna", PASSWORD, client).headers["Location"] == reverse("home")
    assert "need a second factor" in client.get(reverse("mfa_index")).content.decode()
    secret = enrol(client)

    codes_page = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    recovery = re.findall(r"<li>(\w+)</li>", codes_page)
    assert len(recovery) == 10
    assert client.get(reverse("notice-list")).status_code == 200  # the door is open
    again = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert not [text for text in recovery if text in again]

    elsewhere = Client()
    assert try_password("anna", PASSWORD, elsewhere).headers["Location"] == reverse(
        "mfa_authenticate"
    )
    assert elsewhere.get("/").status_code == 302, "the password alone opens nothing"
    wrong = elsewhere.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "not right" in wrong.content.decode()
    right = elsewhere.post(
        reverse("mfa_authenticate"), {"code": one_time_codes.code(secret, windows=1)}
    )
    assert right.headers["Location"] == reverse("home")
    assert elsewhere.get(reverse("notice-list")).status_code == 200

    assert recorded() == [
        "user.signed_in",
        "user.second_factor_added",
        "user.second_factor_failed",
        "user.signed_in",
    ]
    assert AuditEntry.objects.first().data["methods"] == ["mfa", "password"]


def test_a_recovery_code_is_good_for_once(approver: User) -> None:
    client = Client()
    try_password("anna", PASSWORD, client)
    enrol(client)
    page = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    recovery = re.findall(r"<li>(\w+)</li>", page)[0]

    def give(code: str) -> int:
        other = Client()
        try_password("anna", PASSWORD, other)
        return other.post(reverse("mfa_authenticate"), {"code": code}).status_code

    assert give(recovery) == 302
    assert give(recovery) == 200


def test_codes_are_not_guessed_at_leisure(approver: User) -> None:
    client = Client()
    try_password("anna", PASSWORD, client)
    secret = enrol(client)
    guesser = Client()
    try_password("anna", PASSWORD, guesser)
    for _ in range(6):
        page = guesser.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "Too many attempts" in page.content.decode()
    right = guesser.post(
        reverse("mfa_authenticate"), {"code": one_time_codes.code(secret, windows=1)}
    )
    assert right.status_code == 200, "the right one comes too late"


def test_what_an_app_shares_with_us_is_not_in_the_database(approver: User, settings: Any) -> None:
    client = Client()
    try_password("anna", PASSWORD, client)
    secret = enrol(client)
    kept = Authenticator.objects.get(type="totp").data["secret"]
    assert secret not in kept

    # A new secret key locks nobody out while the old one is still known.
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    other = Client()
    try_password("anna", PASSWORD, other)
    code = one_time_codes.code(secret, windows=1)
    assert other.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302


def test_second_factors_are_moved_to_a_new_secret_key(
    approver: User, administrator: User, settings: Any
) -> None:
    client = Client()
    try_password("anna", PASSWORD, client)
    secret = enrol(client)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another one"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CommandError, match="CONSOLE_OLD_SECRET_KEYS"):
        call_command("rotate_second_factors")

    settings.SECRET_KEY_FALLBACKS = [old]
    call_command("rotate_second_factors")
    settings.SECRET_KEY_FALLBACKS = []

    other = Client()
    try_password("anna", PASSWORD, other)
    code = one_time_codes.code(secret, windows=1)
    assert other.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    assert AuditEntry.objects.get(action="second_factors.rotated").data == {"rotated": 2}


def test_the_last_second_factor_stays_where_one_is_needed(approver: User, supervisor: User) -> None:
    client = Client()
    try_password("anna", PASSWORD, client)
    enrol(client)
    assert "this is the last one" in client.get(reverse("mfa_deactivate_totp")).content.decode()
    client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(user=approver, type="totp").exists()

    free = Client()
    try_password("sue", PASSWORD, free)
    enrol(free)
    assert free.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.filter(user=supervisor).exists()
    assert recorded()[-1] == "user.second_factor_removed"


def test_a_session_that_was_there_before_the_role_gives_its_factor_first(
    supervisor: User,
) -> None:
    client = Client()
    try_password("sue", PASSWORD, client)
    secret = enrol(client)
    other = sign_in(Client(), supervisor, "password")
    assert other.get(reverse("board")).status_code == 200

    User.objects.filter(pk=supervisor.pk).update(roles=["supervisor", "approver"])
    assert other.get(reverse("board")).headers["Location"] == reverse("mfa_index")
    code = one_time_codes.code(secret, windows=1)
    other.post(f"{reverse('mfa_reauthenticate')}?next=/board/", {"code": code})
    assert other.get(reverse("board")).status_code == 200


def test_who_lost_all_factors_is_helped_by_another_administrator(
    approver: User, administrator: User
) -> None:
    client = Client()
    try_password("anna", PASSWORD, client)
    enrol(client)

    with pytest.raises(Conflict, match="another administrator"):
        security_events.user_second_factor_reset(administrator.to_actor(), administrator)
    security_events.user_second_factor_reset(administrator.to_actor(), approver)

    assert not Authenticator.objects.filter(user=approver).exists()
    assert client.get("/").headers["Location"].startswith(reverse("account_login"))
    with pytest.raises(Conflict, match="no second factor"):
        security_events.user_second_factor_reset(administrator.to_actor(), approver)
    assert recorded()[-1] == "user.second_factor_reset"


# --- One's own account ---------------------------------------------------------------------------


def test_changing_the_password_ends_all_other_sessions(supervisor: User) -> None:
    here, there = Client(), Client()
    try_password("sue", PASSWORD, here)
    try_password("sue", PASSWORD, there)
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    page = here.post(reverse("account_change_password"), {"oldpassword": "wrong", **fields})
    assert "not your password" in page.content.decode()
    short = {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}
    page = here.post(reverse("account_change_password"), short)
    assert "12 characters" in page.content.decode()
    here.post(reverse("account_change_password"), {"oldpassword": PASSWORD, **fields})

    assert here.get(reverse("board")).status_code == 200
    assert there.get(reverse("board")).status_code == 302
    assert recorded()[-1] == "user.password_changed"
    assert try_password("sue", NEW_PASSWORD).status_code == 302


def test_sessions_are_listed_and_ended(supervisor: User, outsider: User) -> None:
    here = Client(headers={"User-Agent": "Here/1"})
    there = Client(headers={"User-Agent": "There/1"}, REMOTE_ADDR="192.0.2.4")
    third, others = Client(), Client()
    for client in (here, there, third):
        try_password("sue", PASSWORD, client)
    try_password("otto", PASSWORD, others)

    page = here.get(reverse("account")).content.decode()
    assert "Here/1" in page
    assert "There/1" in page
    assert "192.0.2.4" in page

    of_others = UserSession.objects.get(user=outsider)
    here.post(reverse("account-sessions-end"), {"session": of_others.pk})
    assert others.get(reverse("board")).status_code == 200, "another's session is not theirs to end"

    one = UserSession.objects.get(user_agent="There/1")
    here.post(reverse("account-sessions-end"), {"session": one.pk})
    assert there.get(reverse("board")).status_code == 302
    assert third.get(reverse("board")).status_code == 200

    here.post(reverse("account-sessions-end"))
    assert third.get(reverse("board")).status_code == 302
    assert here.get(reverse("board")).status_code == 200
    assert recorded().count("user.sessions_ended") == 2


def test_without_the_ledger_nobody_gets_in(supervisor: User) -> None:
    client = Client(raise_request_exception=False)
    with broken_ledger():
        assert try_password("sue", PASSWORD, client).status_code == 500
    assert not Session.objects.exists()
    assert not client.cookies.get("sessionid")
