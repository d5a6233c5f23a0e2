"""Trying again: what failed by a click, what is unknown by a decision, and each delivery once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import Role
from console.catalogue.content.notices import notice_retire
from console.catalogue.models import VisibilityPreset
from console.errors import (
    Conflict,
    ConsoleError,
    InvalidInput,
    PermissionRefused,
    TooManyRequests,
    Unprocessable,
)
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_create, chat_server_update
from console.sends.control.approval import send_reject
from console.sends.control.pausing import send_cancel
from console.sends.control.retry import send_retry_failed, send_retry_unknown
from console.sends.engine.outcomes import Ending, Postponement
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import changing_what_has_ended, last_entry, leased_step, statuses, work

FAILED, UNKNOWN = DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN


def end(send: Send, *fates: str) -> None:
    """Give a send's deliveries their ends, in the order of its targets."""
    rows = send.deliveries.order_by("pk")
    assert len(fates) == len(rows)
    for row, fate in zip(rows, fates, strict=True):
        Delivery.objects.filter(pk=row.pk).update(
            status=fate, attempts=1, attempted_at=timezone.now(), finished_at=timezone.now()
        )
    Outbox.objects.filter(send=send).delete()
    Send.objects.filter(pk=send.pk).update(status=SendStatus.FINISHED, finished_at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_what_was_refused_arrives_the_second_time(simulator, send, supervisor):
    simulator.faults(refuse_every=2)
    work()
    assert statuses(send) == {"delivered": 2, "failed": 1}
    simulator.faults(refuse_every=0)

    retry = send_retry_failed(supervisor.to_actor(), send)
    work()

    assert statuses(retry) == {"delivered": 1}
    assert statuses(send) == {"delivered": 2, "failed": 1}, "what has ended stays as it is"
    (again,) = retry.deliveries.all()
    assert again.retry_of == send.deliveries.get(status="failed")
    taken = [entry["interaction_id"] for entry in simulator.journalled()]
    assert taken.count(again.interaction_id) == 2


@pytest.mark.usefixtures("chat_server")
def test_a_retry_is_the_same_again_where_the_chat_is_now(supervisor, make_interaction, make_notice):
    actor = supervisor.to_actor()
    make_interaction("zoe", user_data={"FirstName": "Zoë"})
    make_notice("Hello {{ data.FirstName }}", key="hi")
    VisibilityPreset.objects.create(
        name="Blue", visibility="INT", nickname="Team Blue", is_approved=True
    )
    send = send_create(
        actor,
        SendOrder(
            notice_key="hi",
            interactions=["zoe"],
            visibility="INT",
            nickname="Team Blue",
            why="Because",
        ),
    )
    end(send, FAILED)
    chat_server_create(ROOT, name="chat-west", url="esp+json://127.0.0.1:9")
    make_interaction("zoe", user_data={"FirstName": "Other", "ChatServerAppName": "chat-west"})

    retry = send_retry_failed(actor, send, undo_seconds=5)

    assert (retry.retry_of, retry.version, retry.status) == (send, send.version, "holding")
    assert (retry.visibility, retry.nickname, retry.why) == ("INT", "Team Blue", "Because")
    assert retry.nickname_from == send.nickname_from == "preset"
    assert (retry.ready_count, retry.target) == (1, {"interactions": ["zoe"]})
    first, again = send.deliveries.get(), retry.deliveries.get()
    assert again.retry_of == first
    assert (again.body, again.method, again.locale, again.customer_name) == (
        "Hello Zoë",
        "Message",
        first.locale,
        first.customer_name,
    )
    assert again.chat_server_name == "chat-west"
    assert again.body_salt not in ("", first.body_salt)
    assert again.outbox.chat_server_name == "chat-west"
    assert last_entry("send.created").data["retry_of"] == send.pk


@pytest.mark.usefixtures("chat_server")
def test_only_what_failed_and_only_once(send, supervisor):
    actor = supervisor.to_actor()
    with pytest.raises(Conflict) as refused:
        send_retry_failed(actor, send)
    assert refused.value.code == "nothing_to_retry"
    end(send, FAILED, "delivered", UNKNOWN)
    retry = send_retry_failed(actor, send)
    assert [row.interaction_id for row in retry.deliveries.all()] == ["c0"]
    with pytest.raises(Conflict) as refused:
        send_retry_failed(actor, send)
    assert refused.value.code == "nothing_to_retry"
    end(retry, FAILED)
    third = send_retry_failed(actor, retry)
    assert third.retry_of == retry
    assert Delivery.objects.count() == 5


@pytest.mark.usefixtures("chat_server")
def test_the_unknown_is_tried_again_by_a_decision_alone(send, supervisor):
    actor = supervisor.to_actor()
    end(send, FAILED, "delivered", UNKNOWN)
    with pytest.raises(InvalidInput, match="see it twice") as refused:
        send_retry_unknown(actor, send, may_show_twice=False)
    assert refused.value.code == "confirmation_needed"
    assert Send.objects.count() == 1
    retry = send_retry_unknown(actor, send, may_show_twice=True)
    assert [row.interaction_id for row in retry.deliveries.all()] == ["c2"]
    assert last_entry("send.created").data["may_show_twice"] is True
    with pytest.raises(Conflict):
        send_retry_unknown(actor, send, may_show_twice=True)


@pytest.mark.usefixtures("chat_server")
def test_who_can_not_be_reached_now_is_left_for_later(send, supervisor, make_interaction):
    actor = supervisor.to_actor()
    end(send, FAILED, FAILED, "delivered")
    make_interaction("c0", user_data={"IsOnline": "0"})
    retry = send_retry_failed(actor, send)
    skipped, ready = retry.deliveries.order_by("pk")
    assert (skipped.status, skipped.reason, skipped.retry_of) == ("skipped", "offline", None)
    assert (ready.interaction_id, ready.status) == ("c1", "pending")
    with pytest.raises(Conflict, match=r"can't be sent to now. The chat had ended"):
        send_retry_failed(actor, send)
    make_interaction("c0", user_data={"IsOnline": "1"})
    later = send_retry_failed(actor, send)
    assert [row.interaction_id for row in later.deliveries.all()] == ["c0"]


def _undone(retry, supervisor, approver):
    send_cancel(supervisor.to_actor(), retry)


def _rejected(retry, supervisor, approver):
    Send.objects.filter(pk=retry.pk).update(status=SendStatus.AWAITING_APPROVAL)
    send_reject(approver.to_actor(), retry, reason="Not now")


def _left_behind(retry, supervisor, approver):
    """Cancelled while it was taken to the wire, and come back: nothing could be written."""
    step = leased_step(ChatServer.objects.get(), claim=uuid4(), room=9)
    send_cancel(supervisor.to_actor(), retry)
    back = [Postponement(delivery, timezone.now(), "") for delivery in step.claimed]
    leased_step(ChatServer.objects.get(), claim=uuid4(), postponements=back)


def _gone_at_the_last_moment(retry, supervisor, approver):
    Interaction.objects.update(is_online=False)
    assert leased_step(ChatServer.objects.get(), claim=uuid4(), room=9).claimed == []
    Interaction.objects.update(is_online=True)


@pytest.mark.parametrize(
    "nothing_left", [_undone, _rejected, _left_behind, _gone_at_the_last_moment]
)
@pytest.mark.parametrize("status", [FAILED, UNKNOWN])
def test_of_what_a_retry_had_nothing_left_can_be_tried_again(
    chat_server, send, supervisor, approver, nothing_left, status
):
    actor = supervisor.to_actor()
    tried = {
        FAILED: lambda: send_retry_failed(actor, send),
        UNKNOWN: lambda: send_retry_unknown(actor, send, may_show_twice=True),
    }
    end(send, status, "delivered", "delivered")
    retry = tried[status]()

    nothing_left(retry, supervisor, approver)

    assert retry.deliveries.get().status in ("cancelled", "skipped")
    other = {FAILED: UNKNOWN, UNKNOWN: FAILED}[status]
    with pytest.raises(Conflict):  # what may be shown twice is not taken for what was never shown
        tried[other]()
    again = tried[status]()
    assert again.deliveries.get().retry_of == send.deliveries.get(status=status)
    with pytest.raises(Conflict):
        tried[status]()


@pytest.mark.usefixtures("chat_server")
def test_a_retry_of_which_something_left_stays_the_only_one(send, supervisor):
    """What is on the wire when it is stopped gets its true outcome."""
    actor = supervisor.to_actor()
    end(send, FAILED, "delivered", "delivered")
    retry = send_retry_failed(actor, send)
    claimed = leased_step(ChatServer.objects.get(), claim=uuid4(), room=9).claimed
    send_cancel(actor, retry)
    with pytest.raises(Conflict):
        send_retry_failed(actor, send)
    leased_step(ChatServer.objects.get(), claim=uuid4(), endings=[Ending(claimed[0], UNKNOWN)])
    assert retry.deliveries.get().retry_of == send.deliveries.get(status=FAILED)
    with pytest.raises(Conflict):
        send_retry_failed(actor, send)


@pytest.mark.usefixtures("chat_server")
def test_where_nobody_can_be_reached_nothing_is_written(send, supervisor):
    actor = supervisor.to_actor()
    end(send, FAILED, FAILED, FAILED)
    chat_server_update(ROOT, ChatServer.objects.get(), enabled=False)
    with pytest.raises(Conflict, match="None of these 3 chats can be sent to now"):
        send_retry_failed(actor, send)
    Interaction.objects.all().delete()
    with pytest.raises(Conflict, match="no such chat"):
        send_retry_failed(actor, send)
    assert Send.objects.count() == 1


@pytest.mark.usefixtures("chat_server")
def test_a_retired_notice_is_not_tried_again(send, supervisor):
    end(send, FAILED, FAILED, FAILED)
    notice_retire(ROOT, send.version.notice)
    with pytest.raises(Unprocessable, match="retired"):
        send_retry_failed(supervisor.to_actor(), Send.objects.get())


@pytest.mark.usefixtures("chat_server")
def test_its_sender_tries_again_or_an_administrator_who_may_send(
    send, supervisor, outsider, administrator, approver
):
    end(send, FAILED, UNKNOWN, UNKNOWN)
    for person in (outsider, administrator, approver):
        with pytest.raises(PermissionRefused):
            send_retry_failed(person.to_actor(), send)
        with pytest.raises(PermissionRefused):
            send_retry_unknown(person.to_actor(), send, may_show_twice=True)
    User.objects.filter(pk=administrator.pk).update(roles=[Role.ADMINISTRATOR, Role.SUPERVISOR])
    both = User.objects.get(pk=administrator.pk).to_actor()
    assert send_retry_failed(both, send).actor_name == "Adam"


@pytest.mark.usefixtures("chat_server")
def test_a_retry_keeps_to_approval_and_quota(send, supervisor, settings):
    actor = supervisor.to_actor()
    end(send, FAILED, FAILED, UNKNOWN)
    settings.HOURLY_QUOTA = 4
    with pytest.raises(TooManyRequests):
        send_retry_failed(actor, send)
    settings.HOURLY_QUOTA = 5
    settings.APPROVAL_ABOVE = 1
    assert send_retry_failed(actor, send).status == SendStatus.AWAITING_APPROVAL


@pytest.mark.usefixtures("chat_server")
def test_the_guard_knows_what_is_tried_again(
    send, supervisor, outsider, settings, make_interaction
):
    """The unknown one itself does not count, nor does what it tried again; another's send does."""
    actor = supervisor.to_actor()
    end(send, UNKNOWN, UNKNOWN, "delivered")
    other = send_create(outsider.to_actor(), SendOrder(notice_key="greeting", interactions=["c1"]))
    end(other, "delivered")
    settings.RESEND_GUARD_MINUTES = 10
    retry = send_retry_unknown(actor, send, may_show_twice=True)
    assert [
        (row.interaction_id, row.status, row.reason) for row in retry.deliveries.all()[::-1]
    ] == [
        ("c0", "pending", ""),
        ("c1", "skipped", "recently_sent"),
    ]
    Delivery.objects.filter(send=retry, status="pending").update(
        status=UNKNOWN, attempted_at=timezone.now(), finished_at=timezone.now()
    )
    third = send_retry_unknown(actor, retry, may_show_twice=True)
    assert [row.interaction_id for row in third.deliveries.all()] == ["c0"]
    with changing_what_has_ended():
        Delivery.objects.filter(send=other).update(
            attempted_at=timezone.now() - timedelta(minutes=11)
        )
    assert send_retry_unknown(actor, send, may_show_twice=True).ready_count == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guard_minutes", [0, 10])
def test_two_clicks_at_once_make_one_retry(chat_server, send, supervisor, settings, guard_minutes):
    settings.RESEND_GUARD_MINUTES = guard_minutes
    settings.HOURLY_QUOTA = 0  # which would let one through after the other as well
    end(send, FAILED, FAILED, FAILED)
    actor, clicks = supervisor.to_actor(), 4
    start = Barrier(clicks)

    def click(_number: int) -> str:
        try:
            start.wait(60)
            return f"send {send_retry_failed(actor, send).pk}"
        except ConsoleError as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(clicks) as pool:
        answers = list(pool.map(click, range(clicks)))
    retry = Send.objects.get(retry_of=send)
    assert sorted(answers) == ["nothing_to_retry"] * 3 + [f"send {retry.pk}"]
    assert retry.deliveries.count() == 3
