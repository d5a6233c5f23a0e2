"""The channel of `esp+json` addresses, against servers that do just what a test needs."""

import asyncio
from asyncio import StreamReader, StreamWriter

import pytest

from console.esp import NotConnected, Outcome, OutcomeKind
from console.esp.connection import EspConnection
from console.esp.transports.esp_json import open_channel
from tests.esp.channels import FakeTransport, channel_to, connected
from tests.esp.support import (
    NEVER,
    SOON,
    Handler,
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

ACCEPTED, NOT_SENT, UNKNOWN = OutcomeKind.ACCEPTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN


def answering_backwards(group: int) -> Handler:
    """A server that waits for so many requests and answers them, the last first."""

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            asked = [await read_frame(reader) for _ in range(group)]
            for frame in reversed(asked):
                writer.write(response(frame["ReferenceId"]))

    return handle


def test_two_thousand_requests_sixteen_in_flight_answered_out_of_order() -> None:
    async def send() -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with serving(answering_backwards(8)) as port:
            channel = await channel_to(port)
            window = asyncio.Semaphore(16)

            def settled(future: "asyncio.Future[Outcome]") -> None:
                outcomes.append(future.result())
                window.release()

            for _ in range(2_000):
                await window.acquire()
                channel.submit(a_message()).add_done_callback(settled)
            await until(lambda: len(outcomes) == 2_000)
            await channel.close()
        return outcomes

    outcomes = run(send())
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    order = [outcome.reference_id or 0 for outcome in outcomes]
    assert order[:8] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert sorted(order) == list(range(1, 2_001))


def test_requests_of_one_turn_go_out_in_one_write() -> None:
    async def send() -> int:
        connection, transport = connected()
        for _ in range(3):
            connection.submit(a_message())
        assert transport.written == []
        await asyncio.sleep(0)
        connection.connection_lost(None)
        return len(transport.written)

    assert run(send()) == 1


def test_a_request_over_the_limits_is_not_sent_and_disturbs_nobody() -> None:
    async def send() -> tuple[Outcome, Outcome]:
        async with serving(answering_backwards(5)) as port:
            channel = await channel_to(port)
            good = [channel.submit(a_message()) for _ in range(4)]
            too_large = await channel.submit(a_message(text="x" * 1024 * 1024))
            good.append(channel.submit(a_message()))
            last = await good[-1]
            await channel.close()
        return too_large, last

    too_large, last = run(send())
    assert (too_large.kind, last.kind) == (NOT_SENT, ACCEPTED)
    assert "at most 1048576 are allowed" in too_large.detail


def test_what_waits_for_room_is_not_sent_when_the_connection_is_lost() -> None:
    async def send() -> list[Outcome]:
        connection, transport = connected()
        written = connection.submit(a_message())
        await asyncio.sleep(0)
        connection.pause_writing()
        waiting = connection.submit(a_message())
        await asyncio.sleep(0)
        assert len(transport.written) == 1
        connection.connection_lost(ConnectionResetError("reset by peer"))
        return [await written, await waiting]

    written, waiting = run(send())
    assert (written.kind, waiting.kind) == (UNKNOWN, NOT_SENT)
    assert (written.reference_id, waiting.reference_id) == (1, 2)
    assert written.detail == (
        "The connection to chat1:1 was lost: reset by peer. It may have been carried out or not."
    )
    assert waiting.detail.endswith("Nothing was sent.")


def test_what_waits_for_room_is_sent_when_there_is_some() -> None:
    async def send() -> Outcome:
        connection, transport = connected()
        connection.pause_writing()
        waiting = connection.submit(a_message())
        await asyncio.sleep(0)
        assert transport.written == []
        connection.resume_writing()
        assert len(transport.written) == 1
        connection.data_received(response(1))
        connection.connection_lost(None)
        return await waiting

    assert run(send()).kind is ACCEPTED


def test_what_waits_for_room_too_long_is_not_sent_and_never_will_be() -> None:
    async def send() -> tuple[Outcome, FakeTransport]:
        connection, transport = connected(request_timeout=SOON)
        connection.pause_writing()
        outcome = await connection.submit(a_message())
        connection.resume_writing()
        connection.connection_lost(None)
        return outcome, transport

    outcome, transport = run(send())
    assert outcome.kind is NOT_SENT
    assert outcome.detail == (
        "It could not be written to chat1:1 within 0.15 seconds. Nothing was sent."
    )
    assert transport.written == []


def test_submitted_and_lost_in_the_same_turn_is_not_sent() -> None:
    async def send() -> Outcome:
        connection, transport = connected()
        future = connection.submit(a_message())
        connection.connection_lost(None)
        await asyncio.sleep(0)
        assert transport.written == []
        return await future

    outcome = run(send())
    assert outcome.kind is NOT_SENT
    assert outcome.detail == "The connection to chat1:1 was lost. Nothing was sent."


def test_before_it_is_connected_nothing_is_sent() -> None:
    async def send() -> Outcome:
        return await EspConnection("chat1:1", request_timeout=NEVER).submit(a_message())

    outcome = run(send())
    assert (outcome.kind, outcome.detail) == (
        NOT_SENT,
        "Not connected to chat1:1 yet. Nothing was sent.",
    )


def test_a_timeout_stops_new_requests_while_the_others_still_get_their_answers() -> None:
    async def send() -> tuple[Outcome, Outcome, Outcome]:
        connection, transport = connected(request_timeout=100)
        first = connection.submit(a_message())
        await pass_time(60)
        second = connection.submit(a_message())
        await pass_time(40)
        timed_out = await first
        assert (connection.is_open, second.done()) == (False, False)
        refused = await connection.submit(a_message())
        assert transport.ended == ""
        connection.data_received(response(1) + response(2))  # the first comes too late
        assert transport.ended == "closed"
        connection.connection_lost(None)
        return timed_out, refused, await second

    timed_out, refused, answered = run_with_clock(send())
    assert (timed_out.kind, refused.kind, answered.kind) == (UNKNOWN, NOT_SENT, ACCEPTED)
    assert refused.detail == (
        "chat1:1 left a request without an answer for 100 seconds. Nothing was sent."
    )
    assert timed_out.detail == (
        "No answer from chat1:1 within 100 seconds. It may have been carried out or not."
    )


def test_every_request_has_its_own_deadline() -> None:
    async def send() -> list[Outcome]:
        connection, transport = connected(request_timeout=100)
        futures = []
        for _ in range(3):
            futures.append(connection.submit(a_message()))
            await pass_time(30)
        assert [future.done() for future in futures] == [False, False, False]
        for done in range(1, 4):
            await pass_time(10 if done == 1 else 30)
            assert [future.done() for future in futures].count(True) == done
        assert transport.ended == "closed"
        connection.connection_lost(None)
        return [future.result() for future in futures]

    assert [outcome.kind for outcome in run_with_clock(send())] == [UNKNOWN] * 3


def test_a_good_answer_in_front_of_garbage_counts() -> None:
    async def send() -> tuple[Outcome, Outcome]:
        connection, transport = connected()
        first, second = connection.submit(a_message()), connection.submit(a_message())
        await asyncio.sleep(0)
        connection.data_received(response(1) + framed(b"{}") + response(2))
        assert transport.ended == "aborted"
        connection.connection_lost(None)
        return await first, await second

    first, second = run(send())
    assert (first.kind, second.kind) == (ACCEPTED, UNKNOWN)
    assert "chat1:1 did not keep to the protocol: Malformed message" in second.detail


def test_an_answer_cut_in_the_middle_is_unknown() -> None:
    async def cut(reader: StreamReader, writer: StreamWriter) -> None:
        await read_frame(reader)
        writer.write(response(1)[:-1])

    async def send() -> Outcome:
        async with serving(cut) as port:
            channel = await channel_to(port)
            outcome = await channel.submit(a_message())
            assert not channel.is_open
            await channel.close()
        return outcome

    outcome = run(send())
    assert outcome.kind is UNKNOWN
    assert "closed the connection: The stream ended in the middle of a frame." in outcome.detail


def test_a_waiter_that_was_cancelled_disturbs_nobody() -> None:
    async def send() -> Outcome:
        connection, _ = connected()
        cancelled, other = connection.submit(a_message()), connection.submit(a_message())
        cancelled.cancel()
        await asyncio.sleep(0)
        connection.data_received(response(1) + response(2))
        connection.connection_lost(None)
        return await other

    assert run(send()).kind is ACCEPTED


def test_close_waits_for_what_is_in_flight() -> None:
    async def send() -> Outcome:
        async with serving(answering_backwards(5)) as port:
            channel = await channel_to(port)
            futures = [channel.submit(a_message()) for _ in range(5)]
            closing = asyncio.ensure_future(channel.close())
            await asyncio.sleep(0)
            assert not channel.is_open
            refused = await channel.submit(a_message())
            assert (await futures[0]).kind is ACCEPTED
            await closing
        return refused

    refused = run(send())
    assert refused.kind is NOT_SENT
    assert "was closed" in refused.detail


def test_closing_again_is_no_error() -> None:
    async def close_twice() -> None:
        async with serving(silence) as port:
            channel = await channel_to(port)
            await channel.close()
            await channel.close()

    run(close_twice())


@pytest.mark.parametrize(("buffered", "ended"), [(0, "closed"), (1, "aborted")])
def test_what_the_peer_does_not_read_does_not_hold_up_closing(buffered: int, ended: str) -> None:
    async def send() -> str:
        connection, transport = connected(request_timeout=SOON)
        transport.buffered = buffered
        await connection.submit(a_message())
        connection.connection_lost(None)
        return transport.ended

    assert run(send()) == ended


def test_connecting_takes_no_longer_than_it_may() -> None:
    """The server takes the connection and never begins with TLS."""

    async def connect() -> None:
        async with serving(silence) as port:
            await open_channel(
                f"esp+json+tls://127.0.0.1:{port}", connect_timeout=SOON, request_timeout=NEVER
            )

    with pytest.raises(NotConnected, match=r"No connection to 127\.0\.0\.1:\d+ within 0\.15 sec"):
        run(connect())
