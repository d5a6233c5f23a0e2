"""The condition `received` of an audience: what was sent to a chat before."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from console.accounts.models import User
from console.errors import InvalidInput
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible
from console.sends.models import Delivery, DeliveryStatus, Resolution, Send
from console.sends.plan.planner import plan_send
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db


def seen(written: str, actor: Any = ROOT) -> set[str]:
    audience = Audience.from_text(written)
    assert Audience.from_mapping(audience.to_mapping()) == audience
    assert Audience.from_text(audience.to_text()) == audience
    return {chat.pk for chat in interactions_visible(actor, audience)}


def end(send: Send, **statuses: str) -> None:
    """Let the chats' deliveries have ended so."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for chat, status in statuses.items():
            Delivery.objects.filter(send=send, interaction_id=chat).update(
                status=status, finished_at="2026-01-01T00:00:00Z"
            )
        cursor.execute("SET session_replication_role = origin")


@pytest.fixture
def sent(make_send: Callable[..., Send], make_interaction: Callable[..., Interaction]) -> Send:
    for name in ("got", "failed", "unknown", "open", "not-sent"):
        make_interaction(name)
    send = make_send(["got", "failed", "unknown", "open"])
    end(send, got="delivered", failed="failed", unknown="unknown")
    return send


def test_by_send_notice_and_outcome(sent: Send) -> None:
    number, key = sent.pk, sent.version.notice.key
    for which in (f"send/{number}", f"notice/{key}"):
        assert seen(f"received:{which}") == {"got"}
        assert seen(f"received:{which}=unknown+failed") == {"failed", "unknown"}
        assert seen(f"received:{which}=waiting") == {"open"}
        assert seen(f"not received:{which}=delivered+failed+unknown+waiting") == {"not-sent"}
    assert seen(f"received:send/{number},send/{number}=failed") == {"got", "failed"}


@pytest.mark.parametrize("outcome", [None, "", [], [None], {}])
def test_an_unfilled_outcome_is_refused(sent: Send, outcome: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        Audience.from_mapping({"received": {"send": sent.pk, "outcome": outcome}})
    assert refused.value.code == "invalid_audience"


@pytest.mark.parametrize("written", ["send/4711", "notice/nothing"])
@pytest.mark.parametrize("prefix", ["", "not "])
def test_what_is_not_there_is_refused(sent: Send, written: str, prefix: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        seen(f"{prefix}received:{written}")
    assert refused.value.code == "invalid_audience"


def test_nobody_learns_of_a_send_that_they_do_not_see(
    sent: Send, outsider: User, supervisor: User
) -> None:
    assert seen(f"received:send/{sent.pk}", supervisor.to_actor()) == {"got"}
    with pytest.raises(InvalidInput):
        seen(f"received:send/{sent.pk}", outsider.to_actor())


@pytest.mark.parametrize(
    ("verdict", "contested", "received"),
    [
        ("delivered", False, {"got", "unknown"}),
        ("not_delivered", False, {"got"}),
        ("delivered", True, {"got"}),
    ],
)
def test_evidence_counts_instead_of_unknown(
    sent: Send, verdict: str, contested: bool, received: set[str]
) -> None:
    unknown = sent.deliveries.get(interaction_id="unknown")
    Resolution.objects.create(
        delivery=unknown, send=sent, verdict=verdict, source="person", is_contested=contested
    )
    assert seen(f"received:send/{sent.pk}") == received
    still_unknown = {"unknown"} if contested else set()
    assert seen(f"received:send/{sent.pk}=unknown") == still_unknown


def test_a_follow_up_goes_to_exactly_those(sent: Send, supervisor: User) -> None:
    audience = Audience.from_mapping({"received": {"send": sent.pk, "outcome": "unknown"}})
    order = SendOrder(
        notice_key=sent.version.notice.key, audience=audience, ignore_recent=True, why="again"
    )
    plan = plan_send(supervisor.to_actor(), order)
    assert [target.interaction_id for target in plan.targets] == ["unknown"]
    assert order.target == {
        "audience": {"received": {"send": sent.pk, "outcome": DeliveryStatus.UNKNOWN}}
    }


def test_the_history_is_looked_up_by_chat(sent: Send) -> None:
    """However long the history is, a chat's few deliveries are found by their index."""
    audience = Audience.from_text(f"not received:notice/{sent.version.notice.key}")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = interactions_visible(ROOT, audience).explain()
    # By which index, and beside a long history: tests/sends/test_audience_plans.py.
    assert re.search(r"(Index Scan using \w+|Bitmap Heap Scan) on sends_delivery", plan), plan
    assert "Seq Scan on sends_delivery" not in plan
