"""An answer after the deadline is known all the same: who asked is told, for a while."""

import asyncio
import logging
from asyncio import StreamReader, StreamWriter

import pytest

from console.esp import Outcome, OutcomeKind
from console.esp.connection import GIVEN_UP_MOST, EspConnection
from console.esp.outcomes import DEFAULT_LATE_GRACE
from tests.esp.channels import FakeTransport, channel_to, connected
from tests.esp.support import (
    NEVER,
    SOON,
    a_message,
    framed,
    pass_time,
    read_frame,
    response,
    run,
    run_with_clock,
    serving,
    silence,
    until,
)

ACCEPTED, REFUSED = OutcomeKind.ACCEPTED, OutcomeKind.REFUSED
NOT_SENT, UNKNOWN = OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN
LOGGER = "console.esp.connection"


def fault(reference_id: int) -> bytes:
    return framed(
        {"messageName": "Event3rdServerFault", "messageId": 502, "ReferenceId": reference_id}
    )


class Asked:
    """What became of a request, in the order in which it was told."""

    def __init__(self, connection: EspConnection, *, wants_late: bool = True) -> None:
        self.told: list[tuple[str, Outcome]] = []
        late = (lambda outcome: self.told.append(("late", outcome))) if wants_late else None
        connection.send(
            a_message(), lambda outcome: self.told.append(("settled", outcome)), late=late
        )

    @property
    def kinds(self) -> list[tuple[str, OutcomeKind]]:
        return [(how, outcome.kind) for how, outcome in self.told]


async def timed_out(
    number: int = 1, **options: float
) -> tuple[EspConnection, FakeTransport, list[Asked]]:
    """A connection with requests that were given up just now."""
    connection, transport = connected(request_timeout=100, **options)
    asked = [Asked(connection) for _ in range(number)]
    await pass_time(0)
    await pass_time(100)
    assert {tuple(each.kinds) for each in asked} == {(("settled", UNKNOWN),)}
    return connection, transport, asked


def test_a_late_answer_over_tcp_beside_a_new_connection() -> None:
    may_answer = asyncio.Event()

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        frame = await read_frame(reader)
        await may_answer.wait()
        writer.write(fault(frame["ReferenceId"]))
        await reader.read()
        ended.append(True)

    async def send() -> tuple[Asked, bool, int]:
        async with serving(answer) as port:
            channel = await channel_to(port, request_timeout=SOON)
            asked = Asked(channel)
            await until(lambda: bool(asked.told))
            was_open = channel.is_open
            beside = await channel_to(port)
            may_answer.set()
            other = await beside.submit(a_message())
            assert other.kind is REFUSED
            await until(lambda: len(asked.told) == 2)
            await until(lambda: bool(ended))  # nothing more is awaited on the old one
            await channel.close()
            await beside.close()
        return asked, was_open, channel.late_answers

    ended: list[bool] = []
    asked, was_open, count = run(send())
    assert asked.kinds == [("settled", UNKNOWN), ("late", REFUSED)]
    assert (was_open, count) == (False, 1)
    late = asked.told[1][1]
    assert late.reference_id == asked.told[0][1].reference_id
    assert late.round_trip is not None
    assert late.round_trip > SOON


def test_the_round_trip_is_the_true_one_and_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def send() -> tuple[Outcome, str]:
        connection, transport, (asked,) = await timed_out()
        await pass_time(4)
        assert transport.ended == ""
        connection.data_received(response(1))
        ended = transport.ended
        connection.connection_lost(None)
        return asked.told[1][1], ended

    with caplog.at_level(logging.INFO, LOGGER):
        late, ended = run_with_clock(send())
    assert (late.kind, ended) == (ACCEPTED, "closed")
    assert late.round_trip == pytest.approx(104, abs=1)
    (line,) = caplog.records
    assert (line.getMessage(), vars(line)["peer"], vars(line)["reference_id"]) == (
        "a late answer",
        "chat1:1",
        1,
    )


