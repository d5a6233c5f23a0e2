"""Pause, resume and stop: what leaves, what waits, who may, and what the ledger says."""

from datetime import timedelta

import pytest
from django.utils import timezone

from console.errors import Conflict, PermissionRefused
from console.sends import selectors
from console.sends.control.pausing import send_cancel, send_pause, send_resume
from console.sends.engine.record import deliveries_expire, sends_finish
from console.sends.models import Delivery, Outbox, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.working import last_entry, statuses, work


@pytest.mark.django_db(transaction=True)
def test_nothing_leaves_while_paused_and_all_of_it_afterwards(simulator, send, supervisor):
    actor = supervisor.to_actor()
    paused = send_pause(actor, send)
    work()
    assert paused.status == SendStatus.PAUSED
    assert simulator.journalled() == []

    resumed = send_resume(actor, paused)
    assert resumed.status == SendStatus.RUNNING
    work()
    assert statuses() == {"delivered": 3}
    send.refresh_from_db()
    assert send.status == SendStatus.FINISHED


@pytest.mark.usefixtures("chat_server")
def test_what_was_paused_for_long_has_its_whole_time_again(send, supervisor):
    actor = supervisor.to_actor()
    send_pause(actor, send)
    hour_ago = timezone.now() - timedelta(hours=1)
    Outbox.objects.update(due_at=hour_ago, expires_at=hour_ago)
    assert deliveries_expire() == 0, "a paused send does not grow old"

    before = timezone.now()
    send_resume(actor, send)

    assert deliveries_expire() == 0
    for row in Outbox.objects.all():
        assert before <= row.due_at <= timezone.now()
        assert row.expires_at - row.due_at == timedelta(seconds=120)


@pytest.mark.usefixtures("chat_server")
def test_a_send_whose_last_came_back_while_it_was_paused_is_over_when_resumed(send, supervisor):
    actor = supervisor.to_actor()
    send_pause(actor, send)
    Delivery.objects.update(status="delivered", finished_at=timezone.now())
    Outbox.objects.all().delete()
    assert send_resume(actor, send).status == SendStatus.FINISHED


@pytest.mark.usefixtures("chat_server")
def test_a_paused_send_with_nothing_left_is_finished(send, supervisor):
    send_pause(supervisor.to_actor(), send)
    assert sends_finish() == []
    Delivery.objects.update(status="delivered", finished_at=timezone.now())
    Outbox.objects.all().delete()
    assert sends_finish() == [send.pk]


@pytest.mark.usefixtures("chat_server")
def test_the_ledger_and_the_page_are_told(send, supervisor, administrator):
    send_pause(administrator.to_actor(), send)
    entry = last_entry("send.paused")
    assert (entry.actor_name, entry.target_ref) == ("Adam", str(send.pk))
    assert entry.data == {"sender": "Sue"}
    send_resume(supervisor.to_actor(), send)
    assert last_entry("send.resumed").data == {}


@pytest.mark.usefixtures("chat_server")
def test_only_the_sender_or_an_administrator_holds_a_send_up(
    send, supervisor, outsider, auditor, administrator
):
    for act in (send_pause, send_resume, send_cancel):
        for person in (outsider, auditor):
            with pytest.raises(PermissionRefused):
                act(person.to_actor(), send)
    with pytest.raises(PermissionRefused, match="Sue or an administrator"):
        send_pause(outsider.to_actor(), send)
    send_pause(administrator.to_actor(), send)
    send_resume(administrator.to_actor(), send)
    stopped = send_cancel(administrator.to_actor(), send)
    assert (stopped.status, stopped.ended_by_name) == (SendStatus.CANCELLED, "Adam")
    assert last_entry("send.cancelled").data == {"cancelled": 3, "sender": "Sue"}


@pytest.mark.usefixtures("chat_server")
def test_a_send_is_paused_once_and_resumed_once(send, supervisor):
    actor = supervisor.to_actor()
    with pytest.raises(Conflict, match="only a paused one"):
        send_resume(actor, send)
    send_pause(actor, send)
    with pytest.raises(Conflict) as refused:
        send_pause(actor, send)
    assert refused.value.code == "send_not_running"
    send_cancel(actor, send)
    for act in (send_pause, send_resume):
        with pytest.raises(Conflict, match="cancelled"):
            act(actor, send)


@pytest.mark.usefixtures("chat_server")
def test_a_holding_send_is_undone_and_not_paused(supervisor, make_interaction, make_notice):
    make_interaction("zoe")
    make_notice(key="hello")
    actor = supervisor.to_actor()
    send = send_create(actor, SendOrder(notice_key="hello", interactions=["zoe"], undo_seconds=5))
    with pytest.raises(Conflict, match="about to send"):
        send_pause(actor, send)


@pytest.mark.usefixtures("chat_server")
def test_a_paused_send_can_be_stopped(send, supervisor):
    actor = supervisor.to_actor()
    send_pause(actor, send)
    assert send_cancel(actor, send).ended_by_name == "Sue"
    assert statuses() == {"cancelled": 3}


@pytest.mark.usefixtures("chat_server")
def test_an_administrator_sees_that_a_send_runs_and_no_texts(send, administrator, supervisor):
    actor = administrator.to_actor()
    assert [found.pk for found in selectors.sends_visible(actor)] == [send.pk]
    assert selectors.send_get(actor, send.pk).pending == 3  # type: ignore[attr-defined]
    assert list(selectors.send_deliveries(actor, send)) == []
    with pytest.raises(PermissionRefused):
        selectors.deliveries_visible(actor)
    assert selectors.send_deliveries(supervisor.to_actor(), send).count() == 3
