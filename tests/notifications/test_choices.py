"""What each person has chosen: kinds, ways, quiet hours, stand-ins; and reminders, escalations."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import Role
from console.actors import system_actor
from console.audit.models import AuditEntry
from console.database.clock import database_now
from console.errors import ConsoleError
from console.notifications import kinds
from console.notifications.audience import due_at
from console.notifications.kinds import KINDS
from console.notifications.models import Matter, Notification, Preferences, StandIn
from console.notifications.services import (
    matters_gather,
    matters_press,
    preferences_update,
    stand_in_end,
    stand_in_name,
)
from console.sends.control.approval import send_approve
from console.sends.models import SendingStop
from console.sends.selectors import sending_stopped
from tests.notifications.conftest import Large, addressed, deliver, now_due, statuses, tell
from tests.support.mail_server import MailServer
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db
SEND = KINDS["send.awaiting_approval"]


def later(minutes: float) -> None:
    """As if so many minutes had passed since all that waits was asked."""
    Matter.objects.update(asked_at=database_now() - timedelta(minutes=minutes))


def to(username: str) -> list[tuple[str, str]]:
    rows = Notification.objects.filter(person__username=username).order_by("pk")
    return list(rows.values_list("step", "status"))


# --- Kinds and ways -------------------------------------------------------------------------------


def test_whoever_declines_a_kind_gets_no_mail_of_it(
    post: MailServer, anna: User, bert: User, large: Large
) -> None:
    preferences_update(anna.to_actor(), declined=["send.awaiting_approval mail"])
    preferences_update(
        bert.to_actor(), declined=["version.submitted mail", "send.awaiting_approval browser"]
    )
    large()
    tell()
    assert post.recipients == [bert.email]


def test_choices_are_in_the_trail(anna: User) -> None:
    declined = ["send.awaiting_approval mail"]
    for _twice in range(2):
        preferences_update(
            anna.to_actor(),
            declined=declined,
            quiet_from=time(22),
            quiet_to=time(7),
            time_zone="Europe/Berlin",
        )
    (entry,) = AuditEntry.objects.filter(action="user.notifications_changed")
    assert (entry.actor_ref, entry.target_name) == (anna.ref, "anna")
    assert entry.data["declined"] == {"from": [], "to": declined}
    assert entry.data["quiet_from"] == {"from": "", "to": "22:00"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"declined": ["send.unheard_of mail"]}, "unknown_kind_of_notification"),
        ({"declined": ["send.awaiting_approval pigeon"]}, "unknown_kind_of_notification"),
        ({"declined": [], "quiet_from": time(22)}, "quiet_hours_half"),
        ({"declined": [], "quiet_to": time(22)}, "quiet_hours_half"),
        ({"declined": [], "quiet_from": time(7), "quiet_to": time(7)}, "quiet_hours_empty"),
        ({"declined": [], "time_zone": "Mars/Olympus"}, "unknown_time_zone"),
    ],
)
def test_what_can_not_be_chosen(anna: User, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ConsoleError) as refused:
        preferences_update(anna.to_actor(), **given)
    assert refused.value.code == code
    assert not Preferences.objects.exists()


def test_only_people_choose() -> None:
    with pytest.raises(ConsoleError) as refused:
        preferences_update(system_actor("tests"), declined=[])
    assert refused.value.code == "only_people"


# --- Quiet hours ----------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2027-01-15T20:59", "2027-01-15T20:59"),  # 21:59 in Berlin
        ("2027-01-15T21:00", "2027-01-16T06:00"),
        ("2027-01-16T05:59", "2027-01-16T06:00"),
        ("2027-01-16T06:00", "2027-01-16T06:00"),
        ("2027-03-27T22:00", "2027-03-28T05:00"),  # the clocks are put forward that night
        ("2027-10-30T21:00", "2027-10-31T06:00"),  # and back
    ],
)
def test_quiet_hours_are_those_of_the_persons_clocks(now: str, due: str) -> None:
    chosen = Preferences(quiet_from=time(22), quiet_to=time(7), time_zone="Europe/Berlin")
    assert due_at(SEND, chosen, at(now)) == at(due)


def test_quiet_hours_within_a_day() -> None:
    chosen = Preferences(quiet_from=time(12), quiet_to=time(13, 30), time_zone="UTC")
    assert due_at(SEND, chosen, at("2027-01-15T12:40")) == at("2027-01-15T13:30")
    assert due_at(SEND, chosen, at("2027-01-15T13:30")) == at("2027-01-15T13:30")


@pytest.fixture
def urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a kind of incidents is declared."""
    from dataclasses import replace

    monkeypatch.setitem(KINDS, SEND.name, replace(SEND, is_urgent=True))


