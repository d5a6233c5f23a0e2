"""Messages on their way: to a real receiver, over real HTTP and TLS."""

import json
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from console.audit.models import AuditEntry
from console.sends.engine.dispatcher import Dispatch
from console.sends.tasks import worker_context
from console.webhooks import courier
from console.webhooks.models import LONGEST_ATTEMPT, Attempt, Mark, Message, MessageStatus, Webhook
from console.webhooks.services import (
    Outcome,
    attempt_record,
    attempts,
    carrying_begin,
    carrying_end,
    message_redeliver,
    parcels_take,
    webhook_secret_rotate,
    webhook_test,
    webhook_update,
)
from console.webhooks.services.attempts import RETRIES, ROOM_EACH, retry_seconds
from console.webhooks.tasks import tell as job
from tests.support.factories import ROOT
from tests.webhooks.conftest import now_due, sent_test, tell
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
Make = Callable[..., tuple[Webhook, str]]


def test_a_message_arrives_signed_and_is_taken(make_webhook: Make, receiver: Receiver) -> None:
    webhook, secret = make_webhook(receiver.url)
    message = sent_test(webhook)

    (got,) = receiver.received
    assert got.verify(secret) == json.loads(message.body)
    assert got.body.decode() == message.body
    assert got.path == "/hook?from=console"
    assert got.headers["webhook-id"] == message.key
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/json"
    assert message.status == MessageStatus.TAKEN
    attempt = message.attempts.get()
    assert (attempt.status_code, attempt.answer, attempt.problem) == (200, "thank you", "")
    assert attempt.ended_at is not None
    assert attempt.milliseconds is not None


def test_what_fails_is_tried_again_under_the_same_id(
    make_webhook: Make, receiver: Receiver
) -> None:
    webhook, secret = make_webhook(receiver.url)
    receiver.answers = [500, 429, 0]
    message = sent_test(webhook)
    for tries in (1, 2, 3):
        assert (message.status, message.tries) == (MessageStatus.WAITING, tries)
        wait = (message.next_at - timezone.now()).total_seconds()
        assert 0.7 * RETRIES[tries - 1] < wait + 2 < 1.3 * RETRIES[tries - 1] + 2
        tell()  # not due yet
        assert len(receiver.received) == tries
        now_due(message)
        tell()
        message.refresh_from_db()
    assert message.status == MessageStatus.TAKEN
    assert {got.headers["webhook-id"] for got in receiver.received} == {message.key}
    assert {got.body for got in receiver.received} == {message.body.encode()}
    for got in receiver.received:
        got.verify(secret)
    codes = list(message.attempts.order_by("pk").values_list("status_code", flat=True))
    assert codes == [500, 429, None, 200]


def test_after_ten_attempts_it_is_given_up_and_can_be_sent_again(
    make_webhook: Make, receiver: Receiver
) -> None:
    webhook, _secret = make_webhook(receiver.url)
    receiver.answers = [503] * 3
    message = sent_test(webhook)
    assert len(RETRIES) + 1 == 10
    Message.objects.update(tries=8)  # the dull ones in between
    statuses = []
    for _ in range(3):
        now_due(message)
        tell()
        message.refresh_from_db()
        statuses.append((message.status, message.tries))
    assert statuses == [("waiting", 9), ("given_up", 10), ("given_up", 10)]
    assert len(receiver.received) == 3

    message_redeliver(ROOT, message)
    tell()
    message.refresh_from_db()
    assert message.status == MessageStatus.TAKEN
    assert receiver.received[-1].headers["webhook-id"] == message.key


def test_the_waiting_grows_and_ends() -> None:
    shortest = [retry_seconds(n, lambda: 0.0) for n in range(1, 11)]
    longest = [retry_seconds(n, lambda: 1.0) for n in range(1, 11)]
    assert shortest[-1] is None
    assert [round(each or 0, 2) for each in shortest[:2]] == [3.75, 22.5]
    assert longest[:9] == [1.25 * each for each in RETRIES]
    assert 32 * 3600 < sum(RETRIES) < 34 * 3600


