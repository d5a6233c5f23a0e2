"""Approvals that the approver's security key signs: on the pages, by each rule."""

import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.urls import reverse

from console.accounts.approvals import settings as approval_settings
from console.accounts.approvals.stating import KINDS as STATED
from console.accounts.approvals.stating import OFF, REGISTERED, REQUIRED
from console.accounts.models import ApprovalQuestion
from console.accounts.roles import Role
from console.accounts.services import api_client_create, user_update
from console.audit.models import AuditEntry
from console.audit.verification import verify_database
from console.audit.verify import key_fingerprint, to_web
from console.catalogue.content.versions import version_approve, version_reject
from console.catalogue.models import NoticeVersion
from console.errors import PermissionRefused
from console.sends.models import Send
from tests.accounts.approving import (
    KINDS,
    TO_APPROVE,
    Approver,
    approvals,
    newest,
    submitted_version,
    version_to_approve,
)
from tests.support.factories import REVIEWER, ROOT, make_client, make_user
from tests.support.signing_in import sign_in
from tests.support.software_key import METHODS, SoftwareKey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _chats(chat_server: Any, settings: Any) -> None:
    settings.APPROVAL_ABOVE = 1
    settings.CHECKPOINTS_TO = ""
    settings.ALLOWED_HOSTS = ["testserver"]


@pytest.fixture
def required(settings: Any) -> None:
    settings.APPROVAL_RULES = dict.fromkeys(KINDS, REQUIRED)


def holds() -> bool:
    return verify_database().holds


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_approved_by_the_key(kind: str) -> None:
    anna = Approver(key=SoftwareKey())
    question = anna.asked(TO_APPROVE[kind]())
    assert approvals() == []  # nothing is approved by the question
    assert question.answered().status_code == 302
    said = newest()
    assert (said["grade"], said["rule"]) == ("security_key", "required")
    assert said["statement"]["kind"] == kind
    assert said["statement"]["approver"] == anna.user.ref
    assert not ApprovalQuestion.objects.exists()
    assert holds()


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("method", METHODS)
def test_keys_of_each_method(method: str) -> None:
    anna = Approver(key=SoftwareKey(method))
    assert anna.approves(version_to_approve()).status_code == 302
    assert newest()["grade"] == "security_key"
    assert holds()


def test_a_key_that_never_counts(required: None) -> None:
    anna = Approver(key=SoftwareKey(counter=None))
    assert anna.approves(TO_APPROVE["version"]()).status_code == 302
    assert anna.approves(TO_APPROVE["preset"]()).status_code == 302
    assert holds()


@pytest.mark.parametrize("kind", KINDS)
def test_required_means_that_nobody_approves_without(kind: str, required: None) -> None:
    posted = TO_APPROVE[kind]()
    page = Approver().post(posted).content.decode()
    assert "takes a security key, and you have none yet. Add one at your account" in page
    assert approvals() == []


@pytest.mark.parametrize("kind", KINDS)
def test_where_registered_only_who_has_one_is_asked(kind: str, settings: Any) -> None:
    settings.APPROVAL_RULES = {kind: REGISTERED}
    posted = TO_APPROVE[kind]()
    with_key = Approver("kay", key=SoftwareKey())
    assert with_key.asked(posted)
    assert Approver("anna").post(posted).status_code == 302
    assert newest() == {"grade": "second_factor", "rule": "registered"}
    assert holds()


@pytest.mark.parametrize("kind", KINDS)
def test_off_asks_nobody(kind: str) -> None:
    assert Approver(key=SoftwareKey()).post(TO_APPROVE[kind]()).status_code == 302
    assert newest() == {"grade": "second_factor", "rule": "off"}
    assert not AuditEntry.objects.filter(action="approvals.rules_set").exists()
    assert holds()


def test_the_rule_of_a_kind_says_nothing_of_others(settings: Any) -> None:
    settings.APPROVAL_RULES = {"send": REQUIRED}
    assert Approver().post(version_to_approve()).status_code == 302
    assert newest() == {"grade": "second_factor", "rule": "off"}


