"""The stream to a SIEM: nothing is lost, and few messages come twice, whoever dies when. Real TLS,
real receivers, real PostgreSQL."""

import json
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from console.audit.actions import Action
from console.audit.models import AuditEntry, AuditSeal, AuditStream
from console.audit.siem import links, positions, streaming
from console.audit.siem.positions import stream_take, streams_due
from console.audit.siem.reading import MESSAGES_AT_ONCE, next_batch
from console.audit.siem.services import receiver_named, stream_replay, stream_test
from console.audit.siem.streaming import stream_to
from console.errors import NotFound
from console.text.sentences import read_stored
from tests.audit.siem.receivers import https_receiver, says, syslog_receiver
from tests.audit.small_world import World
from tests.sends.test_workers import PATIENCE_SECONDS, WorkerProcess
from tests.support.authority import Authority
from tests.support.factories import ROOT
from tests.support.tampering import run, triggers_off

pytestmark = pytest.mark.django_db

Streamed = Callable[..., str]
Enter = Callable[..., None]


def of(place: str) -> AuditStream:
    return AuditStream.objects.get(pk=place)


def at_once(place: str) -> None:
    """Let the rest after a failure be over."""
    AuditStream.objects.filter(pk=place).update(next_at=None)


def trouble(place: str) -> str:
    return str(read_stored(of(place).trouble))


def all_numbers() -> list[int]:
    return list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True))


def follow_each_other(events: list[dict[str, Any]]) -> bool:
    """Whether each message names the number of the one before, as a receiver checks it."""
    numbers = [event["metadata"]["sequence"] for event in events]
    return [event["unmapped"]["follows"] for event in events[1:]] == numbers[:-1]


# --- What arrives --------------------------------------------------------------------------------


def test_a_stream_begins_at_the_present_end(
    authority: Authority, streamed: Streamed, enter: Enter
) -> None:
    enter(3)
    before = AuditEntry.objects.latest("seq").seq
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        assert streams_due() == []
        enter(120)
        assert streams_due() == [place]
        assert stream_to(place) == 120
    events = [json.loads(content) for content in receiver.contents()]
    assert receiver.numbers() == list(range(before + 1, before + 121))
    assert events[0]["unmapped"]["follows"] == before
    assert follow_each_other(events)
    assert receiver.connections == 1
    assert {event["metadata"]["uid"] for event in events} == set(
        AuditEntry.objects.filter(seq__gt=before).values_list("hash", flat=True)
    )
    row = of(place)
    assert (row.told_to, row.streamed, row.held_until) == (before + 120, 120, None)
    assert row.sent == [before + 120]  # it has closed after us, so it has all
    assert streams_due() == []


def test_https_takes_batches(
    authority: Authority, streamed: Streamed, enter: Enter, settings: Any, tmp_path: Path
) -> None:
    secret = tmp_path / "header"
    secret.write_text("Authorization: Splunk 1234-abcd\n")
    settings.SIEM_HEADER = str(secret)
    with https_receiver(authority, lambda handler, _number: says(handler, 200)) as receiver:
        place = streamed(receiver.address)
        enter(2 * MESSAGES_AT_ONCE + 1)
        assert stream_to(place) == 2 * MESSAGES_AT_ONCE + 1
    assert receiver.numbers() == all_numbers()
    assert len(receiver.messages) == 3
    for headers in receiver.headers:
        assert headers["Authorization"] == "Splunk 1234-abcd"
        assert headers["Content-Type"] == "application/x-ndjson"
    assert "source=console" not in place  # which may be a secret of the receiver