def test_both_secrets_verify_while_the_old_one_stays_and_then_the_new_one_alone(
    make_webhook: Make, receiver: Receiver
) -> None:
    webhook, old = make_webhook(receiver.url)
    webhook, new = webhook_secret_rotate(ROOT, webhook, overlap=timedelta(hours=1))
    sent_test(webhook)
    assert receiver.received[-1].verify(old) == receiver.received[-1].verify(new)

    Webhook.objects.update(previous_secret_until=timezone.now())
    sent_test(webhook)
    receiver.received[-1].verify(new)
    with pytest.raises(WebhookVerificationError):
        receiver.received[-1].verify(old)

    _webhook, newest = webhook_secret_rotate(ROOT, webhook, overlap=timedelta(0))
    sent_test(webhook)
    receiver.received[-1].verify(newest)
    with pytest.raises(WebhookVerificationError):
        receiver.received[-1].verify(new)


def test_of_a_long_answer_the_first_part_is_kept(make_webhook: Make, receiver: Receiver) -> None:
    webhook, _secret = make_webhook(receiver.url)
    receiver.text = b"a\0" + b"b" * 3_000_000
    answer = sent_test(webhook).attempts.get().answer
    assert answer == "a\N{REPLACEMENT CHARACTER}" + "b" * 998


