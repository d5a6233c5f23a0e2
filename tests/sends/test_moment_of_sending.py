"""What is looked at again in the moment of sending, whatever was true when the send was made."""

import pytest
from django.utils import timezone

from console.accounts.models import ApiClient, User
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_create, chat_server_update, feed_apply
from console.sends.control.pausing import send_cancel
from console.sends.engine.record import deliveries_expire, deliveries_follow, sends_release
from console.sends.models import DeliveryStatus, Outbox, Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT, upsert
from tests.support.working import assert_ledger_agrees, drain, statuses, work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_chat_that_ended_since_gets_nothing(simulator, chats, send_to):
    first, second = chats(2)
    send = send_to([first, second])
    feed_apply(ROOT, [upsert(first, user_data={"IsOnline": "0"})])
    feed_apply(ROOT, [upsert(second, type="stopped")])
    drain()
    assert statuses(send) == {"skipped": 2}
    assert set(send.deliveries.values_list("reason", flat=True)) == {"offline"}
    assert simulator.journalled() == []
    assert_ledger_agrees()


def test_after_a_failover_the_delivery_follows_the_chat(simulator, start_simulator, chats, send_to):
    from console.interactions.services import chat_server_create

    west = start_simulator("chat-west")
    chat_server_create(ROOT, name="chat-west", url=west.url)
    (chat,) = chats(1)
    send = send_to([chat])
    feed_apply(ROOT, [upsert(chat, user_data={"ChatServerAppName": "chat-west"})])
    drain()
    assert simulator.journalled() == []
    work()
    (entry,) = west.journalled()
    assert {p["key"]: p["value"] for p in entry["request"]}["AppName"] == "chat-west"
    assert send.deliveries.get().chat_server_name == "chat-west"
    assert statuses(send) == {"delivered": 1}


def test_a_chat_that_moved_to_an_unknown_chat_server_is_skipped(simulator, chats, send_to):
    (chat,) = chats(1)
    send = send_to([chat])
    feed_apply(ROOT, [upsert(chat, user_data={"ChatServerAppName": "chat-north"})])
    drain()
    assert send.deliveries.get().reason == "unknown_chat_server"
    assert simulator.journalled() == []


def test_a_notice_retired_since_is_not_sent(simulator, chats, send_to, make_notice):
    from console.catalogue.content.notices import notice_retire

    version = make_notice(key="late")
    send = send_to(chats(1), notice="late")
    notice_retire(ROOT, version.notice)
    drain()
    assert send.deliveries.get().reason == "expired_notice"
    assert simulator.journalled() == []


def test_a_chat_server_switched_off_since_is_not_asked_and_its_deliveries_wait(
    simulator, chats, send_to
):
    send = send_to(chats(1))
    chat_server_update(ROOT, ChatServer.objects.get(), enabled=False)
    drain()
    assert statuses(send) == {"pending": 1}
    assert simulator.journalled() == []
    chat_server_update(ROOT, ChatServer.objects.get(), enabled=True)
    drain()
    assert statuses(send) == {"delivered": 1}


def test_user_data_that_can_not_travel_is_skipped(simulator, chats, send_to):
    from console.interactions.models import Interaction

    (chat,) = chats(1)
    send = send_to([chat])
    # The feed lets no such thing in; something older may have.
    Interaction.objects.update(user_data={"Ratio": 0.5})
    drain()
    assert send.deliveries.get().reason == "invalid_user_data"
    assert simulator.journalled() == []
    assert_ledger_agrees()


def test_a_cancelled_send_leaves_nothing_for_the_drain(simulator, chats, send_to, supervisor):
    send = send_to(chats(2))
    send_cancel(supervisor.to_actor(), send)
    drain()
    assert simulator.journalled() == []
    assert statuses(send) == {"cancelled": 2}
    assert_ledger_agrees()


def test_a_holding_send_leaves_only_when_its_time_has_come(simulator, chats, send_to):
    send = send_to(chats(1), undo_seconds=5)
    drain()
    assert simulator.journalled() == []
    assert sends_release() == []
    Send.objects.update(release_at=timezone.now())
    Outbox.objects.update(due_at=timezone.now())
    assert sends_release() == [send.pk]
    work()
    assert statuses(send) == {"delivered": 1}


# --- Who sent it ---------------------------------------------------------------------------------


def test_a_sender_who_was_signed_off_sends_nothing_more(simulator, chats, send_to, supervisor):
    send = send_to(chats(1))
    User.objects.filter(pk=supervisor.pk).update(is_active=False)
    drain()
    delivery = send.deliveries.get()
    assert (delivery.status, delivery.reason) == (DeliveryStatus.SKIPPED, "not_allowed")
    assert "lost the permission" in delivery.detail
    assert simulator.journalled() == []
    assert_ledger_agrees()


def test_a_sender_who_lost_the_role_sends_nothing_more(simulator, chats, send_to, supervisor):
    send = send_to(chats(1))
    User.objects.filter(pk=supervisor.pk).update(roles=["editor"])
    drain()
    assert send.deliveries.get().reason == "not_allowed"
    assert simulator.journalled() == []


def test_a_chat_that_went_to_another_team_gets_nothing(
    simulator, make_interaction, send_to, supervisor
):
    make_interaction("c1", queue="sales")
    send = send_to(["c1"])
    supervisor.teams.clear()
    drain()
    delivery = send.deliveries.get()
    assert delivery.reason == "not_allowed"
    assert "another team" in delivery.detail


def test_a_client_whose_token_was_withdrawn_sends_nothing_more(
    simulator, chats, make_notice, make_client
):
    client, _token = make_client("send")
    key = make_notice().notice.key
    send = send_create(client.to_actor(), SendOrder(notice_key=key, interactions=chats(1)))
    ApiClient.objects.update(is_active=False)
    drain()
    assert send.deliveries.get().reason == "not_allowed"
    assert simulator.journalled() == []


# --- Time to live and fail-over ------------------------------------------------------------------


def test_what_waits_for_the_pace_alone_does_not_grow_too_old(simulator, chats, send_to):
    """A broadcast takes as long as it takes: while its Chat Server takes others, it is not late."""
    send = send_to(chats(2))
    Outbox.objects.update(expires_at=timezone.now())
    ChatServer.objects.update(progressed_at=timezone.now())
    assert deliveries_expire() == 0
    drain()
    assert statuses(send) == {"delivered": 2}


def test_progress_is_noted_where_chat_server_answers(simulator, chats, send_to):
    chat_server_update(ROOT, ChatServer.objects.get(), window=1)
    send_to(chats(3))
    before = timezone.now()
    drain()
    assert ChatServer.objects.get().progressed_at >= before


def test_what_waits_for_a_failing_chat_server_follows_its_chats_at_once(
    chat_server, start_simulator, chats, send_to
):
    west = start_simulator("chat-west")
    chat_server_create(ROOT, name="chat-west", url=west.url)
    moved, stays = chats(2)
    send = send_to([moved, stays])
    drain()
    assert ChatServer.objects.get(name="chat-east").health == "unhealthy"
    feed_apply(ROOT, [upsert(moved, user_data={"ChatServerAppName": "chat-west"})])
    assert deliveries_follow() == 1
    assert deliveries_follow() == 0
    drain("chat-west")
    assert dict(send.deliveries.values_list("interaction_id", "status")) == {
        moved: "delivered",
        stays: "pending",
    }
    assert [entry["interaction_id"] for entry in west.journalled()] == [moved]