def test_cef_by_https_is_lines(
    authority: Authority, streamed: Streamed, enter: Enter, settings: Any
) -> None:
    settings.SIEM_FORMAT = "cef"
    with https_receiver(authority, lambda handler, _number: says(handler, 202)) as receiver:
        place = streamed(receiver.address)
        enter(2, why="two\nlines")
        assert stream_to(place) == 2
    assert [line[:39] for line in receiver.lines()] == [
        b"CEF:0|Notice Console|Notice Console|0.2"
    ] * 2
    assert receiver.headers[0]["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("address", ["syslog+tls://a..b", "https://a..b/", "https://127.0.0.1/"])
def test_what_can_not_be_tried_is_a_failure_like_others(
    address: str, streamed: Streamed, enter: Enter, settings: Any
) -> None:
    """An odd name, and a certificate that somebody took away."""
    place = streamed(address)
    if "127" in address:
        settings.SIEM_CERTIFICATE = "/nowhere"
    enter(1)
    assert stream_to(place) == 0
    assert trouble(place)
    assert of(place).held_until is None


def test_only_chosen_actions_leave(authority: Authority, streamed: Streamed, enter: Enter) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address, actions="view.deleted,search.*")
        enter(60)
        enter(1, Action.VIEW_DELETED)
        enter(60)
        enter(1, Action.SEARCH_SAVED)
        enter(1, Action.SEARCH_DELETED)
        enter(60)
        assert stream_to(place) == 3
    events = [json.loads(content) for content in receiver.contents()]
    codes = [event["metadata"]["event_code"] for event in events]
    assert codes == ["view.deleted", "search.saved", "search.deleted"]
    assert follow_each_other(events)
    assert of(place).told_to == all_numbers()[-1]


def test_what_nobody_wants_reaches_no_receiver(streamed: Streamed, enter: Enter) -> None:
    place = streamed("syslog+tls://127.0.0.1:1", actions="user.*")  # nobody listens there
    enter(5)
    assert stream_to(place) == 0
    assert of(place).told_to == all_numbers()[-1]
    assert trouble(place) == ""


def test_two_receivers_have_positions_of_their_own(
    authority: Authority, streamed: Streamed, enter: Enter
) -> None:
    with syslog_receiver(authority) as one, syslog_receiver(authority) as other:
        streamed(one.address, other.address)
        enter(3)
        assert stream_to(one.address) == 3
        enter(2)
        assert stream_to(other.address) == 5
        assert stream_to(one.address) == 2
    assert one.numbers() == other.numbers() == all_numbers()


# --- Receivers that fail -------------------------------------------------------------------------


def test_a_receiver_dies_in_mid_stream(
    authority: Authority, streamed: Streamed, enter: Enter, settings: Any
) -> None:
    """What it had not read is lost on its machine. Afterwards all has come, and few twice."""
    settings.SIEM_RESEND = 300
    with syslog_receiver(authority, reset_after=250) as receiver:
        place = streamed(receiver.address)
        enter(1500)
        stream_to(place)
    first = receiver.numbers()
    assert of(place).failures == 1
    assert "connection" in trouble(place)
    assert of(place).told_to < all_numbers()[-1]
    at_once(place)
    with syslog_receiver(authority, port=receiver.port) as again:
        stream_to(place)
    came = Counter([*first, *again.numbers()])
    assert sorted(came) == all_numbers()
    assert set(came.values()) <= {1, 2}
    twice = sum(number == 2 for number in came.values())
    assert twice <= settings.SIEM_RESEND + MESSAGES_AT_ONCE
    assert again.numbers() == list(range(again.numbers()[0], all_numbers()[-1] + 1))
    assert of(place).failures_in_a_row == 0
    assert trouble(place) == ""


