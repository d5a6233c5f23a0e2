"""What sends may do by themselves or by their senders never goes round their incident: no retry, no
resume and no canary brings an older text after a newer one, or an unconfirmed emergency further."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import User
from console.accounts.services import api_client_create
from console.audit.models import AuditEntry
from console.backups.services import database_settle
from console.errors import Conflict, ConsoleError
from console.incidents.incident_file import incident_lines
from console.incidents.models import Incident, Playbook, StageTarget
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import (
    incident_close,
    incident_confirm,
    incident_start,
    stage_resume,
    stage_start,
    start_plan,
    start_version,
)
from console.incidents.services.stages import Choice
from console.interactions.models import Interaction
from console.sends.control.approval import send_approve
from console.sends.control.pausing import send_cancel, send_pause, send_resume
from console.sends.control.retry import send_retry_failed
from console.sends.engine.caution import sends_go_on
from console.sends.models import DeliveryStatus, Send, SendStatus
from console.sends.plan.promise import Promise
from tests.incidents.incident_world import (
    KNOWN,
    SALES,
    SOLVED,
    UPDATE,
    chat_server,
    made,
    payments,
    start,
    supervisor,
    team,
)
from tests.incidents.test_incidents import set_status
from tests.support.factories import REVIEWER, ROOT, make_playbook

__all__ = ["chat_server", "made", "payments", "supervisor", "team"]  # fixtures

pytestmark = pytest.mark.django_db

Make = Callable[..., Interaction]


@pytest.fixture
def sales(make_interaction: Make) -> list[str]:
    names = ["s1", "s2", "s3"]
    for name in names:
        make_interaction(name, queue="sales")
    return names


def first_send(incident: Incident) -> Send:
    return Send.objects.filter(incident_id=incident.pk).order_by("pk")[0]


def outcomes(incident: Incident, position: int) -> dict[str, str]:
    found = StageTarget.objects.filter(stage__incident=incident, stage__position=position)
    return dict(found.values_list("interaction_id", "delivery__status"))


# --- Retries -------------------------------------------------------------------------------------


def test_what_failed_of_an_earlier_stage_is_not_tried_again_after_a_newer_one(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, payments)
    actor = supervisor.to_actor()
    set_status("delivered", "s1", "s2")
    set_status("failed", "s3")
    stage_start(actor, incident, 3)
    with pytest.raises(Conflict) as refused:
        send_retry_failed(actor, first_send(incident))
    assert refused.value.code == "stage_over"
    assert not Send.objects.filter(retry_of__isnull=False).exists()


def test_a_retry_belongs_to_its_stage(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, payments)
    actor = supervisor.to_actor()
    set_status("delivered", "s1", "s2")
    set_status("failed", "s3")
    retry = send_retry_failed(actor, first_send(incident))
    stage = incident.stages.get()
    assert (retry.incident_id, retry.stage_id) == (incident.pk, stage.pk)
    # What became of it is what became of the chat, in the numbers and in the file.
    assert outcomes(incident, 1) == {"s1": "delivered", "s2": "delivered", "s3": "pending"}
    set_status("delivered", "s3", send=retry)
    (line,) = [each for each in incident_lines(actor, incident) if each.get("interaction") == "s3"]
    assert line["got_any"]
    # So it got an earlier stage.
    stage_start(actor, incident, 3)
    assert set(outcomes(incident, 3)) == {"s1", "s2", "s3"}


def test_a_newer_stage_calls_off_a_retry_that_waits(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, payments)
    actor = supervisor.to_actor()
    set_status("delivered", "s1", "s2")
    set_status("failed", "s3")
    retry = send_retry_failed(actor, first_send(incident))
    stage_start(actor, incident, 3)
    retry.refresh_from_db()
    assert retry.status == SendStatus.CANCELLED
    assert retry.deliveries.get().status == DeliveryStatus.CANCELLED
    # What became of the chat is what became of it before.
    assert outcomes(incident, 1)["s3"] == "failed"


def test_a_retry_neither_holds_up_its_stage_nor_approves_it(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_interaction: Make,
    settings: Any,
) -> None:
    incident = start(supervisor, payments)
    actor = supervisor.to_actor()
    set_status("failed", *sales)
    retry = send_retry_failed(actor, first_send(incident))
    send_cancel(actor, retry)
    make_interaction("new", queue="sales")
    incidents_follow()
    assert "new" in outcomes(incident, 1)
    settings.APPROVAL_ABOVE = 2
    again = send_retry_failed(actor, first_send(incident))
    assert again.status == SendStatus.AWAITING_APPROVAL
    send_approve(REVIEWER, again)
    for name in ("n1", "n2", "n3"):
        make_interaction(name, queue="sales")
    incidents_follow()
    newest = Send.objects.order_by("pk").last()
    assert newest is not None
    assert (newest.status, newest.approved_by_ref) == (SendStatus.AWAITING_APPROVAL, "")


# --- Emergencies ---------------------------------------------------------------------------------


@pytest.fixture
def emergency(payments: Playbook, settings: Any) -> Playbook:
    settings.APPROVAL_ABOVE = 2
    settings.EMERGENCY_CONFIRM_MINUTES = 5
    known = {**KNOWN, "canary_size": 1, "canary_minutes": 1}
    return make_playbook("emergency", SALES, known, UPDATE, SOLVED, is_for_emergency=True)


def time_is_up(incident: Incident) -> None:
    Incident.objects.filter(pk=incident.pk).update(
        confirm_until=timezone.now() - timedelta(seconds=1)
    )


def test_nobody_lets_an_unconfirmed_emergency_go_on(
    emergency: Playbook, sales: list[str], supervisor: User, administrator: User
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    time_is_up(incident)
    incidents_follow()
    send = first_send(incident)
    assert send.status == SendStatus.PAUSED
    for person in (supervisor, administrator):
        with pytest.raises(Conflict) as refused:
            send_resume(person.to_actor(), send)
        assert refused.value.code == "emergency_unconfirmed"
    incident_confirm(REVIEWER, incident)
    send.refresh_from_db()
    assert send.status == SendStatus.RUNNING


def test_what_was_paused_before_does_not_go_on_either(
    emergency: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    send = first_send(incident)
    send_pause(supervisor.to_actor(), send)
    Send.objects.update(resumes_at=timezone.now() - timedelta(seconds=1))  # as a canary does
    time_is_up(incident)
    incidents_follow()
    assert sends_go_on() == []
    with pytest.raises(Conflict):
        send_resume(supervisor.to_actor(), send)
    # A confirmation leaves it as it was: paused by its sender.
    incident_confirm(REVIEWER, incident)
    send.refresh_from_db()
    assert send.status == SendStatus.PAUSED
    assert sends_go_on() == [send.pk]


def test_what_is_held_for_its_undo_seconds_does_not_leave_unconfirmed(
    emergency: Playbook, sales: list[str], supervisor: User
) -> None:
    chosen = Choice(undo_seconds=60)
    incident = start(supervisor, emergency, is_emergency=True, chosen=chosen)
    send = first_send(incident)
    assert send.status == SendStatus.HOLDING
    time_is_up(incident)
    incidents_follow()
    send.refresh_from_db()
    assert send.status == SendStatus.PAUSED


def test_what_failed_is_not_tried_again_while_nobody_has_confirmed(
    emergency: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    set_status("failed", "s1")
    time_is_up(incident)
    incidents_follow()
    with pytest.raises(Conflict) as refused:
        send_retry_failed(supervisor.to_actor(), first_send(incident))
    assert refused.value.code == "incident_paused"


def test_no_stage_leaves_by_an_emergency_whose_time_is_up(
    emergency: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    time_is_up(incident)  # and no worker has noticed
    set_status("delivered", *sales)
    _stage, send = stage_start(supervisor.to_actor(), incident, 2)
    assert send is not None
    assert (send.status, send.is_emergency) == (SendStatus.AWAITING_APPROVAL, False)


def test_who_started_a_stage_of_an_emergency_does_not_confirm_it(
    emergency: Playbook, sales: list[str], supervisor: User, make_user: Callable[..., User]
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    other = make_user("otto", "supervisor", "approver", teams=list(supervisor.teams.all()))
    client, _token = api_client_create(ROOT, name="Desk", scopes=["send", "approve"], owner=other)
    set_status("delivered", *sales)
    stage_start(client.to_actor(), incident, 2)
    with pytest.raises(ConsoleError) as refused:
        incident_confirm(other.to_actor(), incident)
    assert refused.value.code == "own_work"
    incident_confirm(REVIEWER, incident)


def test_a_stage_of_the_confirmers_own_client_is_not_covered_by_their_word(
    emergency: Playbook, sales: list[str], supervisor: User, make_user: Callable[..., User]
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    other = make_user("otto", "supervisor", "approver", teams=list(supervisor.teams.all()))
    client, _token = api_client_create(ROOT, name="Desk", scopes=["send", "approve"], owner=other)
    incident_confirm(other.to_actor(), incident)
    set_status("delivered", *sales)
    _stage, send = stage_start(client.to_actor(), incident, 2)
    assert send is not None
    assert (send.status, send.approved_by_ref) == (SendStatus.AWAITING_APPROVAL, "")


# --- The end -------------------------------------------------------------------------------------


def test_what_awaits_approval_is_called_off_when_the_incident_is_closed(
    payments: Playbook, sales: list[str], supervisor: User, settings: Any
) -> None:
    settings.APPROVAL_ABOVE = 2
    incident = start(supervisor, payments)
    send = first_send(incident)
    incident_close(supervisor.to_actor(), incident, word="It was a false alarm.")
    with pytest.raises(Conflict):
        send_approve(REVIEWER, send)
    assert set(outcomes(incident, 1).values()) == {"cancelled"}


def test_an_unconfirmed_emergency_is_called_off_when_it_is_closed(
    emergency: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    time_is_up(incident)
    incidents_follow()
    incident_close(supervisor.to_actor(), incident, word="It was a false alarm.")
    assert first_send(incident).status == SendStatus.CANCELLED


# --- Following -----------------------------------------------------------------------------------


def test_who_was_left_out_by_the_preview_gets_a_standing_stage_later(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    actor = supervisor.to_actor()
    make_interaction("away", queue="sales", is_online=False)
    plan = start_plan(actor, start_version(payments), answers={})
    assert plan is not None
    seen = Promise.of(plan).written()
    make_interaction("away", queue="sales")  # comes back while the preview is read
    make_interaction("s1", queue="billing")  # and this one does not match for a while
    incident = start(supervisor, payments, chosen=Choice(expected_plan=seen))
    assert outcomes(incident, 1)["away"] == outcomes(incident, 1)["s1"] == "skipped"
    make_interaction("s1", queue="sales")
    StageTarget.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
    incidents_follow()
    assert set(outcomes(incident, 1).values()) == {"pending"}


def test_many_new_chats_are_not_too_many_for_a_small_target_limit(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_interaction: Make,
    settings: Any,
) -> None:
    settings.TARGET_LIMIT = 3
    incident = start(supervisor, payments)
    for number in range(5):
        make_interaction(f"n{number}", queue="sales")
    for _step in range(2):
        incidents_follow()
    assert len(outcomes(incident, 1)) == 8
    assert not str(incident.stages.get().trouble)


def test_an_incident_that_can_not_be_followed_holds_up_no_other(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_interaction: Make,
) -> None:
    broken = start(supervisor, payments)
    other = make_playbook("other", {"queue": "billing"}, KNOWN)
    make_interaction("b1", queue="billing")
    incident = incident_start(supervisor.to_actor(), other, why="Bills are wrong.")
    stage = broken.stages.get()
    stage.content = {**stage.content, "unknown": 1}  # of another version of the console
    stage.save(update_fields=["content"])
    make_interaction("b2", queue="billing")
    with pytest.raises(TypeError):  # and the job that failed is in the log
        incidents_follow()
    assert set(outcomes(incident, 1)) == {"b1", "b2"}


def test_who_is_tried_again_does_not_use_up_what_is_left_for_new_chats(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_interaction: Make,
    settings: Any,
) -> None:
    for name in ("a1", "a2"):
        make_interaction(name, queue="sales", is_online=False)
    incident = start(supervisor, payments)
    settings.HOURLY_QUOTA = 4  # three of them are used
    for name in ("a1", "a2"):
        make_interaction(name, queue="sales")
    StageTarget.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
    make_interaction("new", queue="sales")
    incidents_follow()
    assert outcomes(incident, 1)["new"] == "pending"
    assert outcomes(incident, 1)["a1"] == "skipped"
    assert str(incident.stages.get().trouble)


# --- After a restore -----------------------------------------------------------------------------


@pytest.fixture
def backup_without_the_last_chats(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make, settings: Any
) -> Incident:
    """What a backup has whose incident went on: "new" got the stage, and it does not know that."""
    settings.CHECKPOINTS_TO = ""  # other tests have signed entries of the same numbers
    incident = start(supervisor, payments)
    set_status("delivered", *sales)
    Send.objects.update(status=SendStatus.FINISHED, finished_at=timezone.now())
    make_interaction("new", queue="sales")
    return incident


def test_after_a_restore_no_stage_goes_on_by_itself(
    backup_without_the_last_chats: Incident, supervisor: User
) -> None:
    incident = backup_without_the_last_chats
    database_settle(ROOT)
    assert not incidents_follow()
    assert "new" not in outcomes(incident, 1)
    stage = incident.stages.get()
    assert "restored from a backup" in str(stage.trouble)
    assert AuditEntry.objects.filter(action="incident.stage_paused").count() == 1
    # A person decides, who reads what that means.
    stage_resume(supervisor.to_actor(), incident)
    incidents_follow()
    assert "new" in outcomes(incident, 1)


def test_if_nothing_was_sent_since_the_stage_stands_on(
    backup_without_the_last_chats: Incident,
) -> None:
    database_settle(ROOT, nothing_sent_since=True)
    incidents_follow()
    assert "new" in outcomes(backup_without_the_last_chats, 1)
