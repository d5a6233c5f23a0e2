"""Deliveries that are over lie packed, and all that is said of them stays the same."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible
from console.interactions.services import feed_apply
from console.sends.control.erasure import interaction_erase
from console.sends.engine.record import deliveries_expire
from console.sends.history.filling import history_fill
from console.sends.history.resting import LOCK, deliveries_rest
from console.sends.models import Delivery, LateAnswer, Send
from tests.sends.peopled import make_first_send, make_people
from tests.support.demos import until
from tests.support.factories import ROOT, upsert
from tests.support.shared_world import shared_world
from tests.support.working import changing_what_has_ended

HERE, AT_REST = "sends_delivery", "sends_delivery_at_rest"


def rows(table: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ONLY {table} ORDER BY id")
        return cursor.fetchall()


def ids(table: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ONLY {table} ORDER BY id")
        return [pk for (pk,) in cursor.fetchall()]


def tomorrow() -> Any:
    return timezone.now() + timedelta(days=1, minutes=5)


def make_over() -> dict[str, Any]:
    people = make_people()
    send = make_first_send(people["supervisor"], 4)
    deliveries_expire(timezone.now() + timedelta(hours=1))
    Interaction.objects.update(ended_at=timezone.now())
    assert history_fill() == 1
    send.refresh_from_db()
    assert send.finished_at is not None
    return {**people, "over": send}


peopled = shared_world("peopled", make_over)


@pytest.fixture
def over(peopled: dict[str, Any]) -> Send:
    """A send of four failed deliveries, whose chats have ended."""
    send: Send = peopled["over"]
    return send


# --- The tables ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_both_tables_are_alike() -> None:
    """A migration that changes one has to change the other."""
    columns = "SELECT attname, atttypid, attnotnull, attcollation FROM pg_attribute " + (
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    indexes = (
        "SELECT regexp_replace(pg_get_indexdef(indexrelid), 'INDEX \\S+ ON (ONLY )?\\S+', '') "
        "FROM pg_index WHERE indrelid = %s::regclass ORDER BY 1"
    )
    checks = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass "
        "AND contype IN ('c', 'f') AND conname <> 'delivery_at_rest_is_over' ORDER BY 1"
    )
    # What lies at rest gives no chat back.
    triggers = (
        "SELECT regexp_replace(pg_get_triggerdef(oid), ' ON \\S+ ', ' ') FROM pg_trigger "
        "WHERE tgrelid = %s::regclass AND NOT tgisinternal "
        "AND tgname <> 'stage_target_given_back' ORDER BY 1"
    )
    with connection.cursor() as cursor:
        for asked in (columns, indexes, checks, triggers):
            cursor.execute(asked, [HERE])
            here = cursor.fetchall()
            cursor.execute(asked, [AT_REST])
            assert cursor.fetchall() == here
            assert len(here) >= 2


@pytest.mark.django_db
def test_what_is_open_is_not_looked_for_at_rest() -> None:
    plan = Delivery.objects.filter(status__in=["pending", "sending"], send_id=7).explain()
    assert AT_REST not in plan
    assert AT_REST in Delivery.objects.filter(status="failed", send_id=7).explain()


# --- What moves ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_they_move_a_day_after_their_send_is_over(over: Send) -> None:
    assert deliveries_rest() == 0
    before = rows(HERE)
    assert deliveries_rest(now=tomorrow()) == 1
    assert (rows(HERE), rows(AT_REST)) == ([], before)
    assert list(Delivery.objects.order_by("pk").values_list("pk", flat=True)) == ids(AT_REST)
    assert deliveries_rest(now=tomorrow()) == 0


@pytest.mark.django_db
def test_what_may_still_change_stays(over: Send) -> None:
    unknown, late, live, moves = over.deliveries.order_by("pk")
    with changing_what_has_ended():
        Delivery.objects.filter(pk=unknown.pk).update(status="unknown")
    LateAnswer.objects.create(delivery=late, at=timezone.now(), status="failed")
    Interaction.objects.filter(pk=live.interaction_id).update(ended_at=None)
    assert deliveries_rest(now=tomorrow()) == 1
    assert ids(HERE) == [unknown.pk, late.pk, live.pk]
    assert ids(AT_REST) == [moves.pk]


@pytest.mark.django_db
def test_a_send_waits_until_it_is_over_and_can_be_searched(make_send: Callable[..., Send]) -> None:
    make_send(1)
    assert deliveries_rest(now=tomorrow()) == 0
    deliveries_expire(timezone.now() + timedelta(hours=1))
    assert deliveries_rest(now=tomorrow()) == 0
    Interaction.objects.update(ended_at=timezone.now())
    history_fill()
    assert deliveries_rest(now=tomorrow()) == 1


# --- What does not change any more ---------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "forbidden",
    [
        f"DELETE FROM {AT_REST}",
        f"UPDATE {AT_REST} SET status = 'delivered'",
        "UPDATE sends_delivery SET body = 'another'",
        f"TRUNCATE {AT_REST}",
    ],
)
def test_what_lies_at_rest_is_kept(over: Send, forbidden: str) -> None:
    deliveries_rest(now=tomorrow())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
            cursor.execute(forbidden)


COPIED = f"INSERT INTO {AT_REST} SELECT * FROM ONLY {HERE}"
CHANGED = f"UPDATE {AT_REST} SET fault_code = 'another'"
TAKEN = f"DELETE FROM ONLY {HERE}"


@pytest.mark.django_db
@pytest.mark.parametrize("before", [[], [COPIED, CHANGED]])
def test_no_row_leaves_its_table_unless_the_other_has_it(over: Send, before: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {AT_REST} DISABLE TRIGGER ended_delivery_kept")
        for statement in before:
            cursor.execute(statement)
        with pytest.raises(IntegrityError, match="DELETE is refused"), transaction.atomic():
            cursor.execute(TAKEN)
        cursor.execute(f"ALTER TABLE {AT_REST} DISABLE TRIGGER ended_delivery_stays")
        cursor.execute(f"DELETE FROM {AT_REST}")
        cursor.execute(COPIED)
        cursor.execute(TAKEN)
    assert len(ids(AT_REST)) == 4


@pytest.mark.django_db
def test_texts_are_erased_at_rest(over: Send) -> None:
    deliveries_rest(now=tomorrow())
    delivery = over.deliveries.earliest("pk")
    assert delivery.body
    assert interaction_erase(ROOT, interaction_id=delivery.interaction_id) == 1
    delivery.refresh_from_db()
    assert (delivery.body, delivery.body_salt) == ("", "")
    assert delivery.pk in ids(AT_REST)


# --- Chats that come again -----------------------------------------------------------------------


def received(send: Send, *, live_only: bool = True) -> list[str]:
    """Return the chats of the audience "received this send"."""
    audience = Audience.from_text(f"received:send/{send.pk}=failed")
    found = interactions_visible(ROOT, audience, live_only=live_only)
    return sorted(found.values_list("pk", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_chat_that_comes_again_has_its_deliveries(over: Send, is_forgotten: bool) -> None:
    deliveries_rest(now=tomorrow())
    before = ids(AT_REST)
    chat = over.deliveries.earliest("pk").interaction_id
    assert received(over) == []
    assert len(received(over, live_only=False)) == 4
    if is_forgotten:
        Interaction.objects.all().delete()
    comes_again(chat)
    assert (ids(HERE), ids(AT_REST)) == (before[:1], before[1:])
    assert received(over) == [chat]
    assert len(received(over, live_only=False)) == (1 if is_forgotten else 4)
    assert over.deliveries.count() == 4
    assert deliveries_rest(now=tomorrow()) == 0


def comes_again(chat: str) -> None:
    """The feed says that it is live."""
    event = upsert(chat)
    event["occurred_at"] = (timezone.now() + timedelta(seconds=5)).isoformat()
    try:
        assert feed_apply(ROOT, [event]).accepted == 1
    finally:
        if not connection.in_atomic_block:
            connection.close()


# --- At once -------------------------------------------------------------------------------------


def erase(chat: str) -> None:
    try:
        interaction_erase(ROOT, interaction_id=chat)
    finally:
        connection.close()


WAIT = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


def while_they_move(work: Callable[[str], None], chat: str) -> None:
    """Let another session do this from when a worker has moved rows until it has committed."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert deliveries_rest(now=tomorrow()) == 1
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
            working = pool.submit(work, chat)
            # Within a transaction PostgreSQL would tell the same of all sessions each time.
            watched = psycopg.connect(**connection.get_connection_params(), autocommit=True)
            with watched as watching:
                waits = (
                    "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
                )
                until(lambda: working.done() or watching.execute(waits, [pid]).fetchone() != (0,))
            assert not working.done()
        working.result(60)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_an_erasure_waits_for_rows_that_move(over: Send, is_forgotten: bool) -> None:
    chat = over.deliveries.earliest("pk").interaction_id
    if is_forgotten:
        Interaction.objects.all().delete()
    while_they_move(erase, chat)
    assert over.deliveries.earliest("pk").body == ""
    assert len(ids(AT_REST)) == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_chat_that_comes_while_they_move_has_its_deliveries(
    over: Send, is_forgotten: bool
) -> None:
    chat = over.deliveries.earliest("pk").interaction_id
    if is_forgotten:
        Interaction.objects.all().delete()
    while_they_move(comes_again, chat)
    assert len(ids(HERE)) == 1
    assert received(over) == [chat]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_rows_of_a_chat_that_somebody_changes_move_later(over: Send, is_forgotten: bool) -> None:
    """The worker does not wait, so nobody waits in a circle."""
    chat = over.deliveries.earliest("pk").interaction_id
    if is_forgotten:
        Interaction.objects.all().delete()
    with psycopg.connect(**connection.get_connection_params()) as feed:
        if is_forgotten:
            feed.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [LOCK])
        else:
            feed.execute("SELECT FROM interactions_interaction WHERE id = %s FOR UPDATE", [chat])
        assert deliveries_rest(now=tomorrow()) == 0
        assert ids(AT_REST) == []
        feed.commit()
    assert deliveries_rest(now=tomorrow()) == 1
    assert len(ids(AT_REST)) == 4