def test_one_that_is_slow_is_given_up_waiting_for(
    make_webhook: Make, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.5
    webhook, _secret = make_webhook(receiver.url)
    receiver.slow_seconds = 1.0
    message = sent_test(webhook)
    assert message.status == MessageStatus.WAITING
    assert message.attempts.get().problem.startswith("No answer within")


def test_nobody_there_is_said_so(make_webhook: Make) -> None:
    webhook, _secret = make_webhook("http://127.0.0.1:1/")
    problem = sent_test(webhook).attempts.get().problem
    assert problem.startswith("Nothing was sent: no connection.")


def test_what_a_courier_took_along_and_never_told_of_is_sent_again(
    make_webhook: Make, receiver: Receiver
) -> None:
    """A worker that dies, before or after the bytes have left: the receiver hears of it, perhaps
    twice, and knows it by its id."""
    webhook, _secret = make_webhook(receiver.url)
    message = webhook_test(ROOT, webhook)
    until = carrying_begin()
    assert until is not None
    _until, (parcel,) = parcels_take(until, {})
    async_to_sync(deliver_and_die)(parcel)
    assert len(receiver.received) == 1

    tell()  # the dead one is still thought to be the courier
    assert len(receiver.received) == 1
    Mark.objects.update(carried_until=timezone.now() - timedelta(seconds=1))
    tell()  # and what it has is still thought to be on its way
    assert len(receiver.received) == 1
    now_due(message)
    tell()

    message.refresh_from_db()
    assert message.status == MessageStatus.TAKEN
    assert {got.headers["webhook-id"] for got in receiver.received} == {message.key}
    assert len(receiver.received) == 2
    Attempt.objects.filter(ended_at=None).update(started_at=timezone.now() - 2 * LONGEST_ATTEMPT)
    assert message.attempts.get(ended_at=None).is_lost


async def deliver_and_die(parcel: Any) -> None:
    trusted = ssl.create_default_context()
    async with courier.client_trusting(trusted) as client:
        await courier.attempt(client, parcel)


def test_one_courier_at_a_time(make_webhook: Make, receiver: Receiver) -> None:
    webhook, _secret = make_webhook(receiver.url)
    webhook_test(ROOT, webhook)
    until = carrying_begin()
    assert until is not None
    assert carrying_begin() is None
    tell()
    assert receiver.received == []
    longer, _parcels = parcels_take(until, {webhook.pk: ROOM_EACH})
    assert longer is not None
    assert parcels_take(until, {}) == (None, [])  # it is not the courier by that any more
    carrying_end(longer)
    tell()
    assert len(receiver.received) == 1


def test_some_that_hang_with_much_to_carry_hold_up_no_other(
    make_webhook: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "ROOM", 2 * ROOM_EACH)
    hang = [make_webhook(name=f"Hangs {number}")[0] for number in range(2)]
    for webhook in hang:
        for _number in range(3 * ROOM_EACH):
            webhook_test(ROOT, webhook)
    last, _secret = make_webhook(name="Works")
    webhook_test(ROOT, last)
    until = carrying_begin()
    assert until is not None
    until, under_way = parcels_take(until, {})
    assert until is not None
    busy = Counter(parcel.webhook for parcel in under_way)
    assert busy == {webhook.pk: ROOM_EACH for webhook in hang}

    attempt_record(under_way[0], Outcome(problem="No answer"), milliseconds=1)
    busy[under_way[0].webhook] -= 1
    _until, parcels = parcels_take(until, busy)
    assert [parcel.webhook for parcel in parcels] == [last.pk]


def test_one_that_hangs_holds_up_no_other(
    make_webhook: Make, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 1.5  # in which the other one answers on a busy machine
    with receiving() as slow:
        slow.slow_seconds = 2.0
        hangs, _secret = make_webhook(slow.url, name="Hangs")
        works, _secret = make_webhook(receiver.url, name="Works")
        for _ in range(ROOM_EACH + 1):
            webhook_test(ROOT, hangs)
        message = webhook_test(ROOT, works)
        tell()
        message.refresh_from_db()
        # All that was due was carried in the end, so many at a time.
        ends = Attempt.objects.filter(message__webhook=hangs).values_list("ended_at", flat=True)
        assert len(ends) == ROOM_EACH + 1
        assert message.ended_at is not None
        assert message.ended_at < min(ends)  # type: ignore[type-var]


def test_nothing_is_sent_to_one_that_is_off_and_what_waits_stays(
    make_webhook: Make, receiver: Receiver
) -> None:
    webhook, _secret = make_webhook(receiver.url)
    message = webhook_test(ROOT, webhook)
    webhook_update(ROOT, webhook, enabled=False)
    tell()
    assert receiver.received == []
    webhook_update(ROOT, webhook, enabled=True)
    tell()
    message.refresh_from_db()
    assert message.status == MessageStatus.TAKEN


def test_one_whose_webhook_is_deleted_meanwhile_is_nobodys(
    make_webhook: Make, receiver: Receiver
) -> None:
    webhook, _secret = make_webhook(receiver.url)
    webhook_test(ROOT, webhook)
    until = carrying_begin()
    assert until is not None
    _until, (parcel,) = parcels_take(until, {})
    webhook.delete()
    from console.webhooks.services import Outcome, attempt_record

    assert attempt_record(parcel, Outcome(200), milliseconds=1) is None


def test_a_secret_that_cant_be_read_is_said_to_be_so(
    make_webhook: Make, receiver: Receiver, settings: Any
) -> None:
    webhook, _secret = make_webhook(receiver.url)
    settings.SECRET_KEY = "another one, and the old one is lost"
    message = sent_test(webhook)
    assert receiver.received == []
    assert "CONSOLE_OLD_SECRET_KEYS" in message.attempts.get().problem


def test_neither_secrets_nor_addresses_are_logged(
    make_webhook: Make, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "console")
    webhook, secret = make_webhook(f"{receiver.url}&token=hidden")
    receiver.answers = [500]
    message = sent_test(webhook)
    written = caplog.text
    assert message.key in written
    assert "500" in written
    for hidden in (secret, secret.removeprefix("whsec_"), "hidden", webhook.secret):
        assert hidden not in written
    # It logs whole addresses, at a level that the console's settings pass over.
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    now_due(message)
    until = carrying_begin()
    assert until is not None
    _until, (parcel,) = parcels_take(until, {})
    assert secret not in repr(parcel)
    assert "hidden" not in repr(parcel)


@pytest.mark.django_db(transaction=True)
def test_the_job_does_both(make_webhook: Make, receiver: Receiver) -> None:
    webhook, _secret = make_webhook(receiver.url)
    webhook_test(ROOT, webhook)
    Mark.objects.update(told_to=0)  # as if all the ledger were new
    async_to_sync(run_job)(is_stopping=False)
    assert len(receiver.received) == 1
    assert Mark.objects.get().told_to == AuditEntry.objects.latest("seq").seq


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_stops_takes_no_more_along(make_webhook: Make, receiver: Receiver) -> None:
    webhook, _secret = make_webhook(receiver.url)
    for _ in range(ROOM_EACH + 3):
        webhook_test(ROOT, webhook)
    async_to_sync(run_job)(is_stopping=True)
    assert len(receiver.received) == ROOM_EACH
    assert Attempt.objects.filter(ended_at=None).count() == 0
    tell()
    assert len(receiver.received) == ROOM_EACH + 3


async def run_job(*, is_stopping: bool) -> None:
    dispatch = Dispatch()
    if is_stopping:
        dispatch.stopping.set()
    context = SimpleNamespace(additional_context=worker_context(dispatch))
    await job.func(context, timestamp=0)  # type: ignore[arg-type]
