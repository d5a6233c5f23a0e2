"""The stop-everything switch: nothing leaves while it is on, and nothing is lost by it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from console.audit.models import AuditEntry
from console.database import notifications
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.sends.control.pausing import send_pause, send_resume
from console.sends.control.stop_switch import sending_restart, sending_stop
from console.sends.engine.record import deliveries_expire
from console.sends.models import Delivery, Outbox, Send, SendingStop, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.selectors import sending_stopped
from tests.support.entries import without_rows
from tests.support.working import statuses, work


@pytest.mark.django_db(transaction=True)
def test_nothing_leaves_while_it_is_on_and_all_of_it_afterwards(
    simulator, send, supervisor, administrator, make_interaction, make_notice
):
    sending_stop(administrator.to_actor(), reason="Wrong text in all chats")
    make_interaction("later")
    later = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key=make_notice("Later").notice.key, interactions=["later"]),
    )
    assert later.status == SendStatus.RUNNING, "sends can be made, and wait"
    work()
    assert simulator.journalled() == []
    assert statuses() == {"pending": 4}

    sending_restart(administrator.to_actor())
    work()
    assert statuses() == {"delivered": 4}
    assert set(Send.objects.values_list("status", flat=True)) == {SendStatus.FINISHED}


@pytest.mark.usefixtures("chat_server")
def test_what_waited_has_its_whole_time_again(send, administrator):
    admin = administrator.to_actor()
    sending_stop(admin, reason="Drill")
    hour_ago = timezone.now() - timedelta(hours=1)
    far = timezone.now() + timedelta(hours=1)
    first, *_others = Outbox.objects.order_by("pk")
    Outbox.objects.update(expires_at=hour_ago)
    Outbox.objects.filter(pk=first.pk).update(expires_at=far)
    assert deliveries_expire() == 0
    before = timezone.now()
    sending_restart(admin)
    assert deliveries_expire() == 0
    assert Outbox.objects.get(pk=first.pk).expires_at == far, "nothing loses time by it"
    for row in Outbox.objects.exclude(pk=first.pk):
        assert row.expires_at >= before + timedelta(seconds=120)


@pytest.mark.usefixtures("chat_server")
def test_a_paused_send_stays_paused(send, supervisor, administrator):
    send_pause(supervisor.to_actor(), send)
    hour_ago = timezone.now() - timedelta(hours=1)
    Outbox.objects.update(expires_at=hour_ago)
    sending_stop(administrator.to_actor(), reason="Drill")
    sending_restart(administrator.to_actor())
    send.refresh_from_db()
    assert send.status == SendStatus.PAUSED
    assert set(Outbox.objects.values_list("expires_at", flat=True)) == {hour_ago}
    send_resume(supervisor.to_actor(), send)
    assert deliveries_expire() == 0
    assert Delivery.objects.filter(status="pending").count() == 3


def test_everybody_can_read_who_stopped_it_and_why(administrator):
    assert sending_stopped() is None
    sending_stop(administrator.to_actor(), reason="  Wrong text  ")
    stop = sending_stopped()
    assert stop is not None
    assert (stop.actor_name, stop.reason) == ("Adam", "Wrong text")
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, without_rows(entry)) == ("sending.stopped", {"reason": "Wrong text"})
    sending_restart(administrator.to_actor())
    assert sending_stopped() is None
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.data["stopped_by"]) == ("sending.restarted", "Adam")


def test_once_on_and_once_off(administrator):
    actor = administrator.to_actor()
    with pytest.raises(Conflict) as refused:
        sending_restart(actor)
    assert refused.value.code == "not_stopped"
    sending_stop(actor, reason="One")
    with pytest.raises(Conflict) as refused:
        sending_stop(actor, reason="Two")
    assert refused.value.code == "already_stopped"
    assert SendingStop.objects.get().reason == "One"


def test_without_a_reason_it_stays_off(administrator):
    for reason, words in (("", "Say why"), ("  ", "Say why"), ("x" * 2001, "2,000")):
        with pytest.raises(InvalidInput, match=words):
            sending_stop(administrator.to_actor(), reason=reason)
    assert sending_stopped() is None


def test_only_administrators_switch(supervisor, approver, auditor, administrator):
    for person in (supervisor, approver, auditor):
        with pytest.raises(PermissionRefused):
            sending_stop(person.to_actor(), reason="Because")
    sending_stop(administrator.to_actor(), reason="Because")
    for person in (supervisor, approver, auditor):
        with pytest.raises(PermissionRefused):
            sending_restart(person.to_actor())


@pytest.mark.django_db(transaction=True)
def test_every_open_page_is_told(administrator):
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {notifications.CHANNEL}")
    try:
        sending_stop(administrator.to_actor(), reason="Because")
        told = {note.payload for note in connection.connection.notifies(timeout=60, stop_after=2)}
        assert notifications.SENDING in told
        sending_restart(administrator.to_actor())
        told = {note.payload for note in connection.connection.notifies(timeout=60, stop_after=2)}
        assert notifications.SENDING in told
    finally:
        connection.close()