def be_quiet(person: User) -> None:
    """All the day but one minute that is hours away."""
    now = timezone.now()
    begin = (now - timedelta(hours=2)).time().replace(second=0, microsecond=0)
    end = (now + timedelta(hours=2)).time().replace(second=0, microsecond=0)
    preferences_update(
        person.to_actor(), declined=[], quiet_from=begin, quiet_to=end, time_zone="UTC"
    )


def test_what_comes_in_quiet_hours_leaves_at_their_end_and_once(
    post: MailServer, anna: User, large: Large
) -> None:
    be_quiet(anna)
    large()
    tell()
    later(500)
    tell()
    assert post.taken == []
    assert to("anna") == [("asked", "waiting")]  # no reminder of what was not said yet
    now_due()
    tell()
    assert len(post.taken) == 1


def test_quiet_hours_do_not_hold_incidents(
    post: MailServer, anna: User, large: Large, urgent: None
) -> None:
    be_quiet(anna)
    large()
    tell()
    assert post.recipients == [anna.email]


# --- Reminder and escalation ----------------------------------------------------------------------


def test_reminder_and_then_escalation_to_all_who_can_decide(
    post: MailServer, anna: User, bert: User, large: Large, channel: Receiver
) -> None:
    preferences_update(bert.to_actor(), declined=["send.awaiting_approval mail"])
    send = large()
    tell()
    later(29)
    tell()
    assert (to("anna"), to("bert")) == ([("asked", "sent")], [])
    later(31)
    tell()
    tell()
    assert to("anna") == [("asked", "sent"), ("reminded", "sent")]
    assert to("bert") == []
    assert channel.received == []
    later(61)
    tell()
    tell()
    assert to("anna")[-1] == ("escalated", "sent")
    assert to("bert") == [("escalated", "sent")]
    assert len(channel.received) == 1
    subjects = [
        str(mail["Subject"]).strip().removeprefix("[Notice Console] ") for mail in post.taken
    ]
    asked = "Sue asks to send “Notice large” to 3 chats"
    assert subjects == [
        asked,
        f"Reminder: {asked}",
        *[f"Nobody has decided yet: {asked}"] * 2,
    ]
    later(10_000)
    tell()
    assert len(post.taken) == 4
    send_approve(anna.to_actor(), send)


def test_what_is_decided_is_not_reminded_of(
    post: MailServer, anna: User, large: Large, settings: Any
) -> None:
    send = large()
    tell()
    later(61)
    send_approve(anna.to_actor(), send)  # and the ledger is not read before it is pressed
    matters_press()
    deliver()
    assert statuses() == [("asked", "sent")]


def test_zero_minutes_mean_never(post: MailServer, anna: User, large: Large, settings: Any) -> None:
    settings.REMIND_AFTER = settings.ESCALATE_AFTER = 0
    large()
    tell()
    later(10_000)
    tell()
    assert statuses() == [("asked", "sent")]


# --- Stand-ins ------------------------------------------------------------------------------------


def stand_in(person: User, other: User, *, begins: float = -1, ends: float = 10) -> StandIn:
    now = database_now()
    return stand_in_name(
        person.to_actor(),
        stand_in=other,
        begins_at=now + timedelta(hours=begins),
        ends_at=now + timedelta(hours=ends),
    )


def test_a_stand_in_gets_the_mails_too(
    post: MailServer, anna: User, bert: User, large: Large
) -> None:
    preferences_update(bert.to_actor(), declined=["send.awaiting_approval mail"])
    stand_in(anna, bert)
    large()
    tell()
    assert sorted(post.recipients) == [anna.email, bert.email]
    (row,) = Notification.objects.filter(person=bert)
    assert row.absent == anna
    said = {mail["To"]: mail.get_body(("plain",)).get_content() for mail in post.taken}
    assert "in the stead of Anna, who has named you" in said[bert.email]
    assert "in the stead of" not in said[anna.email]


