"""Incidents: their stages reach exactly whom they say, once, and by ordinary sends."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_retire
from console.errors import Conflict, ConsoleError, InvalidInput, PermissionRefused, Unprocessable
from console.incidents.models import Incident, Playbook, Stage, StageTarget
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import (
    incident_close,
    incident_confirm,
    incident_start,
    stage_pause,
    stage_resume,
    stage_start,
    start_plan,
    start_version,
)
from console.incidents.services.stages import Choice, stage_plan
from console.interactions.models import ChatServer, Interaction
from console.sends.control.approval import send_approve
from console.sends.models import Delivery, DeliveryStatus, Send, SendStatus
from console.sends.plan.promise import Promise
from tests.incidents.incident_world import (
    KNOWN,
    SALES,
    SOLVED,
    chat_server,
    made,
    make_payments,
    payments,
    start,
    supervisor,
    team,
)
from tests.support.factories import REVIEWER, make_playbook
from tests.support.working import work

__all__ = ["chat_server", "made", "payments", "supervisor", "team"]  # fixtures

pytestmark = pytest.mark.django_db

Make = Callable[..., Interaction]


@pytest.fixture
def sales(make_interaction: Make) -> list[str]:
    for name in ("s1", "s2", "s3"):
        make_interaction(name, queue="sales")
    make_interaction("b1", queue="billing")
    return ["s1", "s2", "s3"]


def reached(incident: Incident, position: int) -> set[str]:
    stage = incident.stages.get(position=position)
    return set(stage.targets.values_list("interaction_id", flat=True))


def set_status(status: str, *chats: str, **of: Any) -> None:
    """Let deliveries have ended so."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        found = Delivery.objects.filter(interaction_id__in=chats, **of)
        found.update(status=status, finished_at=timezone.now(), claim=None)
        cursor.execute(
            "DELETE FROM sends_outbox WHERE delivery_id = ANY(%s)",
            [list(found.values_list("pk", flat=True))],
        )
        cursor.execute("SET session_replication_role = origin")


# --- Starting ------------------------------------------------------------------------------------


def test_the_first_stage_is_an_ordinary_send(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, payments)
    assert reached(incident, 1) == set(sales)
    send = Send.objects.get()
    stage = incident.stages.get()
    assert (send.incident_id, send.stage_id) == (incident.pk, stage.pk)
    assert send.target == {"audience": SALES}
    assert send.why == "Playbook payments: Known"
    assert stage.due_at is not None
    actions = list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))[-3:]
    assert sorted(actions) == ["incident.stage_started", "incident.started", "send.created"]
    made = AuditEntry.objects.get(action="send.created")
    assert (made.data["incident"], made.data["stage"]) == (incident.pk, stage.pk)


def test_a_playbook_runs_once(payments: Playbook, sales: list[str], supervisor: User) -> None:
    incident = start(supervisor, payments)
    with pytest.raises(Conflict) as refused:
        start(supervisor, payments)
    assert refused.value.code == "incident_running"
    assert refused.value.details == {"incident": incident.pk}
    assert Send.objects.count() == 1
    incident_close(supervisor.to_actor(), incident, word="Solved.")
    assert start(supervisor, payments).pk != incident.pk


