"""Pings and Pongs of a channel."""

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Any

from console.esp import Outcome, OutcomeKind
from tests.esp.channels import channel_to, connected
from tests.esp.support import (
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

ACCEPTED, NOT_SENT = OutcomeKind.ACCEPTED, OutcomeKind.NOT_SENT
PING = framed(b'{"messageName":"Ping","ReferenceId":2}')


def test_a_ping_is_answered() -> None:
    async def ask(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(framed({"messageName": "Ping", "ReferenceId": 9}))
        pongs.append(await read_frame(reader))

    async def listen() -> None:
        async with serving(ask) as port:
            channel = await channel_to(port)
            await until(lambda: bool(pongs))
            await channel.close()

    pongs: list[dict[str, Any]] = []
    run(listen())
    assert pongs == [{"messageName": "Pong", "ReferenceId": 9}]


def test_an_idle_connection_is_kept_alive() -> None:
    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            asked = await read_frame(reader)
            seen.append(asked)
            writer.write(framed({"messageName": "Pong", "ReferenceId": asked["ReferenceId"]}))

    async def idle() -> bool:
        async with serving(answer) as port:
            channel = await channel_to(port, ping_interval=0.01)
            await until(lambda: len(seen) == 3)
            was_open = channel.is_open
            await channel.close()
        return was_open

    seen: list[dict[str, Any]] = []
    assert run(idle())
    assert seen == [{"messageName": "Ping", "ReferenceId": number} for number in (1, 2, 3)]


def test_a_ping_comes_when_the_connection_was_idle_and_only_then() -> None:
    async def wait() -> None:
        connection, transport = connected(request_timeout=100, ping_interval=30)
        await pass_time(29)
        assert transport.written == []
        future = connection.submit(a_message())
        await pass_time(50)
        assert len(transport.written) == 1  # the request: as long as one waits, no Ping
        connection.data_received(response(1))
        await pass_time(29)
        assert len(transport.written) == 1
        await pass_time(1)
        assert transport.written[1:] == [PING]
        await pass_time(60)
        assert transport.written[1:] == [PING]  # one Ping, one Pong
        connection.data_received(framed({"messageName": "Pong", "ReferenceId": 2}))
        await pass_time(60)
        assert len(transport.written) == 3
        connection.connection_lost(None)
        assert (await future).kind is ACCEPTED

    run_with_clock(wait())


def test_after_the_end_no_ping() -> None:
    async def wait() -> None:
        connection, transport = connected(ping_interval=30)
        closing = asyncio.ensure_future(connection.close())
        await pass_time(60)
        assert transport.written == []
        connection.connection_lost(None)
        await closing

    run_with_clock(wait())


def test_without_a_pong_the_connection_is_closed() -> None:
    async def idle() -> Outcome:
        async with serving(silence) as port:
            channel = await channel_to(port, ping_interval=0.01, request_timeout=SOON)
            await until(lambda: not channel.is_open)
            outcome = await channel.submit(a_message())
            await channel.close()
        return outcome

    outcome = run(idle())
    assert outcome.kind is NOT_SENT
    assert outcome.detail.endswith("did not answer a keep-alive. Nothing was sent.")


def test_without_a_pong_requests_in_flight_still_have_their_time() -> None:
    async def send() -> Outcome:
        connection, transport = connected(request_timeout=100, ping_interval=30)
        await pass_time(30)
        assert transport.written == [framed(b'{"messageName":"Ping","ReferenceId":1}')]
        await pass_time(60)
        future = connection.submit(a_message())
        await pass_time(40)
        assert (connection.is_open, transport.ended) == (False, "")
        connection.data_received(response(2))
        assert transport.ended == "closed"
        connection.connection_lost(None)
        return await future

    assert run_with_clock(send()).kind is ACCEPTED
