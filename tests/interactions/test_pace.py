"""The token bucket: no second sees more than the burst, whatever is asked of it.

No test waits. The bucket runs by the time since `bucket_at`; moving that back is letting time pass.
"""

import math
from datetime import timedelta
from time import monotonic

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.actors import system_actor
from console.interactions.models import ChatServer
from console.interactions.services import (
    chat_server_create,
    chat_server_return_tokens,
    chat_server_take_tokens,
)
from console.interactions.services.wire import SLOTS_PER_SECOND

ROOT = system_actor("tests")
MANY = 1_000_000

pytestmark = pytest.mark.django_db


def server(pace: float, burst: int) -> int:
    ChatServer.objects.all().delete()
    created = chat_server_create(
        ROOT, name="chat-east", url="esp+json://h:1", pace_per_second=pace, burst=burst
    )
    # Empty, at a time that the test then moves by itself.
    ChatServer.objects.update(bucket_tokens=0, bucket_at=timezone.now())
    return created.pk


def pass_time(seconds: float) -> float:
    """Return the seconds that passed: whole slots."""
    slots = math.ceil(seconds * SLOTS_PER_SECOND)
    passed = slots / SLOTS_PER_SECOND
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE interactions_chatserver SET bucket_at = bucket_at - make_interval(secs => %s), "
            "grant_slots = ARRAY(SELECT slot - %s FROM unnest(grant_slots) AS each(slot))",
            [passed, slots],
        )
    return passed


def take(pk: int, most: int = MANY) -> int:
    return chat_server_take_tokens(pk, most=most).number


def test_an_empty_bucket_gives_nothing_and_says_when() -> None:
    pk = server(pace=1, burst=150)
    grant = chat_server_take_tokens(pk, most=5)
    assert grant.number == 0
    assert 0 < grant.wait_seconds <= 1


def test_what_flows_in_is_the_pace() -> None:
    start = monotonic()
    pk = server(pace=10, burst=150)
    pass_time(4)
    # While a test runs, the real clock fills the bucket too.
    assert 40 <= take(pk) <= 40 + 10 * (monotonic() - start)


def test_a_full_bucket_holds_no_more_however_long_it_stood() -> None:
    pk = server(pace=50, burst=150)
    pass_time(3600)
    assert take(pk) == 150


@pytest.mark.parametrize(
    ("pace", "burst"), [(50, 150), (50, 50), (50, 20), (1, 1), (0.5, 1), (100_000, 100_000), (3, 2)]
)
def test_no_second_sees_more_than_the_burst(pace: float, burst: int) -> None:
    pk = server(pace, burst)
    pass_time(3600)
    sent = take(pk)
    # The worst second: a full bucket, and then all that flows in, to its last moment.
    pass_time(0.9)
    sent += take(pk)
    assert 1 <= sent <= burst


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    pace=st.sampled_from([0.1, 1.0, 7.5, 50.0, 1000.0]),
    burst=st.integers(1, 300),
    steps=st.lists(st.tuples(st.floats(0, 1.5), st.integers(1, 400)), min_size=1, max_size=8),
)
def test_any_second_of_any_history_is_within_the_burst(
    db: None, pace: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    pk = server(pace, burst)
    now, taken = 0.0, []
    for wanted, most in steps:
        seconds = pass_time(wanted)
        before = timezone.now()
        granted = take(pk, most)
        # The real time that a query took has passed for the bucket as well.
        now += seconds + (timezone.now() - before).total_seconds()
        taken.append((now, granted))
    for start, _granted in taken:
        within = sum(granted for at, granted in taken if start <= at < start + 0.95)
        assert within <= burst, taken


def test_over_a_minute_the_pace_is_kept() -> None:
    start = monotonic()
    pk = server(pace=50, burst=150)
    passed, sent = 0.0, 0
    for _ in range(240):
        passed += pass_time(0.25)
        sent += take(pk)
    assert passed * 50 * 0.97 <= sent <= (passed + monotonic() - start) * 50


@pytest.mark.parametrize(("pace", "burst"), [(1, 1), (3, 3), (50, 50), (100, 100), (50, 55)])
def test_a_burst_near_the_pace_costs_two_percent_at_most(pace: float, burst: int) -> None:
    """It was paced without a word: 1 a second with a burst of 1 sent 0.46 a second."""
    pk = server(pace, burst)
    passed, sent = 0.0, 0
    while passed < 60:
        began = monotonic()
        grant = chat_server_take_tokens(pk, most=32)
        sent += grant.number
        passed += pass_time(grant.wait_seconds or 0.02) + monotonic() - began
    # Less by the rounding of each wait to whole slots, of which the bucket knows nothing.
    assert 60 * pace * 0.95 <= sent <= passed * pace + burst


def test_the_wait_is_for_a_tenth_of_a_seconds_worth() -> None:
    pk = server(pace=50, burst=150)
    ChatServer.objects.update(bucket_tokens=-3)
    grant = chat_server_take_tokens(pk, most=32)
    assert grant.number == 0
    assert 0 < grant.wait_seconds <= 0.16
    pass_time(grant.wait_seconds)
    assert take(pk, 32) >= 5


def test_tokens_are_given_back() -> None:
    pk = server(pace=0.1, burst=150)
    pass_time(10**6)
    assert take(pk, 100) == 100
    left = ChatServer.objects.get().bucket_tokens
    chat_server_return_tokens(pk, 60)
    assert math.isclose(ChatServer.objects.get().bucket_tokens, left + 60)
    chat_server_return_tokens(pk, 0)
    # They do not count in this second either: 40 of 150 have left.
    assert take(pk) == min(110, math.floor(left + 60))


def test_what_is_given_back_never_overfills() -> None:
    pk = server(pace=50, burst=150)
    chat_server_return_tokens(pk, 100_000)
    assert take(pk) == 150


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    pk = server(pace=50, burst=150)
    # The last look was an hour ahead of what the clock says now.
    ChatServer.objects.update(bucket_at=timezone.now() + timedelta(hours=1))
    assert chat_server_take_tokens(pk, most=10).wait_seconds <= 0.1
    pass_time(1)
    assert take(pk, 10) == 10


def test_a_new_chat_server_may_be_sent_to_at_once() -> None:
    created = chat_server_create(ROOT, name="chat-new", url="esp+json://h:1")
    assert chat_server_take_tokens(created.pk, most=1).number == 1
