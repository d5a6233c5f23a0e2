"""The contact budget: a chat gets at most so many notices that its customer sees within minutes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.utils import timezone

from console.accounts.models import User
from console.catalogue.models import NoticeClass
from console.errors import Conflict
from console.interactions.models import ChatServer
from console.interactions.services import Grant, chat_server_create
from console.sends.control.retry import send_retry_failed, send_retry_unknown
from console.sends.engine import claim_budget
from console.sends.engine.claim import claim_due
from console.sends.engine.claim_budget import contacts_forget
from console.sends.evidence.people import delivery_witness
from console.sends.evidence_models import LookedIn, Resolution, Verdict
from console.sends.models import Contact, Delivery, Outbox, Send, SendStatus
from console.sends.plan.contact_budget import within_budget
from console.sends.plan.contact_settings import (
    LIMITED,
    NEVER_LIMITED,
    contact_budget,
    read_contact_budget,
)
from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder, SendPlan
from console.site import environment as env
from tests.support.demos import until
from tests.support.factories import REVIEWER, ROOT, make_interaction, make_notice
from tests.support.working import assert_ledger_agrees, last_entry, leased_step, statuses

pytestmark = pytest.mark.usefixtures("chat_server")
MINUTE = timedelta(minutes=1)
LIMITS = "routine=2/15 important=3/15"
numbers = count()


@pytest.fixture(autouse=True)
def _budget(settings: Any) -> None:
    settings.CONTACT_BUDGET = contact_budget(LIMITS)


@pytest.fixture
def sue(supervisor: User) -> Any:
    return supervisor.to_actor()


def notice(of_class: str = "routine", **content: Any) -> str:
    return make_notice(f"n{next(numbers)}", notice_class=of_class, **content).notice.key


@pytest.fixture
def create(sue: Any) -> Callable[..., Send]:
    """A send of a new notice, as any number of people may make them."""

    def make(*chats: str, of_class: str = "routine", **order: Any) -> Send:
        content = {"visibility": order.pop("visibility", "ALL")}
        key = order.pop("key", None) or notice(of_class, **content)
        return send_create(sue, SendOrder(notice_key=key, interactions=list(chats), **order))

    return make


@pytest.fixture
def look(sue: Any) -> Callable[..., SendPlan]:
    """The preview of a send of a new notice."""

    def plan(*chats: str, of_class: str = "routine", **order: Any) -> SendPlan:
        key = notice(of_class)
        return plan_send(sue, SendOrder(notice_key=key, interactions=list(chats), **order))

    return plan


def ended(send: Send, status: str = "delivered", at: datetime | None = None) -> Send:
    at = at or timezone.now()
    send.deliveries.filter(status__in=["pending", "sending"]).update(
        status=status, attempted_at=at, finished_at=at, attempts=1
    )
    Outbox.objects.filter(send=send).delete()
    Send.objects.filter(pk=send.pk).update(status=SendStatus.FINISHED, finished_at=at)
    send.refresh_from_db()
    return send


def had(plan: SendPlan) -> dict[int, int]:
    assert plan.contacts is not None
    return plan.contacts.counts


# --- The setting ---------------------------------------------------------------------------------


def test_the_setting_names_the_classes_that_there_are() -> None:
    assert {*LIMITED, NEVER_LIMITED} == set(NoticeClass.values)
    assert contact_budget("") == {}
    limits = contact_budget("  routine=2/15\n important=30/1440 ")
    assert [(name, each.number, each.minutes) for name, each in limits.items()] == [
        ("routine", 2, 15),
        ("important", 30, 1440),
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("safety=1/5", "a safety notice is never held back, so take safety out"),
        ("routine=2/15 safety=9/1", "a safety notice is never held back"),
        ("urgent=1/5", "'urgent' is no class with a limit: use important and routine"),
        ("routine=2/15 routine=3/15", "routine has two limits: keep one"),
        ("routine=0/15", "1 to 1,000 notices in 1 to 10,080 minutes"),
        ("routine=2/0", "1 to 1,000 notices in 1 to 10,080 minutes"),
        ("routine=1001/15", "1 to 1,000 notices"),
        ("routine=2/10081", "10,080 minutes"),
        ("routine", "set it to class=notices/minutes, such as routine=2/15 important=3/15"),
        ("routine=2", "set it to class=notices/minutes"),
        ("routine=-2/15", "set it to class=notices/minutes"),
        ("routine=2/15,important=3/15", "set it to class=notices/minutes"),
        ("routine=٢/15", "set it to class=notices/minutes"),
        ("2/15", "set it to class=notices/minutes"),
    ],
)
def test_a_wrong_one_stops_the_start_and_says_why(
    wrong: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSOLE_CONTACT_BUDGET", wrong)
    read_contact_budget()
    with pytest.raises(ImproperlyConfigured) as refused:
        env.stop_if_wrong()
    assert says in str(refused.value)
    assert "CONSOLE_CONTACT_BUDGET=" in str(refused.value)


# --- What counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "ago", "counts"),
    [
        ("delivered", 0 * MINUTE, True),
        ("delivered", 14.9 * MINUTE, True),
        ("delivered", 15.1 * MINUTE, False),
        ("unknown", 3 * MINUTE, True),
        ("unknown", 16 * MINUTE, False),
        ("failed", 3 * MINUTE, False),
        ("skipped", 3 * MINUTE, False),
        ("cancelled", 3 * MINUTE, False),
    ],
)
def test_what_a_chat_has_had(
    status: str, ago: timedelta, counts: bool, create: Any, look: Any
) -> None:
    make_interaction("zoe")
    ended(create("zoe"), status, timezone.now() - ago)
    assert had(look("zoe")) == {int(counts): 1}


def test_it_is_fifteen_minutes_and_no_microsecond_more(sue: Any, create: Any) -> None:
    """It counts until exactly the minutes have passed since its outcome was recorded."""
    make_interaction("zoe")
    now = timezone.now()
    for _ in range(2):
        ended(create("zoe"), at=now - 15 * MINUTE + timedelta(microseconds=1))
    order = SendOrder(notice_key=notice(), interactions=["zoe"])
    plan = plan_send(sue, order)
    targets = [target for target in plan.targets if target.reason]
    assert targets == [] or targets[0].reason == "contact_budget"  # by when that was asked
    fresh = plan_send(sue, SendOrder(notice_key=notice("safety"), interactions=["zoe"]))
    routine = SendPlan(plan.version, "ALL", "", fresh.targets)
    for micros, reason in ((-1, "contact_budget"), (0, "contact_budget"), (1, ""), (2, "")):
        at = now + timedelta(microseconds=micros)
        (target,) = within_budget(routine, release_at=at, now=at).targets
        assert target.reason == reason, micros


def test_a_chat_whose_budget_is_spent_is_skipped_and_says_until_when(
    create: Any, look: Any
) -> None:
    make_interaction("zoe")
    now = timezone.now().replace(second=20)
    ended(create("zoe"), at=now - 10 * MINUTE)
    ended(create("zoe"), at=now - 4 * MINUTE)
    (target,) = look("zoe").targets
    assert target.reason == "contact_budget"
    assert target.detail.code == "contact_budget_spent"
    params = target.detail.params
    assert (params["had"], params["limit"], params["minutes"]) == (2, 2, 15)
    # When the first of the two stops counting, to the whole minute after it.
    assert params["next_at"] == now.replace(second=0, microsecond=0) + 6 * MINUTE
    assert "has had, or is about to get, 2 of 2 notices in 15 min" in target.detail
    ended(create("zoe", of_class="safety"), at=now - 2 * MINUTE)
    (target,) = look("zoe").targets
    assert target.detail.params["had"] == 3
    assert target.detail.params["next_at"] == now.replace(second=0, microsecond=0) + 12 * MINUTE


def test_each_class_has_its_own_limit_and_all_count(create: Any, look: Any) -> None:
    make_interaction("zoe")
    ended(create("zoe", of_class="important"))
    ended(create("zoe"))
    assert look("zoe").counts == {"contact_budget": 1}
    assert had(look("zoe", of_class="important")) == {2: 1}
    ended(create("zoe", of_class="safety"))
    assert look("zoe", of_class="important").counts == {"contact_budget": 1}
    plan = look("zoe", of_class="safety")
    assert plan.counts == {"ready": 1}
    assert plan.contacts is None


def test_what_the_customer_does_not_see_neither_counts_nor_is_held_back(
    create: Any, look: Any, sue: Any
) -> None:
    make_interaction("zoe")
    for visibility in ("INT", "VIP", "INT"):
        ended(create("zoe", visibility=visibility))
    assert had(look("zoe")) == {0: 1}
    for _ in range(2):
        ended(create("zoe"))
    order = SendOrder(notice_key=notice(), interactions=["zoe"], visibility="INT")
    plan = plan_send(sue, order)
    assert (plan.counts, plan.contacts) == ({"ready": 1}, None)


def test_what_waits_counts_if_it_is_due_within_the_minutes(create: Any, look: Any) -> None:
    make_interaction("zoe")
    now = timezone.now()
    create("zoe", scheduled_at=now + 14 * MINUTE)
    assert had(look("zoe")) == {1: 1}
    create("zoe", scheduled_at=now + 20 * MINUTE)
    assert had(look("zoe")) == {1: 1}
    assert look("zoe", scheduled_at=now + 18 * MINUTE).counts == {"contact_budget": 1}
    assert had(look("zoe", scheduled_at=now + 36 * MINUTE)) == {0: 1}
    create("zoe")
    assert look("zoe").counts == {"contact_budget": 1}


def test_what_has_waited_for_long_and_what_is_on_its_way_count(create: Any, look: Any) -> None:
    make_interaction("zoe")
    send = create("zoe")
    Outbox.objects.update(due_at=timezone.now() - 60 * MINUTE)
    assert had(look("zoe")) == {1: 1}
    before = timezone.now() - 60 * MINUTE
    send.deliveries.update(status="sending", claim=uuid4(), attempted_at=before, attempts=1)
    assert had(look("zoe")) == {1: 1}


def test_an_unknown_one_counts_unless_evidence_says_that_it_did_not_arrive(
    create: Any, look: Any, sue: Any
) -> None:
    chats = [make_interaction(name).pk for name in ("zoe", "max", "kim")]
    send = ended(create(*chats), "unknown")
    said: dict[str, Any] = {"looked_in": LookedIn.TRANSCRIPT, "remark": "Looked."}
    zoe, kim = (send.deliveries.get(interaction=name) for name in ("zoe", "kim"))
    delivery_witness(sue, zoe, verdict=Verdict.NOT_DELIVERED, **said)
    delivery_witness(sue, kim, verdict=Verdict.DELIVERED, **said)
    plan = look(*chats)
    assert plan.contacts is not None
    assert plan.contacts.had == {"zoe": 0, "max": 1, "kim": 1}
    # Evidence that differs says nothing.
    delivery_witness(REVIEWER, zoe, verdict=Verdict.DELIVERED, **said)
    assert Resolution.objects.get(delivery=zoe).is_contested
    plan = look(*chats)
    assert plan.contacts is not None
    assert plan.contacts.had == {"zoe": 1, "max": 1, "kim": 1}


# --- A send --------------------------------------------------------------------------------------


def test_a_send_skips_them_too_whatever_its_sender_allows(create: Any) -> None:
    make_interaction("zoe")
    make_interaction("max")
    for _ in range(2):
        ended(create("zoe"))
    send = create("zoe", "max", ignore_recent=True)
    assert dict(send.deliveries.values_list("interaction_id", "reason")) == {
        "zoe": "contact_budget",
        "max": "",
    }
    assert last_entry("send.created").data["counts"] == {"contact_budget": 1, "ready": 1}
    skipped = last_entry("deliveries.skipped").data["deliveries"]
    assert [each["reason"] for each in skipped] == ["contact_budget"]
    detail: Any = Delivery.objects.get(send=send, interaction="zoe").detail
    assert (detail.code, detail.params["limit"]) == ("contact_budget_spent", 2)


def test_a_send_reaches_none_whose_budget_was_spent_since_its_preview(
    create: Any, sue: Any
) -> None:
    make_interaction("zoe")
    key = notice()
    order = SendOrder(notice_key=key, interactions=["zoe"])
    promise = Promise.of(plan_send(sue, order)).written()
    for _ in range(2):
        ended(create("zoe"))
    send = create("zoe", key=key, expected_plan=promise)
    assert [each.reason for each in send.deliveries.all()] == ["contact_budget"]


def test_retries_are_bound_by_it(create: Any, sue: Any, settings: Any) -> None:
    make_interaction("zoe")
    failed, unknown = ended(create("zoe"), "failed"), ended(create("zoe"), "unknown")
    ended(create("zoe"))
    with pytest.raises(Conflict, match="has had, or is about to get, 2 of 2"):
        send_retry_failed(sue, failed)
    with pytest.raises(Conflict, match="has had, or is about to get, 2 of 2"):
        send_retry_unknown(sue, unknown, may_show_twice=True)
    settings.CONTACT_BUDGET = contact_budget("routine=3/15")
    assert send_retry_failed(sue, failed).ready_count == 1


# --- A claim -------------------------------------------------------------------------------------


@pytest.fixture
def hurried(create: Any, settings: Any) -> Callable[..., Send]:
    """A send whose plan knew nothing of the others, as one that was made at the same moment."""

    def make(*chats: str, **order: Any) -> Send:
        limits, settings.CONTACT_BUDGET = settings.CONTACT_BUDGET, {}
        try:
            return create(*chats, **order)
        finally:
            settings.CONTACT_BUDGET = limits

    return make


def claimed(room: int = 100, **server: Any) -> list[int]:
    """The sends of what one step of a drain claims."""
    wire = list(Delivery.objects.filter(status="sending").values_list("pk", flat=True))
    step = leased_step(ChatServer.objects.get(**server), room=room, on_the_wire=wire)
    return [delivery.send_id for delivery in step.claimed]


def test_several_for_one_chat_in_one_step_count_together(hurried: Any) -> None:
    for name in ("zoe", "max"):
        make_interaction(name)
    sends = [hurried("zoe", "max") for _ in range(5)]
    assert sorted(claimed()) == sorted([sends[0].pk, sends[1].pk] * 2)
    assert statuses() == {"sending": 4, "skipped": 6}
    skipped = Delivery.objects.filter(status="skipped")
    assert {each.reason for each in skipped} == {"contact_budget"}
    assert {each.attempts for each in skipped} == {0}
    assert not Outbox.objects.filter(delivery__in=skipped).exists()
    assert set(Contact.objects.values_list("pk", flat=True)) == {"zoe", "max"}
    assert_ledger_agrees()


def test_from_step_to_step_they_count_too_and_a_failed_one_leaves_room(hurried: Any) -> None:
    make_interaction("zoe")
    sends = [hurried("zoe") for _ in range(3)]
    assert claimed(room=1) == [sends[0].pk]
    assert claimed(room=1) == [sends[1].pk]
    ended(sends[0])
    assert Delivery.objects.get(status="sending").send == sends[1]
    ended(sends[1], "failed")
    assert claimed(room=1) == [sends[2].pk]


def test_a_skipped_one_costs_no_token_and_others_go_in_its_place(
    hurried: Any, create: Any, chat_server: ChatServer
) -> None:
    chats = [make_interaction(f"spent{number}").pk for number in range(40)]
    for _ in range(2):
        ended(create(*chats))
    hurried(*chats)
    fresh = hurried(make_interaction("fresh").pk)
    for _ in range(2):
        grant = Grant(ChatServer.objects.get(), 1, 0.0, timezone.now())
        with transaction.atomic():
            step, endings = claim_due(grant, claim=uuid4())
        if step.claimed:
            break
        seen = [ending.delivery.id for ending in endings]
        assert len(seen) >= 1
    assert [delivery.send_id for delivery in step.claimed] == [fresh.pk]
    assert {ending.reason for ending in endings} <= {"contact_budget"}
    assert {ending.delivery.attempts for ending in endings} <= {0}


def test_safety_passes_and_counts(hurried: Any) -> None:
    make_interaction("zoe")
    routine = [hurried("zoe") for _ in range(3)]
    safety = [hurried("zoe", of_class="safety") for _ in range(3)]
    taken = claimed()
    assert set(taken) >= {send.pk for send in safety}
    assert len(set(taken) & {send.pk for send in routine}) <= 2


def test_staff_only_deliveries_pass_a_claim(hurried: Any) -> None:
    make_interaction("zoe")
    sends = [hurried("zoe", visibility="INT") for _ in range(3)]
    assert sorted(claimed()) == [send.pk for send in sends]
    assert not Contact.objects.exists()


def test_without_the_setting_a_claim_asks_and_locks_nothing(
    hurried: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statements of the budget are all in this module."""
    make_interaction("zoe")
    sends = [hurried("zoe") for _ in range(3)]
    settings.CONTACT_BUDGET = {}

    def asked(sql: str, values: Any) -> Any:
        raise AssertionError(sql)

    monkeypatch.setattr(claim_budget, "execute_rows", asked)
    assert sorted(claimed()) == [send.pk for send in sends]
    assert not Contact.objects.exists()


