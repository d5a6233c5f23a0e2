"""One clock decides, PostgreSQL's, however wrong those of web servers and workers are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import User
from console.database.clock import database_now, near_now
from console.errors import ConsoleError
from console.interactions.models import ChatServer
from console.sends.engine.record import deliveries_expire, sends_release
from console.sends.models import Outbox, Send, SendStatus
from console.sends.plan import sending
from tests.support.working import drain, statuses, work

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
UNDO = timedelta(seconds=5)


@pytest.fixture(params=[-HOUR, HOUR], ids=["an hour slow", "an hour fast"])
def wrong_clock(request: Any, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """This machine's clock, while the one of PostgreSQL's is right."""
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + request.param)
    return request.param


def test_the_undo_seconds_are_as_promised(
    wrong_clock: timedelta, chat_server: ChatServer, chats: Any, send_to: Any
) -> None:
    before = database_now()
    send = send_to(chats(1), undo_seconds=5)
    after = database_now()
    assert before + UNDO <= send.release_at <= after + UNDO
    assert Outbox.objects.get().due_at == send.release_at
    assert before <= send.created_at <= after


def test_they_begin_when_all_is_planned(
    chat_server: ChatServer, chats: Any, send_to: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned_at = []
    plan = sending.plan_order  # type: ignore[attr-defined]

    def plan_slowly(*args: Any, **wanted: Any) -> Any:
        planned = plan(*args, **wanted)
        planned_at.append(database_now())
        return planned

    monkeypatch.setattr(sending, "plan_order", plan_slowly)
    send = send_to(chats(1), undo_seconds=5)
    assert send.release_at >= planned_at[0] + UNDO


def test_a_worker_releases_when_the_undo_seconds_are_over_and_not_before(
    wrong_clock: timedelta, simulator: Any, chats: Any, send_to: Any
) -> None:
    send = send_to(chats(1), undo_seconds=5)
    assert sends_release() == []
    work()
    assert statuses(send) == {"pending": 1}
    _let_it_be_due(send)
    assert sends_release() == [send.pk]
    work()
    assert statuses(send) == {"delivered": 1}
    delivery = send.deliveries.get()
    send.refresh_from_db()
    now = database_now()
    assert now - HOUR / 2 < delivery.attempted_at <= delivery.finished_at <= send.finished_at <= now


def _let_it_be_due(send: Send) -> None:
    now = database_now()
    Send.objects.filter(pk=send.pk).update(release_at=now)
    Outbox.objects.filter(send=send).update(due_at=now)


def test_a_drain_takes_what_is_due_and_nothing_else(
    wrong_clock: timedelta, simulator: Any, chats: Any, send_to: Any
) -> None:
    send = send_to(chats(2))
    first, second = Outbox.objects.order_by("pk")
    Outbox.objects.filter(pk=first.pk).update(due_at=database_now())
    Outbox.objects.filter(pk=second.pk).update(due_at=database_now() + HOUR / 2)
    drain()
    assert statuses(send) == {"delivered": 1, "pending": 1}


def test_nothing_is_late_by_a_workers_clock(
    wrong_clock: timedelta, chat_server: ChatServer, chats: Any, send_to: Any
) -> None:
    send_to(chats(1))
    assert deliveries_expire() == 0
    Outbox.objects.update(expires_at=database_now())
    assert deliveries_expire() == 1


def test_a_chat_server_rests_as_long_as_it_is_to(
    wrong_clock: timedelta, chat_server: ChatServer, chats: Any, send_to: Any
) -> None:
    """Nobody listens there."""
    send_to(chats(1))
    drain()
    chat_server.refresh_from_db()
    assert chat_server.retry_at is not None
    assert chat_server.health_since <= chat_server.retry_at < database_now() + timedelta(minutes=1)
    assert chat_server.failures_in_a_row == 1
    # Its rest is over, by the one clock.
    ChatServer.objects.update(retry_at=database_now())
    drain()
    chat_server.refresh_from_db()
    assert chat_server.failures_in_a_row == 2


@pytest.mark.parametrize(
    ("ahead", "is_taken"), [(-HOUR / 2, False), (HOUR / 2, True), (timedelta(days=367), False)]
)
def test_a_time_has_passed_by_the_one_clock(
    wrong_clock: timedelta,
    ahead: timedelta,
    is_taken: bool,
    chat_server: ChatServer,
    chats: Any,
    send_to: Any,
) -> None:
    wanted = database_now() + ahead
    if is_taken:
        assert send_to(chats(1), scheduled_at=wanted).status == SendStatus.SCHEDULED
    else:
        with pytest.raises(ConsoleError):
            send_to(chats(1), scheduled_at=wanted)
        assert not Send.objects.exists()


def test_what_goes_without_asking_each_time_is_near(wrong_clock: timedelta) -> None:
    before = database_now()
    near = near_now()
    assert before <= near <= database_now() + timedelta(seconds=1)


def test_pages_show_ages_by_it(
    wrong_clock: timedelta,
    administrator: User,
    client: Any,
    chat_server: ChatServer,
    make_interaction: Callable[..., Any],
) -> None:
    from django.template import Context, Template

    moment = database_now() - timedelta(minutes=3, seconds=5)
    page = Template("{% load console_ui %}{% ago at %} {% waiting_since at %}")
    shown = page.render(Context({"at": moment}))
    assert ">3 min ago<" in shown
    assert ">3:05<" in shown