def test_it_is_told_once() -> None:
    async def send() -> tuple[Asked, int, int]:
        connection, _transport, asked = await timed_out(2)
        connection.data_received(response(1) + response(1) + response(1))
        found = (asked[0], connection.late_answers, connection.stray_answers)
        connection.connection_lost(None)
        return found

    asked, late, strays = run_with_clock(send())
    assert asked.kinds == [("settled", UNKNOWN), ("late", ACCEPTED)]
    assert (late, strays) == (1, 2)


def test_nobody_is_told_who_had_an_outcome_in_time() -> None:
    async def send() -> Asked:
        connection, _transport = connected()
        asked = Asked(connection)
        await pass_time(0)
        connection.data_received(response(1) + response(1))
        connection.connection_lost(None)
        return asked

    assert run_with_clock(send()).kinds == [("settled", ACCEPTED)]


def test_after_the_grace_it_is_closed() -> None:
    async def send() -> list[str]:
        connection, transport, _asked = await timed_out()
        ended = []
        for seconds in (DEFAULT_LATE_GRACE - 1, 1):
            await pass_time(seconds)
            ended.append(transport.ended)
        connection.connection_lost(None)
        return ended

    assert run_with_clock(send()) == ["", "closed"]


def test_each_has_its_own_grace() -> None:
    async def send() -> tuple[list[Asked], int, str]:
        connection, transport = connected(request_timeout=100, late_grace=60)
        first = Asked(connection)
        await pass_time(50)
        second = Asked(connection)
        await pass_time(50)
        await pass_time(50)
        await pass_time(20)
        connection.data_received(response(1))  # 70 s after it was given up
        strays, ended = connection.stray_answers, transport.ended
        connection.data_received(response(2))  # 20 s after it was given up
        assert transport.ended == "closed"
        connection.connection_lost(None)
        return [first, second], strays, ended

    (first, second), strays, ended = run_with_clock(send())
    assert first.kinds == [("settled", UNKNOWN)]
    assert second.kinds == [("settled", UNKNOWN), ("late", ACCEPTED)]
    assert (strays, ended) == (1, "")


def test_the_others_have_their_outcomes_while_it_listens() -> None:
    async def send() -> tuple[list[Asked], bool, str]:
        connection, transport = connected(request_timeout=100)
        first = Asked(connection)
        await pass_time(50)
        second = Asked(connection)
        await pass_time(50)
        third = Asked(connection)
        connection.data_received(response(2) + response(1))
        found = ([first, second, third], connection.is_open, transport.ended)
        connection.connection_lost(None)
        return found

    (first, second, third), is_open, ended = run_with_clock(send())
    assert first.kinds == [("settled", UNKNOWN), ("late", ACCEPTED)]
    assert second.kinds == [("settled", ACCEPTED)]
    assert third.kinds == [("settled", NOT_SENT)]
    assert (is_open, ended) == (False, "closed")


def test_nobody_listens_where_nobody_wants_to_know() -> None:
    async def send() -> tuple[str, int]:
        connection, transport = connected(request_timeout=100)
        Asked(connection, wants_late=False)
        await pass_time(0)
        await pass_time(100)
        ended = transport.ended
        connection.data_received(response(1))  # on its way while it was closed
        connection.connection_lost(None)
        return ended, connection.late_answers

    assert run_with_clock(send()) == ("closed", 1)


def test_what_was_not_sent_is_not_listened_for() -> None:
    async def send() -> tuple[Asked, str]:
        connection, transport = connected(request_timeout=100)
        connection.pause_writing()
        asked = Asked(connection)
        await pass_time(100)
        ended = transport.ended
        connection.connection_lost(None)
        return asked, ended

    asked, ended = run_with_clock(send())
    assert (asked.kinds, ended) == ([("settled", NOT_SENT)], "closed")


def test_the_number_of_those_that_are_remembered_is_bounded() -> None:
    async def send() -> tuple[int, int, int]:
        connection, _transport, asked = await timed_out(GIVEN_UP_MOST + 5)
        assert len(connection._given_up) == GIVEN_UP_MOST
        assert len(connection._protocol._given_up) == GIVEN_UP_MOST
        everything = b"".join(response(number + 1) for number in range(GIVEN_UP_MOST + 5))
        connection.data_received(everything)
        told = sum(len(each.told) == 2 for each in asked)
        connection.connection_lost(None)
        return told, connection.late_answers, connection.stray_answers

    assert run_with_clock(send()) == (GIVEN_UP_MOST, GIVEN_UP_MOST, 5)