def test_old_locks_are_forgotten() -> None:
    now = timezone.now()
    Contact.objects.create(pk="old", locked_at=now - 61 * MINUTE)
    Contact.objects.create(pk="new", locked_at=now - 59 * MINUTE)
    assert contacts_forget() == 1
    assert list(Contact.objects.values_list("pk", flat=True)) == ["new"]


# --- Two drains at once --------------------------------------------------------------------------

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%sends_contact%'
"""


def waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_chat_that_moves_while_two_drains_claim_gets_no_more(
    hurried: Any, settings: Any, chat_server: ChatServer
) -> None:
    """The second drain waits for the first one's commit, and then sees what that claimed."""
    settings.CONTACT_BUDGET = contact_budget("routine=1/15")
    west = chat_server_create(ROOT, name="chat-west", url="esp+json://127.0.0.1:9")
    make_interaction("zoe")
    first = hurried("zoe")
    east = ChatServer.objects.get(name="chat-east")

    def other() -> tuple[list[int], list[str]]:
        try:
            with transaction.atomic():
                grant = Grant(west, 5, 0.0, timezone.now())
                step, endings = claim_due(grant, claim=uuid4())
            return [each.send_id for each in step.claimed], [each.reason for each in endings]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            step, _endings = claim_due(Grant(east, 5, 0.0, timezone.now()), claim=uuid4())
            assert [each.send_id for each in step.claimed] == [first.pk]
            moved = pool.submit(_move_and_send, hurried, "zoe", "chat-west")
            moved.result()
            answer = pool.submit(other)
            until(waits)
        assert answer.result() == ([], ["contact_budget"])


