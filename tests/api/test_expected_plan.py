"""What a dry run answered is the most that the send does."""

from collections.abc import Callable
from typing import Any

import pytest

from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from console.sends.models import Delivery
from tests.support.calling import Caller

REQUEST: dict[str, Any] = {"notice": "greeting", "filter": {"queue": "sales"}}


@pytest.fixture
def sender(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
    program: Callable[..., Caller],
) -> Caller:
    make_notice("Hello", key="greeting")
    make_interaction("a1", queue="sales")
    make_interaction("b1", queue="sales")
    return program("send")


def looked_at(sender: Caller) -> str:
    plan = sender.post("sends/", {**REQUEST, "dry_run": True}, status=200)
    return str(plan["expected_plan"])


def test_who_comes_stays_out_and_who_goes_is_skipped(
    sender: Caller, make_interaction: Callable[..., Interaction]
) -> None:
    expected = looked_at(sender)
    make_interaction("a1", queue="sales", type="stopped")
    make_interaction("c1", queue="sales")

    sender.post("sends/", {**REQUEST, "expected_plan": expected})

    known = dict(Delivery.objects.values_list("interaction_id", "reason"))
    assert known == {"a1": "offline", "b1": ""}


def test_another_send_is_refused_and_it_says_what(sender: Caller) -> None:
    asked = {**REQUEST, "visibility": "INT", "expected_plan": looked_at(sender)}

    refused = sender.post("sends/", asked, status=409)

    assert refused["code"] == "plan_changed"
    assert refused["details"]["changed"] == ["visibility"]


def test_what_is_no_plan_sends_nothing(sender: Caller) -> None:
    refused = sender.post("sends/", {**REQUEST, "expected_plan": "all"}, status=409)

    assert refused["code"] == "plan_unreadable"
    assert not Delivery.objects.exists()
