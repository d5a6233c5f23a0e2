"""The pages: one's own choices and stand-ins, what waits, and whether mail works."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.catalogue.review.presets import preset_create
from console.notifications.models import Matter, Notification, Preferences, StandIn
from console.notifications.services import matters_gather, notifications_drop_after_restore
from tests.notifications.conftest import (
    CUSTOMER,
    TEXT,
    Large,
    addressed,
    now_due,
    tell,
    use_server,
)
from tests.support.mail_server import MailServer

pytestmark = pytest.mark.django_db
Browse = Callable[..., Client]
OWN = "/account/notifications/"


def test_a_person_chooses(browse: Browse, anna: User, post: MailServer) -> None:
    client = browse(anna)
    page = client.get(OWN).content.decode()
    for words in ("A send awaits approval", "Quiet hours", "Stand-ins", "In this browser"):
        assert words in page
    assert page.count('type="checkbox"') >= 6
    answer = client.post(
        OWN,
        {
            "kind_0": ["browser"],
            "kind_1": ["mail", "browser"],
            "quiet_from": "22:00",
            "quiet_to": "07:00",
            "time_zone": "Europe/Berlin",
        },
    )
    assert answer.status_code == 302
    kept = Preferences.objects.get(person=anna)
    # What stands third and after was ticked nowhere.
    assert {
        "preset.submitted browser",
        "preset.submitted mail",
        "send.awaiting_approval mail",
    } <= set(kept.declined)
    assert "version.submitted mail" not in kept.declined
    assert "send.awaiting_approval browser" not in kept.declined
    assert (str(kept.quiet_from), kept.time_zone) == ("22:00:00", "Europe/Berlin")
    again = client.get(OWN).content.decode()
    assert 'value="22:00"' in again
    assert 'value="Europe/Berlin" selected' in again


def test_what_is_wrong_stands_at_its_field(browse: Browse, anna: User) -> None:
    answer = browse(anna).post(OWN, {"quiet_from": "22:00"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Quiet hours need a beginning and an end" in page
    assert 'value="22:00"' in page
    assert not Preferences.objects.exists()


def test_choices_for_kinds_that_are_not_shown_stay(
    browse: Browse, anna: User, administrator: User
) -> None:
    Preferences.objects.create(person=anna, declined=["incident.started mail"], time_zone="UTC")
    browse(anna).post(OWN, {"kind_0": ["mail", "browser"], "kind_1": ["mail", "browser"]})
    assert "incident.started mail" in Preferences.objects.get().declined


def test_a_person_without_an_address_is_told(
    browse: Browse, approver: User, post: MailServer
) -> None:
    assert "You have no mail address here" in browse(approver).get(OWN).content.decode()


def test_a_stand_in_is_named_and_ended(browse: Browse, anna: User, bert: User) -> None:
    client = browse(anna)
    now = timezone.now()
    form = {
        "stand-in-stand_in": bert.pk,
        "stand-in-begins_at": now.strftime("%Y-%m-%dT%H:%M"),
        "stand-in-ends_at": (now + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M"),
    }
    wrong = client.post(f"{OWN}stand-ins/", {**form, "stand-in-ends_at": "2020-01-01T00:00"})
    assert wrong.status_code == 422
    assert "The end lies after the beginning" in wrong.content.decode()
    assert client.post(f"{OWN}stand-ins/", form).status_code == 302
    row = StandIn.objects.get()
    assert "Bert" in client.get(OWN).content.decode()
    assert "You stand in for Anna." in browse(bert).get(OWN).content.decode()
    others = browse(bert).post(f"{OWN}stand-ins/{row.pk}/end/", follow=True)
    assert "You have no such stand-in any more." in others.content.decode()
    client.post(f"{OWN}stand-ins/{row.pk}/end/")
    row.refresh_from_db()
    assert row.ends_at <= timezone.now()


def test_only_whoever_decides_as_one_does_can_be_named(
    browse: Browse, anna: User, bert: User, editor: User, supervisor: User
) -> None:
    page = browse(anna).get(OWN).content.decode()
    assert "(bert)" in page
    for user in (editor, supervisor, anna):
        assert f"({user.username})" not in page


def test_what_waits_is_for_who_may_decide(
    browse: Browse, anna: User, supervisor: User, auditor: User, large: Large
) -> None:
    send = large()
    matters_gather()
    page = browse(anna).get("/waiting/").content.decode()
    assert 'data-total="1"' in page
    assert f'href="/sends/{send.pk}/"' in page
    assert "Sue asks to send “Notice large” to 3 chats" in page
    for secret in (TEXT, CUSTOMER, "Martin", "billing"):
        assert secret not in page
    for other in (supervisor, auditor):
        page = browse(other).get("/waiting/").content.decode()
        assert 'data-total="0"' in page
        assert "Notice large" not in page


def test_a_page_asks_little_for_the_number(
    browse: Browse, anna: User, django_assert_max_num_queries: Any
) -> None:
    client = browse(anna)
    client.get("/notices/")
    with django_assert_max_num_queries(32):
        client.get("/notices/")


# --- Whether mail works ---------------------------------------------------------------------------


@pytest.fixture
def adam(administrator: User) -> User:
    return addressed(administrator)


def test_administrators_see_whether_mail_works(
    browse: Browse, adam: User, anna: User, large: Large, post: MailServer, settings: Any
) -> None:
    use_server(settings, f"smtp://127.0.0.1:{post.port}?tls=none")
    client = browse(adam)
    page = client.get("/mail/").content.decode()
    assert f"127.0.0.1:{post.port}" in page
    post.answers["MAIL"] = ["451 disk is full"]
    large()
    tell()
    page = client.get("/mail/").content.decode()
    assert "The mail server does not take it now: 451 disk is full" in page
    assert "What did not leave" in page
    now_due()
    tell()
    page = client.get("/mail/").content.decode()
    assert "disk is full" not in page
    assert "What did not leave" not in page


def test_the_page_shows_neither_user_nor_password(
    browse: Browse, adam: User, settings: Any
) -> None:
    use_server(settings, "smtp://console:hunter2@mail.example.org")
    page = browse(adam).get("/mail/").content.decode()
    assert "mail.example.org:587" in page
    assert "hunter2" not in page
    assert "console:" not in page


def test_who_may_decide_and_has_no_address_stands_there(
    browse: Browse, adam: User, approver: User
) -> None:
    page = browse(adam).get("/mail/").content.decode()
    assert "1 person who may decide has no mail address" in page
    assert f"/people/{approver.pk}/" in page
    assert "No mail server is set" in page


def test_a_test_mail(browse: Browse, adam: User, post: MailServer) -> None:
    client = browse(adam)
    assert client.post("/mail/test/").status_code == 302
    tell()
    (mail,) = post.taken
    assert mail["To"] == adam.email
    assert "A test of the console" in str(mail["Subject"])
    assert AuditEntry.objects.filter(action="mail.tested", actor_ref=adam.ref).count() == 1
    for _number in range(2):
        client.post("/mail/test/")
    refused = client.post("/mail/test/", follow=True).content.decode()
    assert "You have sent 3 test mails." in refused
    assert Notification.objects.count() == 3


@pytest.mark.parametrize(
    ("has_server", "has_address", "words"),
    [
        (False, True, "No mail server is set: set CONSOLE_EMAIL_URL first."),
        (True, False, "You have no mail address."),
    ],
)
def test_a_test_that_can_not_leave(
    browse: Browse,
    administrator: User,
    settings: Any,
    has_server: bool,
    has_address: bool,
    words: str,
) -> None:
    if has_server:
        use_server(settings, "smtp://mail.example.org")
    if has_address:
        addressed(administrator)
    page = browse(administrator).post("/mail/test/", follow=True).content.decode()
    assert words in page
    assert not Notification.objects.exists()


def test_operations_and_readyz_say_that_mails_fail(
    browse: Browse, adam: User, anna: User, client: Client, large: Large, post: MailServer
) -> None:
    post.answers["RCPT"] = ["550 no"]
    large()
    tell()
    assert "have failed or are unknown" in browse(adam).get("/operations/").content.decode()
    codes = [each["code"] for each in client.get("/readyz").json()["troubles"]]
    assert "notifications_failed" in codes
    post.answers["MAIL"] = ["451 later"]
    large()
    tell()
    Notification.objects.filter(status="waiting").update(
        first_due_at=timezone.now() - timedelta(minutes=11)
    )
    codes = [each["code"] for each in client.get("/readyz").json()["troubles"]]
    assert "notifications_late" in codes


def test_a_restore_drops_what_waits(anna: User, large: Large, post: MailServer) -> None:
    large()
    matters_gather()
    assert notifications_drop_after_restore() == 1
    tell()
    assert post.taken == []
    assert Matter.objects.filter(ended_at=None).count() == 1


# --- By API ---------------------------------------------------------------------------------------


def test_what_waits_by_api(
    client: Client, make_client: Callable[..., Any], large: Large, editor: User
) -> None:
    large()
    preset_create(editor.to_actor(), name="Desk", visibility="INT", nickname="Nick of staff")
    matters_gather()
    _client, token = make_client("approve")
    answer = client.get("/api/v1/waiting/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    (found,) = answer.json()["results"]  # the scope decides on the catalogue, not on sends
    assert (found["kind"], found["title"]) == ("preset.submitted", "Desk")
    assert (found["chats"], found["asked_by"]) == (None, "Eddy")
    assert "Nick" not in answer.content.decode()


def test_an_error_is_the_last_one_until_a_mail_is_sent(
    browse: Browse, adam: User, anna: User, large: Large, post: MailServer
) -> None:
    client = browse(adam)
    post.answers["RCPT"] = ["550 nobody"]
    large()
    tell()
    assert "Last error" in client.get("/mail/").content.decode()
    large()
    tell()
    page = client.get("/mail/").content.decode()
    assert "Last error" not in page
    assert "550 nobody" in page  # among what did not leave