@pytest.mark.parametrize(
    ("methods", "grade"),
    [
        (("password",), "password"),
        (("socialaccount",), "directory"),
        (("password", "mfa"), "second_factor"),
        (("socialaccount", "mfa"), "second_factor"),
    ],
)
def test_weaker_ways_are_marked(methods: tuple[str, ...], grade: str, settings: Any) -> None:
    settings.SECOND_FACTOR = "nobody"
    anna = Approver()
    sign_in(anna.client, anna.user, *methods)
    assert anna.post(version_to_approve()).status_code == 302
    assert newest()["grade"] == grade
    page = anna.client.get(reverse("notice-detail", args=["storm"])).content.decode()
    assert "without a security key" in page


# --- Programs and the console ---------------------------------------------------------------------


def approve_by_api(token: str) -> Any:
    version = submitted_version()
    address = f"/api/v1/notices/{version.notice.key}/versions/{version.number}/approve/"
    headers = {"Authorization": f"Bearer {token}"}
    return Client().post(address, content_type="application/json", headers=headers)


def test_a_program_is_refused_where_a_key_is_required(required: None) -> None:
    _client, token = make_client("robot", "approve")
    answer = approve_by_api(token)
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_needs_key")
    assert "a program can't do it" in answer.json()["message"]


def test_a_program_approves_by_its_token_where_that_is_allowed(settings: Any) -> None:
    settings.APPROVAL_RULES = {"version": REGISTERED}
    _client, token = make_client("robot", "approve")
    assert approve_by_api(token).status_code == 200
    entry = AuditEntry.objects.get(action="version.approved")
    assert entry.data["confirmation"] == {"grade": "token", "rule": "registered"}


def test_nobody_gets_around_their_key_by_a_program_of_theirs(settings: Any) -> None:
    settings.APPROVAL_RULES = {"version": REGISTERED}
    anna = Approver(key=SoftwareKey())
    _client, token = api_client_create(ROOT, name="robot", scopes=["approve"], owner=anna.user)
    answer = approve_by_api(token)
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_needs_key")
    assert "the person behind this API client" in answer.json()["message"]


