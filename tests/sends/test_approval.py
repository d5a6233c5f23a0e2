"""Large sends wait for a second person's word, and for another one once they have changed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import Role
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_retire
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused, Unprocessable
from console.sends import selectors
from console.sends.control import approval
from console.sends.control.approval import send_approve, send_reject, send_reschedule
from console.sends.control.pausing import send_cancel, send_pause
from console.sends.engine.record import deliveries_expire, sends_release
from console.sends.models import Delivery, Outbox, Send, SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import last_entry, statuses, work

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _few_are_many(settings):
    settings.APPROVAL_ABOVE = 2


@pytest.fixture
def large(send) -> Send:
    """Three chats, one more than leaves without approval."""
    assert send.status == SendStatus.AWAITING_APPROVAL
    return send


@pytest.fixture
def scheduled(supervisor, make_interaction, make_notice) -> Callable[..., Send]:
    """A send in an hour, to so many chats."""

    def make(chats: int) -> Send:
        ids = [make_interaction(f"s{number}").pk for number in range(chats)]
        return send_create(
            supervisor.to_actor(),
            SendOrder(
                notice_key=make_notice("Later").notice.key,
                interactions=ids,
                scheduled_at=timezone.now() + HOUR,
                time_zone="Europe/Berlin",
            ),
        )

    return make


@pytest.mark.django_db(transaction=True)
def test_nothing_leaves_before_somebody_approves_and_all_of_it_then(simulator, large, approver):
    work()
    assert sends_release(timezone.now() + HOUR) == []
    assert simulator.journalled() == []

    approved = send_approve(approver.to_actor(), large)

    assert approved.status == SendStatus.RUNNING
    assert (approved.approved_by_name, approved.approved_by_ref) == ("Anna", f"user:{approver.pk}")
    work()
    assert statuses() == {"delivered": 3}
    assert last_entry("send.approved").data["sender"] == "Sue"


@pytest.mark.usefixtures("chat_server")
def test_only_the_ready_ones_count_and_the_preview_says_so(
    supervisor, make_interaction, make_notice, settings
):
    make_notice(key="hello")
    make_interaction("a")
    make_interaction("b")
    make_interaction("gone", user_data={"IsOnline": "0"})
    actor = supervisor.to_actor()
    arguments: dict[str, Any] = {"notice_key": "hello", "interactions": ["a", "b", "gone"]}
    assert not plan_send(actor, SendOrder(**arguments)).needs_approval
    assert send_create(actor, SendOrder(**arguments)).status == SendStatus.RUNNING
    settings.APPROVAL_ABOVE = 1
    assert plan_send(actor, SendOrder(**arguments)).needs_approval
    held = send_create(actor, SendOrder(**arguments, undo_seconds=5))
    assert (held.status, held.ready_count) == (SendStatus.AWAITING_APPROVAL, 2)
    settings.APPROVAL_ABOVE = 0
    assert send_create(actor, SendOrder(**arguments)).status == SendStatus.RUNNING


@pytest.mark.usefixtures("chat_server")
def test_a_program_needs_approval_too(make_client, make_interaction, make_notice):
    client, _token = make_client("send")
    make_notice(key="hello")
    ids = [make_interaction(f"p{number}").pk for number in range(3)]
    send = send_create(client.to_actor(), SendOrder(notice_key="hello", interactions=ids))
    assert send.status == SendStatus.AWAITING_APPROVAL


@pytest.mark.usefixtures("chat_server")
def test_nobody_decides_on_their_own_send(large, supervisor, make_user):
    User.objects.filter(pk=supervisor.pk).update(roles=Role.values)
    sender = User.objects.get(pk=supervisor.pk).to_actor()
    for decide in (
        lambda: send_approve(sender, large),
        lambda: send_reject(sender, large, reason="No"),
    ):
        with pytest.raises(PermissionRefused) as refused:
            decide()
        assert refused.value.code == "own_work"
    with pytest.raises(IntegrityError, match="nobody_approves_own_send"), transaction.atomic():
        Send.objects.filter(pk=large.pk).update(status="running", approved_by_ref=sender.ref)


@pytest.mark.usefixtures("chat_server")
def test_only_approvers_decide(large, outsider, auditor, administrator, editor):
    for person in (outsider, auditor, administrator, editor):
        with pytest.raises(PermissionRefused):
            send_approve(person.to_actor(), large)
        with pytest.raises(PermissionRefused):
            send_reject(person.to_actor(), large, reason="No")


@pytest.mark.usefixtures("chat_server")
def test_approvers_see_what_awaits_them_with_its_texts_and_nothing_else(
    large, approver, supervisor, make_interaction, make_notice
):
    make_interaction("one")
    small = send_create(
        supervisor.to_actor(), SendOrder(notice_key=make_notice().notice.key, interactions=["one"])
    )
    actor = approver.to_actor()

    (waiting,) = selectors.sends_awaiting_approval(actor)
    assert (waiting.pk, waiting.pending, waiting.total) == (large.pk, 3, 3)  # type: ignore[attr-defined]
    texts = [row.body for row in selectors.send_deliveries(actor, waiting)]
    assert texts == ["Hello", "Hello", "Hello"]
    with pytest.raises(NotFound):
        selectors.send_get(actor, small.pk)
    assert list(selectors.send_deliveries(actor, small)) == []

    send_approve(actor, large)
    assert list(selectors.sends_awaiting_approval(actor)) == []
    assert selectors.send_get(actor, large.pk).approved_by_name == "Anna"


@pytest.mark.usefixtures("chat_server")
def test_a_rejected_send_is_over_and_says_why(large, approver):
    with pytest.raises(InvalidInput, match="Say why"):
        send_reject(approver.to_actor(), large, reason="  ")
    rejected = send_reject(approver.to_actor(), large, reason=" Too many at once ")
    assert rejected.status == SendStatus.CANCELLED
    assert (rejected.ended_by_name, rejected.end_note) == ("Anna", "Too many at once")
    assert statuses() == {"cancelled": 3}
    assert not Outbox.objects.exists()
    entry = last_entry("send.rejected")
    assert entry.data == {"cancelled": 3, "reason": "Too many at once", "sender": "Sue"}
    assert selectors.send_with_counts(approver.to_actor(), large).cancelled == 3  # type: ignore[attr-defined]
    with pytest.raises(Conflict) as refused:
        send_approve(approver.to_actor(), large)
    assert refused.value.code == "not_awaiting_approval"


@pytest.mark.usefixtures("chat_server")
def test_a_send_is_decided_on_once(large, approver, make_user):
    send_approve(approver.to_actor(), large)
    other = make_user("otis", Role.APPROVER).to_actor()
    for decide in (
        lambda: send_approve(other, large),
        lambda: send_reject(other, large, reason="No"),
    ):
        with pytest.raises(Conflict, match="sending"):
            decide()


@pytest.mark.usefixtures("chat_server")
def test_a_waiting_send_can_be_stopped_and_not_paused(large, supervisor):
    with pytest.raises(Conflict):
        send_pause(supervisor.to_actor(), large)
    assert send_cancel(supervisor.to_actor(), large).status == SendStatus.CANCELLED


@pytest.mark.usefixtures("chat_server")
def test_what_is_approved_late_has_its_whole_time(large, approver):
    long_ago = timezone.now() - 2 * HOUR
    Send.objects.update(release_at=long_ago)
    Outbox.objects.update(due_at=long_ago, expires_at=long_ago)
    before = timezone.now()
    approved = send_approve(approver.to_actor(), large)
    assert deliveries_expire() == 0
    assert approved.release_at >= before
    for row in Outbox.objects.all():
        assert row.due_at == approved.release_at
        assert row.expires_at == approved.release_at + timedelta(seconds=120)


@pytest.mark.usefixtures("chat_server")
def test_a_notice_retired_meanwhile_is_not_approved(large, approver):
    notice_retire(ROOT, large.version.notice)
    with pytest.raises(Unprocessable, match="retired"):
        send_approve(approver.to_actor(), Send.objects.get())
    assert Send.objects.get().status == SendStatus.AWAITING_APPROVAL
    assert send_reject(approver.to_actor(), large, reason="Retired").finished_at


# --- Schedules -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("chat_server")
def test_a_schedule_ahead_is_kept_by_its_approval(scheduled, approver):
    send = scheduled(3)
    assert send.status == SendStatus.AWAITING_APPROVAL
    approved = send_approve(approver.to_actor(), send)
    assert (approved.status, approved.release_at) == (SendStatus.SCHEDULED, send.scheduled_at)
    assert set(Outbox.objects.values_list("due_at", flat=True)) == {send.scheduled_at}
    assert sends_release() == []
    assert sends_release(send.scheduled_at) == [send.pk]


@pytest.mark.usefixtures("chat_server")
def test_a_schedule_that_passed_unapproved_leaves_with_the_approval(scheduled, approver):
    scheduled(3)
    passed = timezone.now() - HOUR
    Send.objects.update(scheduled_at=passed, release_at=passed)
    assert sends_release() == []
    assert deliveries_expire() == 0
    assert send_approve(approver.to_actor(), Send.objects.get()).status == SendStatus.RUNNING


@pytest.mark.usefixtures("chat_server")
def test_another_time_voids_the_approval(scheduled, approver, supervisor):
    send = send_approve(approver.to_actor(), scheduled(3))
    later = timezone.now() + 3 * HOUR

    moved = send_reschedule(
        supervisor.to_actor(), send, scheduled_at=later, time_zone="America/New_York"
    )

    assert moved.status == SendStatus.AWAITING_APPROVAL
    assert (moved.approved_by_ref, moved.approved_by_name, moved.approved_at) == ("", "", None)
    assert (moved.scheduled_at, moved.release_at, moved.time_zone) == (
        later,
        later,
        "America/New_York",
    )
    assert set(Outbox.objects.values_list("due_at", "expires_at")) == {
        (later, later + timedelta(seconds=120))
    }
    entry = last_entry("send.rescheduled")
    assert entry.data["approval"] == "voided"
    assert sends_release(later) == []
    assert send_approve(approver.to_actor(), moved).status == SendStatus.SCHEDULED


@pytest.mark.usefixtures("chat_server")
def test_who_saw_another_time_has_not_approved_this_one(scheduled, approver, supervisor):
    seen = scheduled(3)
    later = timezone.now() + 2 * HOUR
    send_reschedule(supervisor.to_actor(), Send.objects.get(), scheduled_at=later)
    with pytest.raises(Conflict, match="changed meanwhile"):
        send_approve(approver.to_actor(), seen)
    assert Send.objects.get().status == SendStatus.AWAITING_APPROVAL


@pytest.mark.usefixtures("chat_server")
def test_a_small_send_moves_without_approval(scheduled, supervisor):
    send = scheduled(2)
    later = timezone.now() + 3 * HOUR
    moved = send_reschedule(supervisor.to_actor(), send, scheduled_at=later)
    assert moved.status == SendStatus.SCHEDULED
    assert "approval" not in last_entry("send.rescheduled").data
    assert sends_release(later - timedelta(seconds=1)) == []
    assert sends_release(later) == [send.pk]


@pytest.mark.usefixtures("chat_server")
def test_what_was_approved_under_a_lower_limit_needs_it_again(
    scheduled, supervisor, approver, settings
):
    send = send_approve(approver.to_actor(), scheduled(3))
    settings.APPROVAL_ABOVE = 0
    moved = send_reschedule(supervisor.to_actor(), send, scheduled_at=timezone.now() + 2 * HOUR)
    assert moved.status == SendStatus.AWAITING_APPROVAL


@pytest.mark.usefixtures("chat_server")
def test_a_send_is_moved_by_its_sender_in_time_and_to_a_time_that_is_one(
    scheduled, supervisor, outsider, administrator
):
    actor = supervisor.to_actor()
    send = scheduled(1)
    later = timezone.now() + 2 * HOUR
    for person in (outsider, administrator):
        with pytest.raises(PermissionRefused):
            send_reschedule(person.to_actor(), send, scheduled_at=later)
    for wrong, words in (
        (timezone.now() - HOUR, "passed"),
        (timezone.now() + timedelta(days=400), "366 days"),
    ):
        with pytest.raises(InvalidInput, match=words):
            send_reschedule(actor, send, scheduled_at=wrong)
    with pytest.raises(InvalidInput, match="no time zone"):
        send_reschedule(actor, send, scheduled_at=later, time_zone="Mars/Olympus")
    sends_release(send.scheduled_at)
    with pytest.raises(Conflict, match="sending"):
        send_reschedule(actor, send, scheduled_at=later)
    assert Delivery.objects.count() == 1


# --- The chats that were asked for ---------------------------------------------------------------


@pytest.mark.usefixtures("chat_server")
@pytest.mark.parametrize("is_approved", [False, True])
def test_no_delivery_goes_to_another_chat(
    is_approved: bool, large: Send, approver: User, make_interaction: Callable[..., Any]
) -> None:
    """Not even by SQL with the application's role, before the approval or after it."""
    if is_approved:
        send_approve(approver.to_actor(), large)
    other = make_interaction("elsewhere").pk
    delivery = large.deliveries.earliest("pk")
    for change in ({"interaction_id": other}, {"send_id": large.pk + 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Delivery.objects.filter(pk=delivery.pk).update(**change)
    delivery.refresh_from_db()
    assert (delivery.send_id, delivery.interaction_id) != (large.pk, other)


@pytest.mark.usefixtures("chat_server")
def test_a_send_to_more_chats_than_were_asked_for_is_not_approved(
    large: Send, approver: User, make_interaction: Callable[..., Any]
) -> None:
    delivery = large.deliveries.earliest("pk")
    delivery.pk, delivery.interaction_id = None, make_interaction("elsewhere").pk
    delivery.save(force_insert=True)
    with pytest.raises(Conflict) as refused:
        send_approve(approver.to_actor(), large)
    assert refused.value.code == "send_of_other_chats"
    large.refresh_from_db()
    assert large.status == SendStatus.AWAITING_APPROVAL
    send_reject(approver.to_actor(), large, reason="Somebody changed it")


@pytest.mark.usefixtures("chat_server")
def test_an_entry_that_was_put_in_later_asks_for_no_chats(
    large: Send, approver: User, make_interaction: Callable[..., Any]
) -> None:
    delivery = large.deliveries.earliest("pk")
    delivery.pk, delivery.interaction_id = None, make_interaction("elsewhere").pk
    delivery.save(force_insert=True)
    leaves = approval._what_leaves(large)["targets_sha256"]
    asked = AuditEntry.objects.get(action=Action.SEND_CREATED, target_ref=str(large.pk))
    asked.seq = AuditEntry.objects.latest("seq").seq + 1
    asked.data = {**asked.data, "targets_sha256": leaves}
    asked.save(force_insert=True)
    with pytest.raises(Conflict) as refused:
        send_approve(approver.to_actor(), large)
    assert refused.value.code == "send_of_other_chats"