def _move_and_send(hurried: Any, chat: str, name: str) -> None:
    try:
        make_interaction(chat, user_data={"ChatServerAppName": name, "InteractionId": chat})
        hurried(chat)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_two_drains_that_want_the_same_chats_in_any_order_both_end(
    hurried: Any, settings: Any, chat_server: ChatServer
) -> None:
    """They lock chats in the order of their ids, so PostgreSQL never has to end one of them."""
    settings.CONTACT_BUDGET = contact_budget("routine=1000/15")
    names = [f"c{number:02}" for number in range(30)]
    for name in names:
        make_interaction(name)
    hurried(*names)
    ids = list(Delivery.objects.values_list("pk", flat=True))

    def claim(turn: int) -> None:
        # What a claim does with its chats, which come in the order of their turns.
        try:
            mine = list(Delivery.objects.filter(pk__in=ids).select_related("send"))
            mine = mine[turn:] + mine[:turn]
            with transaction.atomic():
                budget = claim_budget.StepBudget(timezone.now())
                budget.confirm([_as_claimed(each) for each in mine])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(claim, [turn % len(names) for turn in range(200)]))


def _as_claimed(delivery: Delivery) -> Any:
    from console.sends.engine.outcomes import ClaimedDelivery

    return ClaimedDelivery(
        claim=None,
        id=delivery.pk,
        send_id=delivery.send_id,
        interaction_id=delivery.interaction_id,
        method="",
        chat_server_name="",
        body="",
        body_salt="",
        attempts=1,
        visibility="ALL",
        nickname="",
        message_type="",
        kind="",
        last_detail="",
        user_data={},
        notice_class="routine",
    )