def test_the_api_takes_no_key_of_a_session(required: None) -> None:
    anna = Approver(key=SoftwareKey())
    version = submitted_version()
    address = f"/api/v1/notices/{version.notice.key}/versions/{version.number}/approve/"
    answer = anna.client.post(address, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_needs_key")
    assert "on the console's pages" in answer.json()["message"]


def test_the_console_itself_approves_nothing_that_takes_a_key(required: None) -> None:
    with pytest.raises(PermissionRefused, match="takes a person's security key"):
        version_approve(ROOT, submitted_version())
    make_user("first", Role.ADMINISTRATOR)  # an operator at the console's machine gives roles
    assert AuditEntry.objects.first().data["confirmation"]["grade"] == "console"
    assert holds()


# --- Answers that do not fit ----------------------------------------------------------------------


def refused(answer: Any, words: str) -> None:
    page = answer.content.decode()
    assert answer.status_code in (403, 409, 422), page
    assert words in page
    assert NoticeVersion.objects.get().status == "in_review"


@pytest.fixture
def anna(required: None) -> Approver:
    return Approver(key=SoftwareKey())


def test_an_answer_is_good_for_one_approval(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    answer = anna.key.answer(question.challenge)
    question.answered(answer)
    other = submitted_version("other")
    address = reverse("version-approve", args=[other.notice.key, other.number])
    again = anna.client.post(address, {"credential": json.dumps(answer)})
    assert "confirmed before, or asked too long ago" in again.content.decode()
    other.refresh_from_db()
    assert other.status == "in_review"


def test_an_answer_for_one_thing_approves_no_other(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    answer = anna.key.answer(question.challenge)
    other = submitted_version("other")
    address = reverse("version-approve", args=[other.notice.key, other.number])
    page = anna.client.post(address, {"credential": json.dumps(answer)})
    assert page.status_code == 409
    assert "what your security key confirmed is not what is here now" in page.content.decode()
    assert not NoticeVersion.objects.filter(status="published").exists()
    assert question.answered(anna.key.answer(question.challenge)).status_code == 302


def test_what_changed_in_between_is_not_approved(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    with connection.cursor() as cursor:  # as somebody with all rights in the database would
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE catalogue_noticeversion DISABLE TRIGGER USER")
        cursor.execute("UPDATE catalogue_noticeversion SET nickname = 'Boss'")
        cursor.execute("ALTER TABLE catalogue_noticeversion ENABLE TRIGGER USER")
    refused(question.answered(), "what your security key confirmed is not what is here now")


def test_what_somebody_else_decided_in_between_is_told(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    version_reject(REVIEWER, NoticeVersion.objects.get(), reason="No")
    page = question.answered()
    assert page.status_code == 409
    assert "is rejected and can&#x27;t be approved" in page.content.decode()


def test_a_send_that_was_moved_in_between_stays(anna: Approver) -> None:
    question = anna.asked(TO_APPROVE["send"]())
    Send.objects.update(scheduled_at="2030-01-01T00:00:00Z")
    page = question.answered()
    assert page.status_code == 409
    assert Send.objects.get().status == "awaiting_approval"


def test_what_was_typed_is_kept_through_question_and_conflict(anna: Approver) -> None:
    user = make_user("mia", Role.EDITOR)
    address = reverse("user-detail", args=[user.pk])
    seen = re.search(r'name="expected" value="([^"]+)"', anna.client.get(address).content.decode())
    assert seen is not None
    typed = {"first_name": "Mia", "email": "mia@example.org", "roles": ["editor", "auditor"]}
    question = anna.asked((address, {**typed, "expected": seen[1]}))
    assert question.kept == {
        "first_name": ["Mia"],
        "email": ["mia@example.org"],
        "roles": ["editor", "auditor"],
        "expected": [seen[1]],
    }
    user_update(ROOT, user, email="other@example.org")
    page = question.answered()
    assert "somebody else has changed" in page.content.decode()
    assert "mia@example.org" in page.content.decode()
    user.refresh_from_db()
    assert user.roles == ["editor"]


def test_another_sessions_answer_is_refused(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    elsewhere = sign_in(Client(), anna.user)
    refused(question.answered(client=elsewhere), "confirmed before, or asked too long ago")


def test_another_persons_answer_is_refused(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    bob = Approver("bob", key=SoftwareKey())
    answer = bob.key.answer(question.challenge)
    refused(question.answered(answer), "it is none of your security keys")
    refused(question.answered(answer, client=bob.client), "confirmed before, or asked too long")


def test_a_late_answer_is_refused(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    ApprovalQuestion.objects.update(ends_at="2020-01-01T00:00:00Z")
    refused(question.answered(), "confirmed before, or asked too long ago")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"challenge": to_web(bytes(32))}, "confirmed before, or asked too long ago"),
        ({"type": "webauthn.create"}, "signed another statement"),
        ({"origin": "https://evil.example"}, "the browser was at https://evil.example"),
        ({"origin": "http://testserver"}, "the browser was at http://testserver"),
        ({"crossOrigin": True}, "answered to another site"),
        ({"site": "evil.example", "origin": "https://testserver"}, "answered to another site"),
    ],
)
def test_answers_that_are_refused(anna: Approver, wrong: dict[str, Any], words: str) -> None:
    question = anna.asked(version_to_approve())
    answer = anna.key.answer(**{"challenge": question.challenge, **wrong})
    refused(question.answered(answer), words)
    assert AuditEntry.objects.first().action == "user.second_factor_failed"
    assert AuditEntry.objects.first().data["reason"] == "approval"


@pytest.mark.parametrize("given", ["{}", "[]", "null", "x", '"x"', "1" * 20_000])
def test_what_is_no_answer_is_refused(anna: Approver, given: str) -> None:
    page = anna.post(version_to_approve(), credential=given)
    refused(page, "the security key&#x27;s answer can&#x27;t be read")


def test_untouched_and_forged_answers_are_refused(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    anna.key.flags = 0
    refused(question.answered(), "nobody touched the security key")
    anna.key.flags = 1
    forger = SoftwareKey(credential_id=anna.key.credential_id, counter=5)
    refused(question.answered(forger.answer(question.challenge)), "signature does not fit")


def test_a_copy_of_the_key_is_found_by_its_counter(anna: Approver) -> None:
    anna.approves(TO_APPROVE["preset"]())
    question = anna.asked(version_to_approve())
    anna.key.counter = 0
    refused(question.answered(), "there may be a copy of it")
    assert AuditEntry.objects.first().data["reason"] == "counter"


def test_a_removed_key_confirms_nothing(anna: Approver) -> None:
    question = anna.asked(version_to_approve())
    bob_key = SoftwareKey()
    bob_key.registered(anna.user)
    Authenticator.objects.filter(user=anna.user).earliest("pk").delete()
    refused(question.answered(), "it is none of your security keys")


# --- What the ledger has --------------------------------------------------------------------------


def test_a_key_of_before_is_entered_with_its_first_approval(required: None) -> None:
    anna = Approver()
    anna.key = SoftwareKey()
    anna.key.registered(anna.user, is_entered=False)
    for kind in ("version", "preset"):
        assert anna.approves(TO_APPROVE[kind]()).status_code == 302
    noted = AuditEntry.objects.filter(action="user.security_key_noted")
    assert [entry.data["public_key"] for entry in noted] == [to_web(anna.key.public)]
    assert holds()


def test_rules_are_entered_once_before_the_first_approval_by_them(settings: Any) -> None:
    settings.APPROVAL_RULES = {"version": REGISTERED}
    anna = Approver()
    for kind in ("version", "preset"):
        anna.post(TO_APPROVE[kind]())
    settings.APPROVAL_RULES = {}
    anna.post(TO_APPROVE["send"]())
    entries = AuditEntry.objects.filter(action="approvals.rules_set").order_by("seq")
    assert [entry.data["version"] for entry in entries] == ["registered", "off"]
    assert entries[0].data["sites"] == ["testserver"]
    assert holds()


def test_the_pages_say_by_what_it_was_approved(anna: Approver) -> None:
    words = "signed with the approver&#x27;s security key"
    for kind in KINDS:
        assert anna.approves(TO_APPROVE[kind]()).status_code == 302
    anna.user.roles = [*anna.user.roles, Role.AUDITOR]
    anna.user.save()
    send = Send.objects.get()
    for address in (
        reverse("notice-detail", args=["storm"]),
        reverse("preset-list"),
        reverse("playbook-detail", args=["down"]),
        reverse("send-detail", args=[send.pk]),
        reverse("audit"),
    ):
        assert words in anna.client.get(address).content.decode(), address


def test_ones_account_shows_the_fingerprints(anna: Approver) -> None:
    page = anna.client.get(reverse("mfa_index")).content.decode()
    assert key_fingerprint(anna.key.public) in page
    assert anna.user.ref in page


def test_without_scripts_the_question_says_so(anna: Approver) -> None:
    page = anna.asked(version_to_approve()).page
    assert "A security key needs scripts" in page.split("<noscript>")[1].split("</noscript>")[0]


# --- The setting ----------------------------------------------------------------------------------


def test_the_setting_knows_the_kinds_and_rules() -> None:
    assert set(approval_settings.KINDS) == set(STATED) == set(KINDS)
    assert set(approval_settings.RULES) == {OFF, REGISTERED, REQUIRED}


def test_the_setting() -> None:
    read = approval_settings.approval_rules
    assert read("all=required role=off") == {**dict.fromkeys(KINDS, "required"), "role": "off"}
    assert read("send=registered") == {**dict.fromkeys(KINDS, "off"), "send": "registered"}
    for wrong in ("send", "sends=off", "send=on", "send=off send=off"):
        with pytest.raises(ValueError, match=r"kind=rule|two rules"):
            read(wrong)
