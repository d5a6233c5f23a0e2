"""A send counts its deliveries as they end, and the count is always what one would count."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.accounts.models import User
from console.catalogue.usage import Use, version_uses
from console.sends.control.pausing import send_cancel
from console.sends.models import Delivery, Send, SendOutcome
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.selectors import send_counts, send_get, sends_visible
from tests.support.simulators import Simulator
from tests.support.working import assert_ledger_agrees, changing_what_has_ended, drain


def counted(user: User, send: Send) -> dict[str, int]:
    counts = send_counts(send_get(user.to_actor(), send.pk))
    return {name: number for name, number in counts.items() if number}


def true(send: Send) -> dict[str, int]:
    statuses = Counter(Delivery.objects.filter(send=send).values_list("status", flat=True))
    return {**statuses, "total": sum(statuses.values())}


@pytest.mark.django_db(transaction=True)
def test_counts_follow_a_send_from_its_first_skip_to_its_last_answer(
    supervisor: User,
    simulator: Simulator,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> None:
    ids = [make_interaction().pk for _ in range(3)]
    make_interaction("gone", user_data={"IsOnline": "0"})
    make_notice(key="hello")
    send = send_create(
        supervisor.to_actor(), SendOrder(notice_key="hello", interactions=[*ids, "gone"])
    )
    assert counted(supervisor, send) == {"pending": 3, "skipped": 1, "total": 4}

    drain()

    assert counted(supervisor, send) == true(send) == {"delivered": 3, "skipped": 1, "total": 4}
    assert_ledger_agrees()


def test_how_much_a_version_is_used_is_told_without_its_sends(
    supervisor: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> None:
    notice = make_notice(key="hello").notice
    for _ in range(2):
        send_create(
            supervisor.to_actor(),
            SendOrder(notice_key="hello", interactions=[make_interaction().pk]),
        )
    with CaptureQueriesContext(connection) as queries:
        assert version_uses(supervisor.to_actor(), notice) == {1: Use(2, 0)}
    assert not re.search("sends_send|sends_delivery", str(queries.captured_queries))


def test_what_is_cancelled_counts(
    supervisor: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> None:
    make_notice(key="hello")
    ids = [make_interaction().pk for _ in range(2)]
    send = send_create(supervisor.to_actor(), SendOrder(notice_key="hello", interactions=ids))
    send_cancel(supervisor.to_actor(), send)
    assert counted(supervisor, send) == true(send) == {"cancelled": 2, "total": 2}


def test_counting_reads_no_delivery_that_is_over(
    supervisor: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> None:
    make_notice(key="hello")
    chats = [make_interaction().pk]
    send = send_create(supervisor.to_actor(), SendOrder(notice_key="hello", interactions=chats))
    send_cancel(supervisor.to_actor(), send)
    SendOutcome.objects.update(number=100_000)
    with changing_what_has_ended():
        Send.objects.update(target_count=100_000)
    (found,) = sends_visible(supervisor.to_actor())
    assert found.cancelled == found.total == 100_000  # type: ignore[attr-defined]