def test_a_receiver_that_dies_at_the_very_end(
    authority: Authority, streamed: Streamed, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All was written before it died, and only the end of the connection shows it."""
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        enter(1)
        stream_to(place)
    close = links.SyslogLink.close
    with syslog_receiver(authority, port=receiver.port, reset_after=1) as receiver:

        def dies_first(link: links.SyslogLink) -> bool:
            assert of(place).told_to == all_numbers()[-1]
            receiver.may_read.set()
            assert receiver.is_gone.wait(30)
            return close(link)

        monkeypatch.setattr(links.SyslogLink, "close", dies_first)
        receiver.may_read.clear()
        enter(10)
        stream_to(place)
    assert "The connection broke" in trouble(place)
    at_once(place)
    monkeypatch.undo()
    with syslog_receiver(authority, port=receiver.port) as again:
        assert stream_to(place) == 10
    assert again.numbers() == all_numbers()[1:]


def test_one_that_does_not_answer_the_end_gets_nothing_twice_for_that(
    authority: Authority, streamed: Streamed, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "CLOSE_SECONDS", 0.2)
    with syslog_receiver(authority, answers_the_end=False) as receiver:
        place = streamed(receiver.address)
        enter(5)
        assert stream_to(place) == 5
        assert len(of(place).sent) == 6  # if it is found dead, these are sent again
        enter(5)
        assert stream_to(place) == 5
    assert receiver.numbers() == all_numbers()
    at_once(place)
    enter(1)
    assert stream_to(place) == 0  # it is gone
    at_once(place)
    with syslog_receiver(authority, port=receiver.port) as again:
        assert stream_to(place) == 11
    assert again.numbers() == all_numbers()


def test_a_receiver_that_stops_reading_is_left(
    authority: Authority, streamed: Streamed, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory and time are bounded, and the ledger goes on."""
    monkeypatch.setattr(links, "SEND_SECONDS", 0.3)
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        enter(1000)
        receiver.may_read.clear()
        stream_to(place)
        assert "has not taken" in trouble(place)
        enter(1)  # nothing waits for the stream
        monkeypatch.undo()  # a busy machine may take its time to read
        receiver.may_read.set()
        at_once(place)
        stream_to(place)
    assert set(receiver.numbers()) == set(all_numbers())


def test_the_stream_runs_ahead_by_no_more_than_buffers_hold(
    authority: Authority, streamed: Streamed, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        enter(1000)
        ahead: list[int] = []
        move_on = positions.stream_move_on

        def moved(*given: Any) -> bool:
            done = move_on(*given)
            ahead.append(of(place).told_to - len(receiver.messages))
            receiver.wait_for(of(place).told_to - 200)
            return done

        monkeypatch.setattr(streaming, "stream_move_on", moved)
        assert stream_to(place) == 1000
    assert max(ahead) <= 200 + MESSAGES_AT_ONCE
    assert receiver.numbers() == all_numbers()


@pytest.mark.parametrize("status", [400, 302, 503])
def test_a_batch_that_is_refused_comes_again(
    status: int, authority: Authority, streamed: Streamed, enter: Enter
) -> None:
    def answer(handler: Any, number: int) -> None:
        says(handler, 200 if number != 2 else status, Location="/elsewhere", Retry_After="77")

    with https_receiver(authority, answer) as receiver:
        place = streamed(receiver.address)
        enter(3 * MESSAGES_AT_ONCE)
        assert stream_to(place) == MESSAGES_AT_ONCE
        assert trouble(place) == f"It answers with the status {status}."
        assert of(place).next_at > timezone.now() + timedelta(seconds=60)  # as it asks for
        assert streams_due() == []
        assert stream_to(place) == 0
        at_once(place)
        assert stream_to(place) == 2 * MESSAGES_AT_ONCE
    assert receiver.messages[1] == receiver.messages[2]  # byte by byte
    assert set(receiver.numbers()) == set(all_numbers())


def test_an_answer_that_is_lost(authority: Authority, streamed: Streamed, enter: Enter) -> None:
    def answer(handler: Any, number: int) -> None:
        if number == 1:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            says(handler, 204)

    with https_receiver(authority, answer) as receiver:
        place = streamed(receiver.address)
        enter(10)
        assert stream_to(place) == 0
        at_once(place)
        assert stream_to(place) == 10
    assert receiver.messages[0] == receiver.messages[1]


def test_the_rest_after_failures_grows(streamed: Streamed, enter: Enter) -> None:
    place = streamed("https://127.0.0.1:1/")
    enter(1)
    rests = []
    for _try in range(6):
        stream_to(place)
        rests.append((of(place).next_at - timezone.now()).total_seconds())
        at_once(place)
    assert rests[0] < 8 < rests[2]
    assert rests[4] > 200
    assert of(place).failures_in_a_row == 6
    assert of(place).told_to == 0


# --- Whom it trusts ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["of a stranger", "of another name"])
def test_a_wrong_certificate_gets_nothing(
    kind: str, authority: Authority, streamed: Streamed, enter: Enter, settings: Any
) -> None:
    with (
        syslog_receiver(authority) as syslog,
        https_receiver(authority, lambda handler, _n: says(handler, 200)) as https,
    ):
        addresses = [syslog.address, https.address]
        if kind == "of another name":
            addresses = [each.replace("127.0.0.1", "localhost") for each in addresses]
        streamed(*addresses)
        if kind == "of a stranger":
            settings.SIEM_CA = ""
        enter(1)
        for destination in settings.SIEM_TO:
            assert stream_to(destination.name) == 0
            assert "certificate verify failed" in trouble(destination.name)
    assert syslog.messages == https.messages == []


def test_a_client_certificate_is_shown(
    authority: Authority, streamed: Streamed, enter: Enter, settings: Any
) -> None:
    with syslog_receiver(authority, wants_certificate=True) as receiver:
        place = streamed(receiver.address)
        enter(3)
        stream_to(place)
        assert trouble(place)  # what of it, depends on which of its words comes first
        assert of(place).told_to == 0
        settings.SIEM_CERTIFICATE = str(authority.client)
        at_once(place)
        assert stream_to(place) == 3
    assert receiver.numbers() == all_numbers()


# --- Workers that die, and several of them -------------------------------------------------------


def test_one_streams_at_a_time(authority: Authority, streamed: Streamed, enter: Enter) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        enter(5)
        row = stream_take(place)
        assert row is not None
        assert streams_due() == []
        assert stream_to(place) == 0
        assert receiver.connections == 0


def test_who_has_lost_the_stream_moves_nothing(streamed: Streamed, enter: Enter) -> None:
    place = streamed("syslog+tls://127.0.0.1:1")
    enter(5)
    lost = stream_take(place)
    assert lost is not None
    AuditStream.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert stream_take(place) is not None
    destination = receiver_named(place)
    assert positions.stream_move_on(lost, destination, next_batch(lost)) is False
    assert of(place).told_to == 0


def test_what_a_vanished_worker_had_in_flight_comes_again(
    authority: Authority, streamed: Streamed, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what of it has arrived."""
    monkeypatch.setattr(links, "CLOSE_SECONDS", 0.2)
    with syslog_receiver(authority, answers_the_end=False) as receiver:
        place = streamed(receiver.address)
        enter(5)
        stream_to(place)
        AuditStream.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        enter(1)
        assert stream_to(place) == 6
        AuditStream.objects.update(held_until=timezone.now() + timedelta(seconds=60))
        enter(1)
        assert stream_to(place) == 0
    assert receiver.numbers() == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6]


def test_no_more_comes_again_than_is_set(
    authority: Authority,
    streamed: Streamed,
    enter: Enter,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SIEM_RESEND = 3
    monkeypatch.setattr(links, "CLOSE_SECONDS", 0.2)
    with syslog_receiver(authority, answers_the_end=False) as receiver:
        place = streamed(receiver.address)
        enter(10)
        stream_to(place)
        AuditStream.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        enter(1)
        stream_to(place)
    assert receiver.numbers() == [*range(1, 11), 8, 9, 10, 11]


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_worker_is_killed_in_mid_stream(
    authority: Authority, streamed: Streamed, enter: Enter, settings: Any, tmp_path: Path
) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        began = of(place).told_to
        enter(1500)
        receiver.may_read.clear()
        worker = WorkerProcess(
            "worker",
            tmp_path,
            CONSOLE_SIEM_TO=receiver.address,
            CONSOLE_SIEM_ACTIONS="*",
            CONSOLE_SIEM_CA=str(authority.ca),
        )
        try:
            receiver.may_read.set()
            receiver.wait_for(100)
            receiver.may_read.clear()
        finally:
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.wait(PATIENCE_SECONDS)
        assert of(place).held_until is not None
        receiver.may_read.set()
        AuditStream.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        stream_to(place)
    connection.close()
    numbers = receiver.numbers()
    wanted = [seq for seq in all_numbers() if seq > began]
    assert set(wanted) <= set(numbers)
    assert max(Counter(numbers).values()) <= 2
    twice = len(numbers) - len(set(numbers))
    assert twice <= settings.SIEM_RESEND + MESSAGES_AT_ONCE


def test_a_worker_that_stops_goes_on_later(
    authority: Authority, streamed: Streamed, enter: Enter
) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        enter(200)
        batches = iter([False, False, True])
        assert stream_to(place, stopping=lambda: next(batches)) == 2 * MESSAGES_AT_ONCE
        assert stream_to(place) == 200 - 2 * MESSAGES_AT_ONCE
    assert receiver.numbers() == all_numbers()


# --- What is not there any more, and going back --------------------------------------------------


def test_what_was_archived_before_is_told(
    authority: Authority, streamed: Streamed, world: World, settings: Any
) -> None:
    archive = world.archiving()
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        AuditStream.objects.update(told_to=0, sent=[0])
        archive()
        last = AuditSeal.objects.get().last
        stream_to(place)
    first, *others = [json.loads(content) for content in receiver.contents()]
    assert first["message"] == f"Entries 1 to {last} were archived before they were streamed"
    assert first["unmapped"]["data"]["archives"] == [f"ledger-to-{last}.zip"]
    assert follow_each_other([first, *others])
    assert [event["metadata"]["sequence"] for event in others] == all_numbers()


def test_what_is_gone_without_a_seal_is_told_otherwise(
    authority: Authority, streamed: Streamed, enter: Enter
) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address, actions="view.created")
        enter(20)
        with triggers_off():
            run("DELETE FROM audit_auditentry WHERE seq <= 12")
        stream_to(place)
    first, *others = [json.loads(content) for content in receiver.contents()]
    assert first["metadata"]["event_code"] == "stream.gap"
    assert first["metadata"]["sequence"] == 12
    assert "uid" not in first["metadata"]
    assert first["message"] == (
        "Entries 1 to 12 were taken out of the database before they were streamed"
    )
    assert first["severity"] == "High"
    assert follow_each_other([first, *others])
    assert [event["metadata"]["sequence"] for event in others] == all_numbers()
    assert of(place).skipped == 12


def test_a_position_that_somebody_moved_leaves_a_hole(
    authority: Authority, streamed: Streamed, enter: Enter
) -> None:
    """With the application's role, and in whatever way: all entries are chosen, so the numbers show
    it."""
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        enter(3)
        stream_to(place)
        enter(3)
        AuditStream.objects.update(told_to=5, sent=[5])
        stream_to(place)
        enter(2)
        AuditStream.objects.all().delete()
        streamed(receiver.address)
        enter(1)
        stream_to(place)
    assert receiver.numbers() == [1, 2, 3, 6, 9]


def test_going_back_sends_again(authority: Authority, streamed: Streamed, enter: Enter) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        enter(10)
        stream_to(place)
        stream_replay(ROOT, receiver_named(place), begin=4)
        stream_to(place)
    entry = AuditEntry.objects.latest("seq")
    assert entry.action == "audit.stream_replayed"
    assert entry.data == {"receiver": place, "from": 4, "was": 10}
    assert receiver.numbers() == [*range(1, 11), *range(4, 12)]


def test_going_back_takes_the_stream_from_who_has_it(streamed: Streamed, enter: Enter) -> None:
    place = streamed("syslog+tls://127.0.0.1:1")
    enter(10)
    row = stream_take(place)
    assert row is not None
    stream_replay(ROOT, receiver_named(place), begin=4)
    assert positions.stream_move_on(row, receiver_named(place), next_batch(row)) is False
    assert of(place).told_to == 3


@pytest.mark.parametrize("begin", [0, -1, 11])
def test_nobody_goes_back_to_what_is_not_there(
    begin: int, streamed: Streamed, enter: Enter
) -> None:
    place = streamed("syslog+tls://127.0.0.1:1")
    enter(10)
    with pytest.raises(NotFound, match="up to 10"):
        stream_replay(ROOT, receiver_named(place), begin=begin)


def test_a_test_leaves_the_position(authority: Authority, streamed: Streamed, enter: Enter) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address)
        assert stream_test(ROOT, receiver_named(place)) is None
    (content,) = receiver.contents()
    assert json.loads(content)["metadata"]["event_code"] == "stream.test"
    assert of(place).told_to == 0
    assert AuditEntry.objects.latest("seq").action == "audit.stream_tested"
    problem = stream_test(ROOT, receiver_named(place))
    assert "can't be reached" in str(problem)