@pytest.mark.parametrize(("begins", "ends"), [(1, 10), (-10, 0.0001)])
def test_before_and_after_it_a_stand_in_gets_none(
    post: MailServer, anna: User, bert: User, large: Large, begins: float, ends: float
) -> None:
    preferences_update(bert.to_actor(), declined=["send.awaiting_approval mail"])
    row = stand_in(anna, bert, begins=begins, ends=ends)
    StandIn.objects.filter(pk=row.pk, ends_at__lt=database_now() + timedelta(hours=1)).update(
        ends_at=database_now()
    )
    large()
    tell()
    assert post.recipients == [anna.email]


def test_a_stand_in_hears_only_what_they_may_decide(
    post: MailServer, anna: User, make_user: Callable[..., User], large: Large
) -> None:
    """The send is the stand-in's own: they may not decide on it, whoever named them."""
    both = addressed(make_user("both", Role.SUPERVISOR, Role.APPROVER))
    stand_in(anna, both)
    large(both)
    tell()
    assert post.recipients == [anna.email]


def test_stand_ins_are_in_the_trail_and_can_be_ended(anna: User, bert: User) -> None:
    begun, ahead = stand_in(anna, bert), stand_in(anna, bert, begins=5)
    for row in (begun, ahead):
        stand_in_end(anna.to_actor(), row.pk)
    left = StandIn.objects.get()
    assert left.pk == begun.pk
    assert left.is_over(database_now())
    entries = AuditEntry.objects.filter(action__startswith="user.stand_in").order_by("seq")
    assert [(entry.action, entry.data["stand_in"]) for entry in entries] == [
        *[("user.stand_in_named", "bert")] * 2,
        *[("user.stand_in_ended", "bert")] * 2,
    ]


def test_who_can_be_no_stand_in(anna: User, bert: User, editor: User, supervisor: User) -> None:
    for person, other, hours, code in (
        (anna, anna, (0, 1), "own_stand_in"),
        (anna, editor, (0, 1), "stand_in_without_role"),
        (supervisor, anna, (0, 1), "stand_in_without_role"),
        (editor, anna, (0, 1), "nothing_to_decide"),
        (anna, bert, (5, 4), "stand_in_ends_early"),
        (anna, bert, (-5, -4), "stand_in_ends_early"),
        (anna, bert, (0, 24 * 400), "stand_in_too_long"),
    ):
        with pytest.raises(ConsoleError) as refused:
            stand_in(person, other, begins=hours[0], ends=hours[1])
        assert refused.value.code == code
    assert not StandIn.objects.exists()
    row = stand_in(anna, bert)
    with pytest.raises(ConsoleError) as refused:
        stand_in_end(bert.to_actor(), row.pk)
    assert refused.value.code == "stand_in_not_found"


# --- Kinds ----------------------------------------------------------------------------------------


def test_another_kind_is_one_declaration(
    monkeypatch: pytest.MonkeyPatch,
    post: MailServer,
    channel: Receiver,
    supervisor: User,
) -> None:
    """As incidents add theirs: here "somebody stopped all sending" waits for supervisors."""
    from console.actors import Permission
    from console.audit.actions import Action
    from console.sends.control.stop_switch import sending_restart, sending_stop

    addressed(supervisor)
    monkeypatch.setitem(
        KINDS,
        "sending.stopped",
        kinds.Kind(
            name="sending.stopped",
            label=SEND.label,
            words=SEND.words,
            permission=Permission.SEND,
            opened_by=frozenset({Action.SENDING_STOPPED}),
            ended_by=frozenset({Action.SENDING_RESTARTED}),
            subjects=lambda entries: {
                entry.target_ref: kinds.Subject("All sending") for entry in entries
            },
            decidable=lambda _actor, refs: set(refs or ()) if sending_stopped() else set(),
            queue=lambda _actor: SendingStop.objects.values("pk"),
            link=lambda _ref: "/board/",
            page="board",
            event=lambda _entry: {},
            event_schema={},
            is_urgent=True,
        ),
    )
    root = system_actor("tests")
    sending_stop(root, reason="A secret reason")
    tell()
    assert post.recipients == [supervisor.email]
    assert len(channel.received) == 1
    assert b"A secret reason" not in channel.received[0].body
    assert "A secret reason" not in post.taken[0].as_string()
    sending_restart(root)
    matters_gather()
    assert not Matter.objects.filter(ended_at=None).exists()
