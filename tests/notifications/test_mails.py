"""Mails about what waits, to a real mail server: who gets which, what is in them, and how often."""

import logging
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import Role
from console.accounts.services import user_update
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
)
from console.catalogue.models import CannedNotice
from console.catalogue.review.presets import preset_create, preset_update
from console.database.clock import database_now
from console.notifications.models import LONGEST_ATTEMPT, Mark, Matter, Notification
from console.notifications.services import (
    attempts,
    carrying_begin,
    letters_take,
    matters_forget,
    matters_gather,
)
from console.sends.control.approval import send_approve, send_reject, send_reschedule
from console.sends.control.pausing import send_cancel
from console.sends.models import Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.notifications.conftest import (
    CUSTOMER,
    SITE,
    TEXT,
    TITLE,
    Large,
    addressed,
    code_of,
    deliver,
    now_due,
    statuses,
    tell,
)
from tests.support import factories
from tests.support.factories import ROOT
from tests.support.mail_server import BREAK, BREAK_AFTER, MailServer
from tests.support.preset_proposals import approve_seen

pytestmark = pytest.mark.django_db


def plain(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def subject(mail: EmailMessage) -> str:
    return str(mail["Subject"]).strip()  # Python reads a folded head with a blank before it


def html(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def test_a_send_that_awaits_approval_is_told_once(
    post: MailServer, anna: User, large: Large
) -> None:
    send = large()
    tell()
    tell()
    (mail,) = post.taken
    assert post.recipients == [anna.email]
    assert mail["To"] == anna.email
    assert mail["From"] == "Notice Console <console@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    assert subject(mail) == f"[Notice Console] Sue asks to send “{TITLE}” to 3 chats"
    link = f"{SITE}/sends/{send.pk}/"
    assert f"- Sue asks to send “{TITLE}” to 3 chats" in plain(mail)
    assert plain(mail).count("https://") == 1
    assert link in plain(mail)
    assert html(mail).count("https://") == 1
    assert f'<a href="{link}">' in html(mail)
    assert statuses() == [("asked", "sent")]


def test_nothing_of_texts_and_customers_is_in_a_mail(
    post: MailServer, anna: User, large: Large, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    send = large()
    post.answers["DATA"] = ["451 later"]
    tell()
    now_due()
    tell()
    (mail,) = post.taken
    chats = list(send.deliveries.values_list("interaction_id", flat=True))
    for secret in (TEXT, CUSTOMER, "Martin", "FirstName", "chat-east", "billing", *chats):
        assert secret not in mail.as_string()
        assert secret not in plain(mail) + html(mail)
    ours = [record for record in caplog.records if not record.name.startswith("mail.")]
    assert ours  # and not what the tests' own mail server logs
    assert anna.email not in "".join(record.getMessage() for record in ours)


def test_the_notes_of_staff_are_not_told(
    post: MailServer, anna: User, large: Large, settings: Any, supervisor: User
) -> None:
    first = large()
    chats = list(first.deliveries.values_list("interaction_id", flat=True))
    order = SendOrder(
        notice_key="large", interactions=chats, visibility="INT", why="A secret reason"
    )
    send_create(supervisor.to_actor(), order)
    tell()
    said = "".join(mail.as_string() + plain(mail) + html(mail) for mail in post.taken)
    assert said
    for secret in ("A secret reason", TEXT, "INT", "staff"):
        assert secret not in said


def test_only_those_hear_who_may_decide(
    post: MailServer,
    anna: User,
    large: Large,
    supervisor: User,
    make_user: Callable[..., User],
    team: Any,
    administrator: User,
) -> None:
    """By permission, team and not one's own work."""
    addressed(supervisor)
    addressed(administrator)
    both = addressed(make_user("both", Role.SUPERVISOR, Role.APPROVER, teams=[team]))
    outside = addressed(make_user("outside", Role.APPROVER))
    large()
    CannedNotice.objects.filter(key="large").update(team=team)
    own = factories.make_send(
        both, "large", [d.interaction_id for d in Send.objects.get().deliveries.all()]
    )
    tell()
    by_person = set(Notification.objects.values_list("person__username", "matter__ref"))
    others = str(Send.objects.exclude(pk=own.pk).get().pk)
    # Nobody of the team but this one person, who may not decide on their own.
    assert by_person == {("both", others)}
    assert post.recipients == [both.email]
    assert outside.email not in post.recipients


@pytest.mark.parametrize("how", ["approved", "rejected", "cancelled"])
def test_a_mail_whose_matter_is_decided_does_not_leave(
    post: MailServer, anna: User, large: Large, supervisor: User, how: str
) -> None:
    """Also where the ledger was not read on since."""
    send = large()
    matters_gather()
    assert statuses() == [("asked", "waiting")]
    if how == "approved":
        send_approve(anna.to_actor(), send)
    elif how == "rejected":
        send_reject(anna.to_actor(), send, reason="no")
    else:
        send_cancel(supervisor.to_actor(), send)
    deliver()
    assert post.taken == []
    assert statuses() == [("asked", "dropped")]
    matters_gather()
    assert Matter.objects.get().ended_at is not None


def test_what_was_decided_before_it_was_read_is_not_told(
    post: MailServer, anna: User, large: Large
) -> None:
    send_approve(anna.to_actor(), large())
    tell()
    assert post.taken == []
    assert not Notification.objects.exists()
    assert Matter.objects.get().ended_at is not None


def test_a_send_that_is_moved_waits_on_and_an_approved_one_waits_again(
    post: MailServer, anna: User, large: Large, supervisor: User
) -> None:
    send, sue = large(), supervisor.to_actor()
    tell()
    later = database_now() + timedelta(hours=1)
    send_reschedule(sue, send, scheduled_at=later)
    tell()
    assert len(post.taken) == 1
    send.refresh_from_db()
    send_approve(anna.to_actor(), send)
    tell()
    send_reschedule(sue, send, scheduled_at=later + timedelta(hours=1))
    tell()
    assert len(post.taken) == 2
    assert Matter.objects.filter(ended_at=None).count() == 1


def test_versions_and_presets_are_told_until_somebody_decides(
    post: MailServer, anna: User, editor: User
) -> None:
    eddy = editor.to_actor()
    notice = notice_create(eddy, key="late", kind="message", title="Late parcels")
    draft = version_create(eddy, notice, VersionContent(default_locale="en", bodies={"en": TEXT}))
    version_submit(eddy, draft)
    preset = preset_create(eddy, name="Desk", visibility="INT", nickname="Nick of staff")
    tell()
    subjects = sorted(subject(mail) for mail in post.taken)
    assert subjects == [
        "[Notice Console] Eddy asks to publish a version of “Late parcels”",
        "[Notice Console] Eddy proposes the visibility preset “Desk”",
    ]
    said = "".join(plain(mail) for mail in post.taken)
    assert f"{SITE}/notices/late/" in said
    assert f"{SITE}/presets/" in said
    for secret in (TEXT, "Nick of staff", "INT"):
        assert secret not in said
    preset_update(eddy, preset, nickname="Another")  # another proposal is another matter
    tell()
    assert len(post.taken) == 3
    version_reject(anna.to_actor(), draft, reason="no")
    approve_seen(anna.to_actor(), preset)
    tell()
    assert not Matter.objects.filter(ended_at=None).exists()


def test_many_at_once_are_one_mail(post: MailServer, anna: User, editor: User) -> None:
    eddy = editor.to_actor()
    for number in range(12):
        notice = notice_create(eddy, key=f"n{number}", kind="message", title=f"Title {number}")
        content = VersionContent(default_locale="en", bodies={"en": TEXT})
        version_submit(eddy, version_create(eddy, notice, content))
    tell()
    (mail,) = post.taken
    assert subject(mail) == "[Notice Console] 12 matters wait for your decision"
    assert plain(mail).count("“Title") == 10
    assert "and 2 more" in plain(mail)
    assert plain(mail).count("https://") == 1
    assert statuses() == [("asked", "sent")] * 12


def test_a_title_ends_no_line_of_a_mails_head(post: MailServer, anna: User, large: Large) -> None:
    large()
    matters_gather()
    Matter.objects.update(title="Late\r\nBcc: eve@example.com", by_name="Sue\nEve")
    deliver()
    (mail,) = post.taken
    assert mail["Bcc"] is None
    assert post.recipients == [anna.email]
    assert "Sue Eve asks to send “Late Bcc: eve@example.com”" in subject(mail)


def test_names_stand_as_text_in_html(post: MailServer, anna: User, large: Large) -> None:
    large()
    matters_gather()
    Matter.objects.update(title="<b>Late</b> & more")
    deliver()
    assert "&lt;b&gt;Late&lt;/b&gt; &amp; more" in html(post.taken[0])
    assert "<b>Late</b> & more" in plain(post.taken[0])


# --- Failures -------------------------------------------------------------------------------------


def only() -> Notification:
    return Notification.objects.get()


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_what_is_refused_for_now_is_tried_again(
    post: MailServer, anna: User, large: Large, command: str
) -> None:
    post.answers[command] = ["451 greylisted", "451 greylisted"]
    large()
    for tries in (1, 2):
        tell()
        row = only()
        assert (row.status, row.attempts, code_of(row)) == ("waiting", tries, "mail_later")
        assert "451" in row.error
        wait = (row.due_at - timezone.now()).total_seconds()
        assert 0.7 * attempts.RETRIES[tries - 1] < wait + 5 < 1.3 * attempts.RETRIES[tries - 1] + 5
        tell()  # not due yet
        assert only().attempts == tries
        now_due()
    tell()
    assert only().status == "sent"
    assert len(post.taken) == 1


def test_what_is_refused_for_good_is_not_tried_again(
    post: MailServer, anna: User, large: Large
) -> None:
    post.answers["RCPT"] = ["550 no such user"]
    large()
    tell()
    tell()
    assert (only().status, only().attempts) == ("failed", 1)
    assert only().error == "The mail server refused it: 550 no such user"
    assert post.taken == []


def test_a_break_before_the_mail_is_handed_over_is_tried_again(
    post: MailServer, anna: User, large: Large
) -> None:
    post.answers["RCPT"] = [BREAK]
    large()
    tell()
    assert (only().status, code_of(only())) == ("waiting", "mail_broken")
    now_due()
    tell()
    assert only().status == "sent"
    assert len(post.taken) == 1


@pytest.mark.parametrize("how", [BREAK, BREAK_AFTER])
def test_a_break_after_the_mail_was_handed_over_is_unknown_and_not_repeated(
    post: MailServer, anna: User, large: Large, how: str
) -> None:
    post.answers["DATA"] = [how]
    large()
    tell()
    assert (only().status, code_of(only())) == ("unknown", "mail_maybe")
    now_due()
    tell()
    assert only().attempts == 1
    assert len(post.taken) == (how == BREAK_AFTER)


def test_without_a_mail_server_at_its_place_it_waits(
    post: MailServer, anna: User, large: Large, settings: Any
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    large()
    tell()
    assert (only().status, code_of(only())) == ("waiting", "mail_no_connection")
    settings.EMAIL_PORT = port
    now_due()
    tell()
    assert only().status == "sent"


def test_what_could_not_leave_for_a_day_has_failed(
    post: MailServer, anna: User, large: Large
) -> None:
    post.answers["MAIL"] = ["421 busy"]
    large()
    tell()
    before = timezone.now() - attempts.OLDEST - timedelta(minutes=1)
    Notification.objects.update(first_due_at=before, due_at=timezone.now())
    tell()
    assert only().status == "failed"
    assert only().error.startswith("It could not be sent for 24 hours. The last try: The mail")
    assert "421" in only().error
    assert post.taken == []


def test_what_a_dead_courier_had_taken_is_unknown(
    post: MailServer, anna: User, large: Large
) -> None:
    large()
    matters_gather()
    until = carrying_begin()
    assert until is not None
    _longer, letters = letters_take(until, 0)
    assert len(letters) == 1  # and then the worker dies
    Notification.objects.update(taken_at=timezone.now() - 3 * LONGEST_ATTEMPT)
    Mark.objects.update(carried_until=timezone.now() - timedelta(seconds=1))
    deliver()
    assert (only().status, code_of(only())) == ("unknown", "mail_courier_gone")
    assert post.taken == []


def test_there_is_one_courier(post: MailServer, anna: User, large: Large) -> None:
    large()
    matters_gather()
    until = carrying_begin()
    assert until is not None
    assert carrying_begin() is None
    deliver()
    assert post.taken == []
    assert letters_take(until + timedelta(seconds=1), 0) == (None, [])


def test_whoever_has_lost_role_or_address_gets_no_mail(
    post: MailServer, anna: User, bert: User, large: Large
) -> None:
    large()
    matters_gather()
    user_update(ROOT, anna, roles=["editor"])
    User.objects.filter(pk=bert.pk).update(email="")
    deliver()
    assert post.taken == []
    assert {
        (r.person.username, r.status) for r in Notification.objects.select_related("person")
    } == {
        ("anna", "dropped"),
        ("bert", "failed"),
    }


def test_without_mail_nothing_is_written_for_it(anna: User, large: Large, settings: Any) -> None:
    large()
    tell()
    assert Matter.objects.count() == 1
    assert not Notification.objects.exists()


def test_what_ended_long_ago_is_forgotten(post: MailServer, anna: User, large: Large) -> None:
    send_approve(anna.to_actor(), large())
    large()
    tell()
    old = timezone.now() - timedelta(days=31)
    Matter.objects.exclude(ended_at=None).update(ended_at=old)
    assert matters_forget() == 1
    assert Matter.objects.get().ended_at is None
    Notification.objects.update(ended_at=old)
    assert matters_forget() == 1
    assert matters_forget() == 0


def test_an_approved_version_is_not_told(post: MailServer, anna: User, editor: User) -> None:
    eddy = editor.to_actor()
    notice = notice_create(eddy, key="late", kind="message", title="Late parcels")
    draft = version_create(eddy, notice, VersionContent(default_locale="en", bodies={"en": TEXT}))
    version_submit(eddy, draft)
    matters_gather()
    version_approve(anna.to_actor(), draft)
    deliver()
    assert post.taken == []