def test_closing_does_not_wait_for_late_answers() -> None:
    async def send() -> list[tuple[str, OutcomeKind]]:
        async with serving(silence) as port:
            channel = await channel_to(port, request_timeout=SOON)
            asked = Asked(channel)
            await until(lambda: bool(asked.told))
            await channel.close()
        return asked.kinds

    assert run(send()) == [("settled", UNKNOWN)]


def test_closing_waits_for_those_in_flight_and_not_for_their_late_answers() -> None:
    async def send() -> tuple[list[tuple[str, OutcomeKind]], str]:
        connection, transport = connected(request_timeout=100)
        asked = Asked(connection)
        await pass_time(50)
        closing = asyncio.ensure_future(connection.close())
        await pass_time(0)
        await pass_time(49)
        assert transport.ended == ""
        await pass_time(1)
        ended = transport.ended
        connection.connection_lost(None)
        await closing
        return asked.kinds, ended

    assert run_with_clock(send()) == ([("settled", UNKNOWN)], "closed")


def test_closing_listens_as_long_as_it_is_told() -> None:
    async def send() -> list[str]:
        connection, transport, (asked,) = await timed_out()
        closing = asyncio.ensure_future(connection.close(listen=20))
        await pass_time(0)
        ended = []
        for seconds in (19, 1):
            await pass_time(seconds)
            ended.append(transport.ended)
        connection.connection_lost(None)
        await closing
        assert asked.kinds == [("settled", UNKNOWN)]
        return ended

    assert run_with_clock(send()) == ["", "closed"]


def test_closing_again_may_only_shorten_it() -> None:
    async def send() -> list[str]:
        connection, transport, (asked,) = await timed_out(1, late_grace=1000)
        closing = [asyncio.ensure_future(connection.close(listen=200))]
        await pass_time(0)
        closing.append(asyncio.ensure_future(connection.close(listen=500)))
        await pass_time(199)
        ended = [transport.ended]
        closing.append(asyncio.ensure_future(connection.close()))
        await pass_time(0)
        ended.append(transport.ended)
        connection.connection_lost(None)
        await asyncio.gather(*closing)
        assert asked.kinds == [("settled", UNKNOWN)]
        return ended

    assert run_with_clock(send()) == ["", "closed"]


def test_the_grace_is_the_longest_that_closing_listens() -> None:
    async def send() -> list[str]:
        connection, transport, _asked = await timed_out(1, late_grace=30)
        closing = asyncio.ensure_future(connection.close(listen=1000))
        await pass_time(0)
        ended = []
        for seconds in (29, 1):
            await pass_time(seconds)
            ended.append(transport.ended)
        connection.connection_lost(None)
        await closing
        return ended

    assert run_with_clock(send()) == ["", "closed"]


def test_a_peer_that_goes_ends_it() -> None:
    async def goes(reader: StreamReader, writer: StreamWriter) -> None:
        await read_frame(reader)
        await gone.wait()

    async def send() -> list[tuple[str, OutcomeKind]]:
        async with serving(goes) as port:
            channel = await channel_to(port, request_timeout=SOON, late_grace=NEVER)
            asked = Asked(channel)
            await until(lambda: bool(asked.told))
            gone.set()
            await channel.close(listen=NEVER)
        return asked.kinds

    gone = asyncio.Event()
    assert run(send()) == [("settled", UNKNOWN)]


def test_garbage_while_it_listens_ends_it() -> None:
    async def send() -> tuple[list[tuple[str, OutcomeKind]], str]:
        connection, transport, (asked,) = await timed_out()
        connection.data_received(framed(b"{}"))
        ended = transport.ended
        connection.connection_lost(None)
        return asked.kinds, ended

    assert run_with_clock(send()) == ([("settled", UNKNOWN)], "aborted")
