"""Under which name customers see a send: an approved one, or one that a second person looks at."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.catalogue.models import VisibilityPreset
from console.errors import InvalidInput, PermissionRefused, Unprocessable
from console.sends.control.approval import send_approve, send_reschedule
from console.sends.control.retry import send_retry_failed
from console.sends.models import Send, SendStatus
from console.sends.plan.nicknames import require_still_approved
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.sends.test_retry import FAILED, end
from tests.support.factories import REVIEWER

HOUR = timedelta(hours=1)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("chat_server")]


def lend(nickname, visibility="ALL", roles=(), is_approved=True):
    return VisibilityPreset.objects.create(
        name=f"Lends {nickname}",
        visibility=visibility,
        nickname=nickname,
        roles=list(roles),
        is_approved=is_approved,
    )


@pytest.fixture
def actor(supervisor, make_notice, make_interaction):
    make_notice("Hello", key="hello", nickname="Service")
    make_interaction("a")
    return supervisor.to_actor()


def ask(actor, nickname, **arguments):
    return plan_send(
        actor, SendOrder(notice_key="hello", interactions=["a"], nickname=nickname, **arguments)
    )


def test_whose_name_it_is(actor):
    lend("Billing")
    lend("Desk", "INT")
    assert (ask(actor, None).nickname, ask(actor, None).nickname_from) == ("Service", "version")
    assert ask(actor, "Service").nickname_from == "version"
    plan = ask(actor, " Billing ")
    assert (plan.nickname, plan.nickname_from, plan.nickname_preset) == (
        *("Billing", "preset", "Lends Billing"),
    )
    assert ask(actor, "Desk", visibility="INT").nickname == "Desk"
    assert ask(actor, "Desk", visibility="VIP").nickname == "Desk"


@pytest.mark.parametrize(
    "nickname", ["Your Bank – Fraud Dept", "Desk", "Waiting", "Approvers", "Sеrvice", "service"]
)
def test_a_name_that_nobody_approved_for_these_eyes(actor, nickname):
    lend("Desk", "INT")
    lend("Waiting", is_approved=False)
    lend("Approvers", roles=["approver"])
    lend("Billing")
    with pytest.raises(Unprocessable) as refused:
        ask(actor, nickname)
    assert refused.value.code == "nickname_not_approved"
    assert refused.value.details == {"field": "nickname", "approved": ["Billing", "Service"]}


@pytest.mark.parametrize("nickname", ["", " ", "\u200b", "two\nlines", "x" * 101])
def test_a_name_that_is_none(actor, settings, nickname):
    settings.FREE_NICKNAMES = True
    with pytest.raises(InvalidInput) as refused:
        ask(actor, nickname)
    assert refused.value.details == {"field": "nickname"}


def test_a_free_name_is_looked_at_by_somebody_else(actor, approver, settings):
    settings.FREE_NICKNAMES = True
    with pytest.raises(InvalidInput, match="mixes"):
        ask(actor, "Sеrvice")
    assert ask(actor, "Storm Desk").needs_approval
    send = send_create(
        actor, SendOrder(notice_key="hello", interactions=["a"], nickname="Storm Desk")
    )
    assert (send.status, send.nickname_from) == (SendStatus.AWAITING_APPROVAL, "sender")
    created = AuditEntry.objects.get(action="send.created").data
    assert (created["nickname"], created["nickname_from"]) == ("Storm Desk", "sender")
    with pytest.raises(PermissionRefused):
        send_approve(actor, send)
    approved = send_approve(approver.to_actor(), send)
    assert (approved.status, approved.nickname) == (SendStatus.RUNNING, "Storm Desk")


@pytest.mark.parametrize(
    "nickname", ["service", "Ser\u200bvice", "\u202eecivreS", "Biⅼling", "Вilling", "B\u0456lling"]
)
def test_a_free_name_that_looks_like_an_approved_one(actor, settings, nickname):
    settings.FREE_NICKNAMES = True
    lend("Billing")
    with pytest.raises(InvalidInput) as refused:
        ask(actor, nickname)
    assert (refused.value.code, refused.value.details) == ("look_alike", {"field": "nickname"})


def test_it_stays_so_at_another_time_and_at_another_try(actor, settings):
    settings.FREE_NICKNAMES = True
    later: dict[str, Any] = {"notice_key": "hello", "interactions": ["a"], "nickname": "Storm Desk"}
    send = send_create(actor, SendOrder(**later, scheduled_at=timezone.now() + HOUR))
    assert send.status == SendStatus.AWAITING_APPROVAL
    send = send_approve(REVIEWER, send)
    send = send_reschedule(actor, send, scheduled_at=timezone.now() + 2 * HOUR)
    assert send.status == SendStatus.AWAITING_APPROVAL

    send = send_create(actor, SendOrder(**later))
    send_approve(REVIEWER, send)
    end(send, FAILED)
    settings.FREE_NICKNAMES = False
    retry = send_retry_failed(actor, send)
    assert (retry.status, retry.nickname) == (SendStatus.AWAITING_APPROVAL, "Storm Desk")


def test_without_the_preset_an_approved_name_ends(actor):
    preset = lend("Billing")
    send = send_create(actor, SendOrder(notice_key="hello", interactions=["a"], nickname="Billing"))
    assert send.nickname_from == "preset"
    VisibilityPreset.objects.filter(pk=preset.pk).delete()
    with pytest.raises(Unprocessable):
        ask(actor, "Billing")


def test_a_name_that_is_approved_no_more_is_not_tried_again(actor):
    preset = lend("Billing")
    staff = lend("Desk", "INT")
    for name, visibility in (("Billing", "ALL"), ("Desk", "INT")):
        asked: dict[str, Any] = {"nickname": name, "visibility": visibility}
        send = send_create(actor, SendOrder(notice_key="hello", interactions=["a"], **asked))
        end(send, FAILED)
    desk, billing = Send.objects.order_by("-pk")
    assert send_retry_failed(actor, desk).nickname == "Desk"
    VisibilityPreset.objects.filter(pk__in=[preset.pk, staff.pk]).delete()
    with pytest.raises(Unprocessable) as refused:
        send_retry_failed(actor, billing)
    assert (refused.value.code, refused.value.details) == (
        *("nickname_not_approved", {"field": "nickname"}),
    )
    # Nor one from before it was written down whose it is.
    billing.nickname, billing.nickname_from = "Your Bank", ""
    with pytest.raises(Unprocessable):
        require_still_approved(billing)
    billing.nickname = "Service"
    require_still_approved(billing)
