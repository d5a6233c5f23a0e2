"""Sends take turns, whatever the pace and the window: a small one never waits for a large one.

The turns are counted in grants, as the pace gives them, without a network and without waiting.
"""

from collections.abc import Callable
from copy import copy
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from console.interactions.models import ChatServer, Interaction
from console.interactions.services import Grant
from console.sends.engine.claim import claim_due
from console.sends.models import Send
from tests.support.turns import Turns

pytestmark = pytest.mark.django_db

# Made of another send, since a test that sends to hundreds would mostly fill in texts.
COPY = """
WITH made AS (
    INSERT INTO sends_send (actor_ref, actor_name, version_id, visibility, nickname,
        notice_class, nickname_from, target, fields, why, status, created_at, time_zone, release_at,
        target_count, ready_count, idempotency_key, request_digest, approved_by_ref,
        approved_by_name, ended_by_name, end_note)
    SELECT actor_ref, actor_name, version_id, visibility, nickname, notice_class, nickname_from,
        target, fields,
        why, 'running', clock_timestamp(), time_zone, clock_timestamp(), %(size)s, %(size)s, '',
        '', '', '', '', ''
    FROM sends_send WHERE id = %(pattern)s RETURNING id),
written AS (
    INSERT INTO sends_delivery (send_id, interaction_id, customer_name, locale, chat_locale, body,
        body_salt, method, chat_server_name, status, reason, detail, attempts, created_at,
        fault_code, fault_text)
    SELECT made.id, 'c' || lpad(n::text, 4, '0'), d.customer_name, d.locale, d.chat_locale, d.body,
        d.body_salt, d.method, d.chat_server_name, 'pending', '', '', 0, clock_timestamp(), '', ''
    FROM made, generate_series(0, %(size)s - 1) AS each(n), (
        SELECT * FROM sends_delivery WHERE send_id = %(pattern)s) d
    RETURNING id, send_id, chat_server_name)
INSERT INTO sends_outbox (delivery_id, send_id, chat_server_name, due_at, expires_at)
SELECT id, send_id, chat_server_name, clock_timestamp(), clock_timestamp() + interval '2 minutes'
FROM written RETURNING send_id
"""
CHATS = 301


@pytest.fixture
def begin(chat_server: ChatServer, chats, send_to) -> Callable[[int], int]:
    """Begins a send to so many chats; returns its id."""
    pattern = send_to(chats(1))
    chat = Interaction.objects.get()
    others = [copy(chat) for _ in range(CHATS)]
    for number, other in enumerate(others):
        other.pk = f"c{number:04}"
    Interaction.objects.bulk_create(others[1:])
    Send.objects.filter(pk=pattern.pk).update(status="paused")

    def begin(size: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(COPY, {"size": size, "pattern": pattern.pk})
            return int(cursor.fetchone()[0])

    return begin


@pytest.mark.parametrize("broadcasts", [1, 20, 60])
@pytest.mark.parametrize("number", [1, 4, 32])
def test_a_single_send_waits_for_one_turn_of_each_other(
    begin: Callable[[int], int], broadcasts: int, number: int
) -> None:
    """With a step of one grant, it waited for all of an older send: ties went to the oldest."""
    for index in range(broadcasts):
        begin(1 + 300 // (index + 1))
    line = Turns("chat-east", number)
    for _ in range(3):
        line.step()
    for _ in range(4):
        single = begin(1)
        running = Send.objects.filter(
            status="running", pk__in=Send.objects.filter(deliveries__status="pending")
        ).count()
        # The step that is under way when it begins takes its grants first.
        assert line.grants_until(single) <= running + 2


def test_a_stream_of_single_sends_does_not_starve_a_broadcast(begin: Callable[[int], int]) -> None:
    broadcast = begin(100)
    line = Turns("chat-east", 1)
    for _ in range(20):
        begin(1)
        line.step()
        line.step()
    assert 19 <= line.grants.count(broadcast) <= 21


def test_broadcasts_take_turns_of_one(begin: Callable[[int], int]) -> None:
    sends = {begin(50), begin(50), begin(50)}
    line = Turns("chat-east", 1)
    for _ in range(30):
        line.step()
    for turn in range(10):
        assert set(line.grants[3 * turn : 3 * turn + 3]) == sends


def test_chats_that_are_gone_cost_no_tokens(
    begin: Callable[[int], int], send_to, make_interaction, chat_server: ChatServer
) -> None:
    """They were skipped one in a step, at the pace of the Chat Server."""
    gone = [make_interaction(f"gone{index:03}").pk for index in range(60)]
    send = send_to(gone)
    Send.objects.filter(pk=send.pk).update(status="running")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE interactions_interaction SET is_online = false WHERE id LIKE 'gone%'"
        )
    single = begin(1)
    grant = Grant(ChatServer.objects.get(), 1, 0.0, timezone.now())
    step, endings = claim_due(grant, claim=uuid4())
    assert [delivery.send_id for delivery in step.claimed] == [single]
    assert len(endings) >= 1
    seen = [ended.delivery.id for ended in endings] + [step.claimed[0].id]
    step, more = claim_due(grant, claim=uuid4(), on_the_wire=seen)
    assert len(endings) + len(more) == 60
    assert step.wait_seconds is None
    assert ChatServer.objects.get().bucket_tokens >= 1
