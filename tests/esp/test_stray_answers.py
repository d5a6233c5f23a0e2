"""Answers that nobody awaits: they are dropped and counted, and cost nobody else the outcome."""

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections import Counter
from typing import Any

import pytest

from console.esp import Outcome, OutcomeKind
from console.esp.connection import STRAY_LINE_SECONDS
from tests.esp.channels import channel_to, connected
from tests.esp.support import (
    a_message,
    framed,
    pass_time,
    read_frame,
    response,
    run,
    run_with_clock,
    serving,
    until,
)

ACCEPTED, UNKNOWN = OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN
LOGGER = "console.esp.connection"


def fault(reference_id: int) -> bytes:
    return framed(
        {"messageName": "Event3rdServerFault", "messageId": 502, "ReferenceId": reference_id}
    )


def stray_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [
        {name: vars(record)[name] for name in ("peer", "reference_id", "dropped")}
        for record in caplog.records
        if (record.name, record.getMessage()) == (LOGGER, "answers that nobody awaits")
    ]


@pytest.mark.parametrize(
    "kind", ["never used", "twice", "twice, the second refused", "a Pong", "a second Pong"]
)
def test_a_stray_answer_costs_nobody_an_outcome(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        """After 50 of 120 requests something comes that nobody asked for."""
        for number in range(120):
            frame = await read_frame(reader)
            writer.write(response(frame["ReferenceId"]))
            if number == 50:
                await writer.drain()
                await asyncio.sleep(0.02)
                writer.write(
                    {
                        "never used": response(999_999),
                        "twice": response(1),
                        "twice, the second refused": fault(1),
                        "a Pong": framed({"messageName": "Pong", "ReferenceId": 7}),
                        "a second Pong": framed({"messageName": "Pong", "ReferenceId": 7}) * 2,
                    }[kind]
                )
        await reader.read()

    async def send() -> tuple[list[Outcome], int, bool]:
        async with serving(answer) as port:
            channel = await channel_to(port)
            outcomes = await asyncio.gather(*(channel.submit(a_message()) for _ in range(120)))
            found = (list(outcomes), channel.stray_answers, channel.is_open)
            await channel.close()
        return found

    with caplog.at_level(logging.WARNING, LOGGER):
        outcomes, strays, is_open = run(send())
    assert Counter(outcome.kind for outcome in outcomes) == {ACCEPTED: 120}
    assert (strays, is_open) == (2 if kind == "a second Pong" else 1, True)
    line, *_rest = stray_lines(caplog)
    assert line["peer"].startswith("127.0.0.1:")
    asked = {"never used": 999_999, "a Pong": 7, "a second Pong": 7}
    assert line["reference_id"] == asked.get(kind, 1)


def test_a_flood_takes_a_few_lines_and_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    number, at_once = 30_000, 500

    async def flood(reader: StreamReader, writer: StreamWriter) -> None:
        frame = await read_frame(reader)
        for first in range(0, number, at_once):
            each = range(first, first + at_once)
            writer.write(b"".join(response(1_000_000 + place) for place in each))
            await writer.drain()
        writer.write(response(frame["ReferenceId"]))
        await reader.read()

    async def send() -> tuple[OutcomeKind, int]:
        async with serving(flood) as port:
            channel = await channel_to(port)
            outcome = await channel.submit(a_message())
            kept = [
                value
                for owner in (channel, channel._protocol)
                for value in vars(owner).values()
                if hasattr(value, "__len__") and len(value) > 1000
            ]
            assert kept == []
            strays = channel.stray_answers
            await channel.close()
        return outcome.kind, strays

    with caplog.at_level(logging.WARNING, LOGGER):
        assert run(send(), within=60) == (ACCEPTED, number)
    lines = stray_lines(caplog)
    assert sum(line["dropped"] for line in lines) == number
    assert len(lines) < 10
    assert lines[0]["dropped"] == 1


def test_a_line_comes_again_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    async def listen() -> None:
        connection, _transport = connected()
        for _ in range(3):
            connection.data_received(response(5))
        await pass_time(STRAY_LINE_SECONDS)
        connection.data_received(response(6))
        connection.data_received(response(7))
        connection.connection_lost(None)
        assert connection.stray_answers == 5

    with caplog.at_level(logging.WARNING, LOGGER):
        run_with_clock(listen())
    assert stray_lines(caplog) == [
        {"peer": "chat1:1", "reference_id": 5, "dropped": 1},
        {"peer": "chat1:1", "reference_id": 6, "dropped": 3},
        {"peer": "chat1:1", "reference_id": None, "dropped": 1},
    ]


def test_without_any_there_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    async def listen() -> None:
        connection, _transport = connected()
        connection.connection_lost(None)

    with caplog.at_level(logging.DEBUG, LOGGER):
        run_with_clock(listen())
    assert caplog.records == []


def test_nobody_can_answer_what_was_not_written_yet() -> None:
    """It would be called accepted, and then written."""

    async def send() -> tuple[OutcomeKind, int, int]:
        connection, transport = connected()
        connection.pause_writing()
        future = connection.submit(a_message())
        await pass_time(0)
        connection.data_received(response(1))
        assert not future.done()
        assert transport.written == []
        connection.resume_writing()
        connection.data_received(response(1))
        connection.connection_lost(None)
        return (await future).kind, connection.stray_answers, len(transport.written)

    assert run_with_clock(send()) == (ACCEPTED, 1, 1)


@pytest.mark.parametrize(
    "broken",
    [b"\xff\xff\xff\xff", framed(b"{}"), framed(b"nothing"), framed({"messageName": "Nobody"})],
)
def test_a_malformed_frame_ends_the_connection_all_the_same(broken: bytes) -> None:
    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        await read_frame(reader)
        writer.write(response(77) + broken)
        await reader.read()

    async def send() -> tuple[OutcomeKind, int]:
        async with serving(answer) as port:
            channel = await channel_to(port)
            outcome = await channel.submit(a_message())
            await until(lambda: not channel.is_open)
            await channel.close()
        return outcome.kind, channel.stray_answers

    assert run(send()) == (UNKNOWN, 1)