def test_it_needs_a_reason_and_a_published_playbook(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    for why in ("", " ", "x" * 501):
        with pytest.raises(InvalidInput):
            incident_start(supervisor.to_actor(), payments, why=why)
    payments.retired_at = timezone.now()
    with pytest.raises(Unprocessable):
        start(supervisor, payments)
    assert not Incident.objects.exists()


def test_others_can_not_start_it(
    payments: Playbook, sales: list[str], editor: User, approver: User, auditor: User
) -> None:
    for person in (editor, approver, auditor):
        with pytest.raises(PermissionRefused):
            start(person, payments)


def test_a_preview_is_an_upper_bound(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    actor = supervisor.to_actor()
    plan = start_plan(actor, start_version(payments), answers={})
    assert plan is not None
    make_interaction("late", queue="sales")
    incident = start(supervisor, payments, chosen=Choice(Promise.of(plan).written()))
    assert reached(incident, 1) == set(sales)
    # Whoever came later gets it as one who newly matches.
    assert incidents_follow()
    assert reached(incident, 1) == {*sales, "late"}


def test_it_can_start_before_anybody_matches(payments: Playbook, supervisor: User) -> None:
    assert start_plan(supervisor.to_actor(), start_version(payments), answers={}) is None
    incident = start(supervisor, payments)
    assert not Send.objects.exists()
    assert reached(incident, 1) == set()


def test_answers_are_asked_once_for_all_stages(
    make_notice: Callable[..., Any], chat_server: ChatServer, sales: list[str], supervisor: User
) -> None:
    hour = {"name": "hour", "label": "Hour", "type": "text", "required": True}
    cause = {"name": "cause", "label": "Cause", "type": "text", "required": True}
    make_notice("We expect it at {{ field.hour }}.", key="known", fields=[hour])
    make_notice("It was {{ field.cause }}.", key="solved", fields=[hour, cause])
    playbook = make_playbook("asks", SALES, KNOWN, SOLVED)
    for answers in ({}, {"hour": "12"}, {"hour": "12", "cause": "a", "other": "b"}):
        with pytest.raises(ConsoleError):
            start(supervisor, playbook, answers=answers)
    assert not Incident.objects.exists()
    incident = start(supervisor, playbook, answers={"hour": "12", "cause": "a cable"})
    assert Delivery.objects.filter(body="We expect it at 12.").count() == 3
    set_status("delivered", *sales)
    stage_start(supervisor.to_actor(), incident, 2)
    assert Delivery.objects.filter(body="It was a cable.").count() == 3


# --- Standing ------------------------------------------------------------------------------------


def test_chats_that_newly_match_get_it_once(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    incident = start(supervisor, payments)
    make_interaction("new", queue="sales")
    make_interaction("other", queue="billing")
    for _step in range(3):
        assert incidents_follow()
    assert reached(incident, 1) == {*sales, "new"}
    assert Counter(Delivery.objects.values_list("interaction_id", flat=True)) == Counter(
        [*sales, "new"]
    )
    # One that changes so that it matches is new as well.
    make_interaction("b1", queue="sales")
    incidents_follow()
    assert reached(incident, 1) == {*sales, "new", "b1"}


def test_a_skipped_chat_has_its_reason_and_is_tried_again(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_interaction: Make,
    settings: Any,
) -> None:
    incident = start(supervisor, payments)
    make_interaction("away", queue="sales", is_online=False)
    incidents_follow()
    target = StageTarget.objects.get(interaction_id="away")
    assert (target.delivery.status, target.delivery.reason) == ("skipped", "offline")
    make_interaction("away", queue="sales", is_online=True)
    incidents_follow()
    assert Delivery.objects.filter(interaction_id="away").count() == 1  # not at once
    StageTarget.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
    incidents_follow()
    target.refresh_from_db()
    assert target.delivery.status == "pending"
    assert Delivery.objects.filter(interaction_id="away").count() == 2
    StageTarget.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
    incidents_follow()
    assert Delivery.objects.filter(interaction_id="away").count() == 2
    assert reached(incident, 1) == {*sales, "away"}


def test_who_moved_while_the_preview_was_read_newly_matches_later(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    make_interaction("away", queue="sales", is_online=False)
    actor = supervisor.to_actor()
    plan = start_plan(actor, start_version(payments), answers={})
    assert plan is not None
    # One comes back before the button is pressed, one goes to another queue.
    Interaction.objects.filter(pk="away").update(is_online=True)
    Interaction.objects.filter(pk="s1").update(queue="billing")
    start(supervisor, payments, chosen=Choice(expected_plan=Promise.of(plan).written()))
    reasons = dict(Delivery.objects.exclude(reason="").values_list("interaction_id", "reason"))
    assert reasons == {"away": "not_previewed", "s1": "no_longer_matches"}
    Interaction.objects.filter(pk="s1").update(queue="sales")
    StageTarget.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
    incidents_follow()
    waiting = Delivery.objects.filter(status=DeliveryStatus.PENDING)
    assert sorted(waiting.values_list("interaction_id", flat=True)) == ["away", "s1", "s2", "s3"]


def test_a_paused_stage_follows_nobody_until_it_goes_on(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    incident = start(supervisor, payments)
    actor = supervisor.to_actor()
    stage_pause(actor, incident)
    make_interaction("new", queue="sales")
    assert not incidents_follow()
    assert "new" not in reached(incident, 1)
    stage_resume(actor, incident)
    assert incidents_follow()
    assert "new" in reached(incident, 1)


def test_a_stage_stops_when_its_person_may_not_send_any_more(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    incident = start(supervisor, payments)
    supervisor.is_active = False
    supervisor.save()
    make_interaction("new", queue="sales")
    incidents_follow()
    assert "new" not in reached(incident, 1)
    assert "may not send any more" in str(incident.stages.get().trouble)


def test_a_notice_that_is_retired_stops_the_stage_with_a_reason(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    incident = start(supervisor, payments)
    notice_retire(REVIEWER, Send.objects.get().version.notice)
    make_interaction("new", queue="sales")
    assert incidents_follow()
    assert "retired" in str(incident.stages.get().trouble)


# --- Stages after one another --------------------------------------------------------------------


def test_the_solved_stage_reaches_exactly_those_who_got_the_first_and_live(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    make_interaction("s4", queue="sales")
    make_interaction("s5", queue="sales")
    incident = start(supervisor, payments)
    set_status("delivered", "s1", "s2")
    set_status("unknown", "s3")
    set_status("failed", "s4")  # and nothing has gone to s5 yet
    make_interaction("s1", queue="sales", type="stopped")
    stage_start(supervisor.to_actor(), incident, 3)
    assert reached(incident, 3) == {"s2", "s3"}
    # What waited of the first stage is called off, so no older text follows.
    waited = Delivery.objects.get(interaction_id="s5")
    assert waited.status == DeliveryStatus.CANCELLED
    make_interaction("new", queue="sales")
    incidents_follow()
    assert reached(incident, 1) == {*sales, "s4", "s5"}
    assert reached(incident, 3) == {"s2", "s3"}


def test_who_gets_an_earlier_stage_late_gets_the_follow_up_too(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, payments)
    set_status("delivered", "s1", "s2")
    with connection.cursor() as cursor:  # on the wire while the next stage starts
        cursor.execute(
            "UPDATE sends_delivery SET status = 'sending', claim = gen_random_uuid() "
            "WHERE interaction_id = 's3'"
        )
    stage_start(supervisor.to_actor(), incident, 3)
    assert reached(incident, 3) == {"s1", "s2"}
    assert incidents_follow()
    assert not incident.stages.get(position=3).is_settled
    set_status("delivered", "s3")
    assert incidents_follow()
    assert reached(incident, 3) == {"s1", "s2", "s3"}
    assert incident.stages.get(position=3).is_settled
    assert not incidents_follow()


def test_no_stage_starts_twice_nor_after_a_later_one(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, payments)
    set_status("delivered", *sales)
    actor = supervisor.to_actor()
    stage_start(actor, incident, 2)
    for position in (1, 2):
        with pytest.raises(Conflict) as refused:
            stage_start(actor, incident, position)
        assert refused.value.code == "stage_started"
        with pytest.raises(Conflict):
            stage_plan(actor, incident, position)
    plan = stage_plan(actor, incident, 3)
    assert plan is not None
    stage_start(actor, incident, 3)
    with pytest.raises(ConsoleError):
        stage_start(actor, incident, 4)


def test_a_stage_for_those_who_got_none(
    make_notice: Callable[..., Any],
    chat_server: ChatServer,
    sales: list[str],
    supervisor: User,
) -> None:
    make_notice("A", key="known")
    make_notice("B", key="update")
    second = {"name": "Rest", "notice": "update", "reach": "not_got_earlier"}
    incident = start(supervisor, make_playbook("rest", SALES, KNOWN, second))
    set_status("delivered", "s1")
    set_status("failed", "s2")
    set_status("unknown", "s3")
    stage_start(supervisor.to_actor(), incident, 2)
    assert reached(incident, 2) == {"s2"}


def test_the_reviewed_version_is_sent_even_if_another_is_published(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    from console.catalogue.content import versions
    from console.catalogue.content.version_content import VersionContent
    from console.catalogue.models import CannedNotice
    from tests.support.factories import AUTHOR

    notice = CannedNotice.objects.get(key="known")
    content = VersionContent(default_locale="en", bodies={"en": "Not reviewed with it."})
    draft = versions.version_create(AUTHOR, notice, content)
    versions.version_submit(AUTHOR, draft)
    versions.version_approve(REVIEWER, draft)
    start(supervisor, payments)
    assert set(Delivery.objects.values_list("body", flat=True)) == {"We know that payments fail."}


# --- Approval and emergency ----------------------------------------------------------------------


def test_a_large_stage_awaits_approval_and_new_chats_wait_with_it(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_interaction: Make,
    settings: Any,
) -> None:
    settings.APPROVAL_ABOVE = 2
    incident = start(supervisor, payments)
    send = Send.objects.get()
    assert send.status == SendStatus.AWAITING_APPROVAL
    make_interaction("new", queue="sales")
    incidents_follow()
    assert "awaits approval" in str(incident.stages.get().trouble)
    assert "new" not in reached(incident, 1)
    send_approve(REVIEWER, send)
    incidents_follow()
    assert "new" in reached(incident, 1)
    # The approval was for the stage, so it covers who comes later.
    later = Send.objects.order_by("pk").last()
    assert later is not None
    assert (later.status, later.approved_by_name) == (SendStatus.RUNNING, "Reviewer")


def test_a_small_stage_that_grows_needs_approval(
    payments: Playbook,
    sales: list[str],
    supervisor: User,
    make_interaction: Make,
    settings: Any,
) -> None:
    settings.APPROVAL_ABOVE = 3
    incident = start(supervisor, payments)
    assert Send.objects.get().status == SendStatus.RUNNING
    make_interaction("new", queue="sales")
    incidents_follow()
    waiting = Send.objects.order_by("pk").last()
    assert waiting is not None
    assert waiting.status == SendStatus.AWAITING_APPROVAL
    incidents_follow()
    assert "awaits approval" in str(incident.stages.get().trouble)


@pytest.fixture
def emergency(payments: Playbook, settings: Any) -> Playbook:
    settings.APPROVAL_ABOVE = 2
    settings.EMERGENCY_CONFIRM_MINUTES = 5
    return make_playbook("emergency", SALES, KNOWN, SOLVED, is_for_emergency=True)


def test_an_emergency_leaves_at_once_and_pauses_unless_it_is_confirmed(
    emergency: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    incident = start(supervisor, emergency, is_emergency=True)
    send = Send.objects.get()
    assert (send.status, send.is_emergency) == (SendStatus.RUNNING, True)
    Incident.objects.update(confirm_until=timezone.now() - timedelta(seconds=1))
    make_interaction("new", queue="sales")
    incidents_follow()
    send.refresh_from_db()
    incident.refresh_from_db()
    assert send.status == SendStatus.PAUSED
    assert incident.paused_at is not None
    assert "new" not in reached(incident, 1)
    with pytest.raises(Conflict):
        stage_start(supervisor.to_actor(), incident, 2)
    with pytest.raises(PermissionRefused):
        incident_confirm(supervisor.to_actor(), incident)
    # One that paused for another reason is not resumed by the confirmation.
    other = Send.objects.get(pk=send.pk)
    other.pk, other.idempotency_key, other.pause_reason = None, "", "Too many failed."
    other.save(force_insert=True)
    incident_confirm(REVIEWER, incident)
    send.refresh_from_db()
    other.refresh_from_db()
    assert (send.status, other.status) == (SendStatus.RUNNING, SendStatus.PAUSED)
    Send.objects.filter(pk=other.pk).update(status=SendStatus.RUNNING)
    incidents_follow()
    assert "new" in reached(incident, 1)
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"incident.unconfirmed", "incident.confirmed"} <= actions


def test_the_emergency_path_is_only_for_what_was_approved_for_it(
    payments: Playbook, sales: list[str], supervisor: User, settings: Any
) -> None:
    settings.EMERGENCY_CONFIRM_MINUTES = 5
    with pytest.raises(Unprocessable):
        start(supervisor, payments, is_emergency=True)
    settings.EMERGENCY_CONFIRM_MINUTES = 0
    other = make_playbook("other", SALES, KNOWN, is_for_emergency=True)
    with pytest.raises(Unprocessable):
        start(supervisor, other, is_emergency=True)
    assert not Incident.objects.exists()


# --- Time and end --------------------------------------------------------------------------------


def test_an_overdue_update_is_recorded_once(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    start(supervisor, payments)
    incidents_follow()
    assert not AuditEntry.objects.filter(action="incident.overdue").exists()
    Stage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    incidents_follow()
    incidents_follow()
    assert AuditEntry.objects.filter(action="incident.overdue").count() == 1


def test_closing_needs_a_word_and_ends_it(
    payments: Playbook, sales: list[str], supervisor: User, make_interaction: Make
) -> None:
    incident = start(supervisor, payments)
    actor = supervisor.to_actor()
    for word in ("", " \u200b", "x" * 2001):
        with pytest.raises(InvalidInput):
            incident_close(actor, incident, word=word)
    closed = incident_close(actor, incident, word="A cable was cut.")
    make_interaction("new", queue="sales")
    assert not incidents_follow()
    for again in (
        lambda: incident_close(actor, closed, word="Again."),
        lambda: stage_start(actor, closed, 2),
        lambda: stage_pause(actor, closed),
    ):
        with pytest.raises(Conflict):
            again()
    (entry,) = AuditEntry.objects.filter(action="incident.closed")
    assert entry.data["counts"] == {"Known": 3}


def test_postgresql_keeps_what_is_over(
    payments: Playbook, sales: list[str], supervisor: User
) -> None:
    incident = start(supervisor, payments)
    incident_close(supervisor.to_actor(), incident, word="Done.")
    for statement in (
        "UPDATE incidents_incident SET closing_word = 'Other.'",
        "DELETE FROM incidents_stagetarget",
        "UPDATE incidents_playbookversion SET audience = '{\"everyone\": true}'",
        "UPDATE incidents_playbookversion SET status = 'draft'",
        "UPDATE incidents_playbookversion SET reviewer_name = 'Other'",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


# --- Together ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_supervisors_at_once_start_it_once(
    payments: Playbook, sales: list[str], supervisor: User, make_user: Callable[..., User]
) -> None:
    second = make_user("sam", "supervisor", teams=list(supervisor.teams.all()))
    people = [supervisor, second] * 2
    together = Barrier(len(people))
    said: list[int | str] = []

    def press(person: User) -> None:
        together.wait()
        try:
            said.append(start(person, payments).pk)
        except Conflict as refusal:
            said.append(refusal.code)
        finally:
            connections.close_all()

    threads = [Thread(target=press, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(type(each) for each in said) == {int: 1, str: 3}
    assert Counter(Delivery.objects.values_list("interaction_id", flat=True)) == Counter(sales)


@pytest.mark.django_db(transaction=True)
def test_a_worker_carries_it_out(
    sales: list[str],
    supervisor: User,
    simulator: Any,
    make_interaction: Make,
    make_notice: Callable[..., Any],
) -> None:
    incident = start(supervisor, make_payments(make_notice))
    work()
    make_interaction("new", queue="sales")
    incidents_follow()
    work()
    stage_start(supervisor.to_actor(), incident, 3)
    work()
    texts: dict[str, list[str]] = {}
    for entry in simulator.journalled():
        chat = next(p["value"] for p in entry["user_data"] if p["key"] == "InteractionId")
        request = {pair["key"]: pair["value"] for pair in entry["request"]}
        said = next(p["value"] for p in request["Parameters"] if p["key"] == "MessageText")
        texts.setdefault(chat, []).append(said)
    both = ["We know that payments fail.", "Payments work again."]
    assert texts == dict.fromkeys((*sales, "new"), both)
