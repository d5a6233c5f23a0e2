"""How many chats a person may send to within an hour."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from console.accounts.services import api_client_create
from console.errors import TooManyRequests
from console.sends.control.pausing import send_cancel
from console.sends.models import Delivery, Outbox, Send, SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import changing_what_has_ended

pytestmark = pytest.mark.usefixtures("chat_server")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _quota(settings):
    settings.HOURLY_QUOTA = 3


@pytest.fixture
def ids(make_interaction, make_notice):
    make_notice("Hello", key="hello")
    return [make_interaction(f"c{number}").pk for number in range(5)]


@pytest.fixture
def create(supervisor, ids):
    def make(number, who=supervisor, **arguments):
        return send_create(
            who.to_actor(), SendOrder(notice_key="hello", interactions=ids[:number], **arguments)
        )

    return make


def ago(send, span):
    with changing_what_has_ended():
        Send.objects.filter(pk=send.pk).update(created_at=timezone.now() - span)


def test_up_to_the_quota_and_no_further(create):
    create(2)
    create(1)
    with pytest.raises(TooManyRequests) as refused:
        create(1)
    assert (refused.value.code, refused.value.status) == ("quota_exceeded", 429)
    assert refused.value.details == {"limit": 3, "left": 0}
    assert 3590 <= refused.value.retry_after <= 3600
    said = "Of the 3 to which a person or a program may send within an hour 0 are left"
    assert said in str(refused.value)
    assert Send.objects.count() == 2


def test_it_says_when_enough_are_free_again(create):
    ago(create(1), 50 * MINUTE)
    ago(create(1), 30 * MINUTE)
    create(1)
    for wanted, minutes in ((1, 10), (2, 30), (3, 60)):
        with pytest.raises(TooManyRequests, match=f"in {minutes} minutes") as refused:
            create(wanted)
        assert (minutes - 1) * 60 < refused.value.retry_after <= minutes * 60


def test_what_is_an_hour_old_does_not_count(create):
    first = create(3)
    ago(first, 61 * MINUTE)
    create(3)
    with pytest.raises(TooManyRequests):
        create(1)


def test_more_than_the_quota_never_becomes_possible(create):
    with pytest.raises(TooManyRequests, match="Choose fewer chats") as refused:
        create(4)
    assert refused.value.retry_after is None
    assert refused.value.details == {"limit": 3, "left": 3}


def test_each_person_has_their_own_and_so_has_a_program(create, outsider, make_client):
    create(3)
    create(3, who=outsider)
    client, _token = make_client("send")
    create(3, who=client)
    with pytest.raises(TooManyRequests):
        create(1, who=client)


def test_a_person_and_their_programs_have_one_together(create, supervisor, outsider):
    one, two = (
        api_client_create(ROOT, name=name, scopes=["send"], owner=supervisor)[0]
        for name in ("one", "two")
    )
    create(1)
    create(1, who=one)
    create(1, who=two)
    for who in (supervisor, one, two):
        with pytest.raises(TooManyRequests):
            create(1, who=who)
    create(1, who=outsider)


def test_only_ready_ones_count(create, ids, make_interaction):
    make_interaction(ids[0], user_data={"IsOnline": "0"})
    assert create(4).ready_count == 3


def test_what_was_stopped_before_anything_left_does_not_count(create, supervisor):
    send = create(3, undo_seconds=5)
    send_cancel(supervisor.to_actor(), send)
    again = create(3)
    Delivery.objects.filter(send=again, interaction_id="c0").update(
        status="delivered", attempts=1, attempted_at=timezone.now(), finished_at=timezone.now()
    )
    Outbox.objects.filter(delivery__interaction_id="c0").delete()
    assert send_cancel(supervisor.to_actor(), again).status == SendStatus.CANCELLED
    with pytest.raises(TooManyRequests):
        create(1)


def test_the_preview_tells_of_it(create, supervisor, ids, make_client):
    create(1)
    actor = supervisor.to_actor()
    plan = plan_send(actor, SendOrder(notice_key="hello", interactions=ids[:2]))
    assert (plan.quota_left, plan.quota_refusal) == (2, None)
    plan = plan_send(actor, SendOrder(notice_key="hello", interactions=ids[:3]))
    assert plan.quota_left == 2
    assert plan.quota_refusal is not None
    assert "2 are left" in plan.quota_refusal.message
    client, _token = make_client("send")
    plan = plan_send(client.to_actor(), SendOrder(notice_key="hello", interactions=ids))
    assert plan.quota_left == 3


def test_a_repeated_request_is_not_counted_twice(create):
    first = create(3, idempotency_key="k")
    assert create(3, idempotency_key="k").pk == first.pk


def test_a_site_may_do_without_it(create, settings):
    settings.HOURLY_QUOTA = 0
    create(5)
    create(5)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_exceed_it_together(create, ids):
    start = Barrier(4)

    def click(_number):
        try:
            start.wait(60)
            return create(2).ready_count
        except TooManyRequests as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(click, range(4)))
    assert sorted(map(str, answers)) == ["2", *["quota_exceeded"] * 3]
    assert Delivery.objects.count() == 2
