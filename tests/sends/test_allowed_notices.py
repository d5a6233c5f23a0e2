"""A program that may send some notices sends no others: not now, not later, not again."""

import pytest
from django.utils import timezone

from console.accounts.models import ApiClient
from console.accounts.services import api_client_create, api_client_update
from console.errors import PermissionRefused
from console.sends.control.retry import send_retry_failed
from console.sends.models import DeliveryStatus, Send
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workflow(make_notice) -> ApiClient:
    """May send the notice `allowed`, and there is another."""
    make_notice("Hello", key="allowed")
    make_notice("Goodbye", key="other")
    client, _token = api_client_create(
        ROOT, name="Workflow", scopes=["send"], allowed_notices=["allowed"]
    )
    return client


@pytest.mark.parametrize("key", ["other", "no-such-notice"])
@pytest.mark.parametrize("ask", [send_create, plan_send])
def test_it_sends_no_other_notice(workflow, chat_server, chats, ask, key):
    with pytest.raises(PermissionRefused) as refused:
        ask(workflow.to_actor(), SendOrder(notice_key=key, interactions=chats(1)))
    assert refused.value.code == "notice_not_allowed"
    assert refused.value.details == {"notice": key}
    assert "Workflow" in refused.value.message
    assert not Send.objects.exists()


def test_a_notice_that_was_taken_from_it_since_is_not_sent(workflow, simulator, chats):
    send = send_create(workflow.to_actor(), SendOrder(notice_key="allowed", interactions=chats(1)))
    api_client_update(ROOT, workflow, allowed_notices=["other"])
    drain()
    delivery = send.deliveries.get()
    assert (delivery.status, delivery.reason) == (DeliveryStatus.SKIPPED, "not_allowed")
    assert delivery.detail == "The sender may not send this notice any more."
    assert simulator.journalled() == []


def test_what_it_may_send_arrives(workflow, simulator, chats):
    send = send_create(workflow.to_actor(), SendOrder(notice_key="allowed", interactions=chats(1)))
    drain()
    assert send.deliveries.get().status == DeliveryStatus.DELIVERED


def test_once_its_access_has_expired_nothing_leaves(workflow, simulator, chats):
    send = send_create(workflow.to_actor(), SendOrder(notice_key="allowed", interactions=chats(1)))
    ApiClient.objects.update(expires_at=timezone.now())
    drain()
    assert send.deliveries.get().reason == "not_allowed"
    assert simulator.journalled() == []


def test_it_does_not_try_again_what_it_may_not_send(workflow, chat_server, chats):
    send = send_create(workflow.to_actor(), SendOrder(notice_key="allowed", interactions=chats(1)))
    send.deliveries.update(status=DeliveryStatus.FAILED, finished_at=timezone.now())
    api_client_update(ROOT, workflow, allowed_notices=["other"])
    workflow.refresh_from_db()
    with pytest.raises(PermissionRefused) as refused:
        send_retry_failed(workflow.to_actor(), send)
    assert refused.value.code == "notice_not_allowed"
