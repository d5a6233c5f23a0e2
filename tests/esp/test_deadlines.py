"""What is past its deadline is not written any more, and is never called unknown.

The peers are real: a thread or the kernel takes the bytes while the loop of the test stands still.
"""

import asyncio
import socket
import struct
import threading
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager

from console.esp import Client, Outcome, OutcomeKind
from console.esp.connection import WRITE_MOST
from tests.esp.channels import channel_to, connected
from tests.esp.psdk.servers import beside
from tests.esp.support import (
    NEVER,
    SOON,
    a_message,
    pass_time,
    read_frame,
    response,
    run,
    run_with_clock,
)

ACCEPTED, NOT_SENT, UNKNOWN = OutcomeKind.ACCEPTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN


class Counting:
    """A server beside the test's loop that counts what comes, and answers each request."""

    def __init__(self) -> None:
        self.bytes = 0
        self.requests = 0

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.readexactly(4):
            self.bytes += len(data)
            (length,) = struct.unpack(">I", data)
            body = await reader.readexactly(length)
            self.bytes += len(body)
            self.requests += 1
            writer.write(response(self.requests))


def test_a_loop_that_stands_still_writes_nothing_past_the_deadline() -> None:
    async def send(port: int) -> tuple[Outcome, bool]:
        channel = await channel_to(port, request_timeout=SOON)
        future = channel.submit(a_message())
        time.sleep(2 * SOON)  # the loop stands still
        outcome, is_open = await future, channel.is_open
        await channel.close()
        return outcome, is_open

    counting = Counting()
    with beside(counting) as port:
        outcome, is_open = run(send(port))
    assert (outcome.kind, outcome.retryable, counting.bytes) == (NOT_SENT, True, 0)
    assert outcome.detail == (
        f"It could not be written to 127.0.0.1:{port} within 0.15 seconds. Nothing was sent."
    )
    assert is_open  # nothing is wrong with the connection


def test_what_still_has_time_is_written_after_what_has_none() -> None:
    async def send(port: int) -> tuple[Outcome, Outcome]:
        channel = await channel_to(port)
        loop = asyncio.get_running_loop()
        early = channel.submit(a_message("early"), since=loop.time() - NEVER + SOON)
        in_time = channel.submit(a_message("in time"))
        time.sleep(2 * SOON)  # the loop stands still
        outcome = await early
        while not in_time.done():
            await asyncio.sleep(0.01)
        await channel.close()
        return outcome, in_time.result()

    class Echoing(Counting):
        async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
            frame = await read_frame(reader)
            self.requests += 1
            writer.write(response(frame["ReferenceId"]))
            await reader.read()

    echoing = Echoing()
    with beside(echoing) as port:
        early, in_time = run(send(port))
    assert (early.kind, in_time.kind, echoing.requests) == (NOT_SENT, ACCEPTED, 1)


def test_what_was_spent_before_counts() -> None:
    async def send() -> tuple[Outcome, list[bytes]]:
        connection, transport = connected(request_timeout=100)
        loop = asyncio.get_running_loop()
        spent = await connection.submit(a_message(), since=loop.time() - 100)
        future = connection.submit(a_message(), since=loop.time() - 60)
        await pass_time(39)
        assert not future.done()
        await pass_time(1)
        assert future.result().kind is UNKNOWN
        connection.connection_lost(None)
        assert spent.reference_id is None
        return spent, transport.written

    spent, written = run_with_clock(send())
    assert spent.kind is NOT_SENT
    assert spent.detail == (
        "It could not be written to chat1:1 within 100 seconds. Nothing was sent."
    )
    assert len(written) == 1


def test_nobody_has_more_time_than_the_request_timeout() -> None:
    async def send() -> OutcomeKind:
        connection, _transport = connected(request_timeout=100)
        future = connection.submit(a_message(), since=asyncio.get_running_loop().time() + 1000)
        await pass_time(0)
        await pass_time(100)
        connection.connection_lost(None)
        return future.result().kind

    assert run_with_clock(send()) is UNKNOWN


def test_each_deadline_holds_in_whatever_order_they_are() -> None:
    async def send() -> list[list[bool]]:
        connection, _transport = connected(request_timeout=100)
        loop = asyncio.get_running_loop()
        spent = (0, 50, 20, 90, 70)
        futures = [connection.submit(a_message(), since=loop.time() - each) for each in spent]
        seen = []
        for _ in range(5):
            await pass_time(20)
            seen.append([future.done() for future in futures])
        connection.connection_lost(None)
        return seen

    assert run_with_clock(send()) == [
        [False, False, False, True, False],
        [False, False, False, True, True],
        [False, True, False, True, True],
        [False, True, True, True, True],
        [True, True, True, True, True],
    ]


@contextmanager
def deaf_peer() -> Iterator[tuple[int, list[int], threading.Event]]:
    """A socket that takes a connection and reads nothing until it is told to. Port, and how many
    bytes came in all until the end of the connection."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    reads, came = threading.Event(), []

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(20)
            reads.wait(20)
            total = 0
            try:
                while data := peer.recv(1 << 20):
                    total += len(data)
            except ConnectionError:
                pass
            came.append(total)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], came, reads
    finally:
        reads.set()
        thread.join(20)
        listener.close()


def test_what_the_network_does_not_take_is_kept_back() -> None:
    """More than all buffers hold: what none of them took is not sent, and never leaves."""
    size, number = 300_000, 60

    async def send(port: int, reads: threading.Event) -> list[Outcome]:
        channel = await channel_to(port, request_timeout=1.0)
        text = "x" * size
        futures = [channel.submit(a_message(text=text)) for _ in range(number)]
        outcomes = list(await asyncio.gather(*futures))
        assert not channel.is_open
        reads.set()
        await channel.close()
        return outcomes

    with deaf_peer() as (port, came, reads):
        outcomes = run(send(port, reads))
    kinds = [outcome.kind for outcome in outcomes]
    left = kinds.count(UNKNOWN)
    assert kinds == [UNKNOWN] * left + [NOT_SENT] * (number - left)
    assert 0 < left < number
    # Each that is not sent has left no byte, and only the last unknown one may be cut.
    assert (left - 1) * size < came[0] < left * (size + 1000)
    assert {outcome.detail.partition("Nothing was sent.")[1] for outcome in outcomes[left:]} == {
        "Nothing was sent."
    }


def test_a_write_that_is_only_begun_is_unknown_and_goes_no_further() -> None:
    async def send() -> list[Outcome]:
        connection, transport = connected(request_timeout=100)
        whole, begun, waits = (connection.submit(a_message()) for _ in range(3))
        await asyncio.sleep(0)
        (written,) = transport.written
        transport.buffered = len(written) // 2  # of the second request a half is out
        connection.pause_writing()
        unwritten = connection.submit(a_message(), since=asyncio.get_running_loop().time() - 1)
        await pass_time(100)
        assert transport.ended == "aborted"
        assert transport.written == [written]
        connection.connection_lost(None)
        return [await each for each in (whole, begun, waits, unwritten)]

    outcomes = run_with_clock(send())
    assert [outcome.kind for outcome in outcomes] == [UNKNOWN, UNKNOWN, NOT_SENT, NOT_SENT]


def test_what_is_within_its_time_is_not_ended_by_what_only_waits_behind_it() -> None:
    """The first is out and without an answer; what is still in the transport has its time."""

    async def send() -> tuple[OutcomeKind, bool, str]:
        connection, transport = connected(request_timeout=100)
        first = connection.submit(a_message())
        await pass_time(50)
        second = connection.submit(a_message())
        await pass_time(0)
        transport.buffered = 10
        await pass_time(50)
        assert (await first).kind is UNKNOWN
        transport.buffered = 0
        result = (second.done(), transport.ended)
        connection.data_received(response(2))
        connection.connection_lost(None)
        return (await second).kind, *result

    assert run_with_clock(send()) == (ACCEPTED, False, "")


def test_much_goes_out_in_parts() -> None:
    async def send() -> list[int]:
        connection, transport = connected()
        futures = [connection.submit(a_message(text="x" * 1000)) for _ in range(200)]
        await asyncio.sleep(0)
        connection.connection_lost(None)
        assert {future.result().kind for future in futures} == {UNKNOWN}
        return [len(data) for data in transport.written]

    sizes = run(send())
    assert 1 < len(sizes) < 10
    assert max(sizes) < WRITE_MOST + 2000


def test_who_does_not_read_gets_nothing_new() -> None:
    async def send() -> tuple[Outcome, Outcome]:
        connection, _transport = connected(request_timeout=100)
        connection.pause_writing()
        waiting = connection.submit(a_message())
        await pass_time(100)
        connection.connection_lost(None)
        return await waiting, await connection.submit(a_message())

    waited, refused = run_with_clock(send())
    assert (waited.kind, refused.kind) == (NOT_SENT, NOT_SENT)
    assert refused.detail == (
        "chat1:1 did not read what was written to it within 100 seconds. Nothing was sent."
    )


def test_the_clients_time_counts_from_when_it_was_asked() -> None:
    """Connecting took most of it, and then the loop stood still."""

    async def send(port: int) -> Outcome:
        async with Client(f"esp+json://127.0.0.1:{port}", request_timeout=1.0) as client:
            await client.connect()
            assert client._channel is not None
            channel, client._channel = client._channel, None

            async def slowly() -> object:
                await asyncio.sleep(0.8)
                client._channel = channel
                asyncio.get_running_loop().call_soon(time.sleep, 0.4)
                return channel

            client._open_channel = slowly  # type: ignore[assignment]
            return await client.request(a_message())

    counting = Counting()
    with beside(counting) as port:
        outcome = run(send(port))
    assert (outcome.kind, counting.bytes) == (NOT_SENT, 0)


def test_a_process_that_was_stopped_reads_what_came_before_it_gives_up() -> None:
    """The answers wait in the socket when the loop goes on after the deadline: they count."""

    async def send(port: int) -> list[OutcomeKind]:
        channel = await channel_to(port, request_timeout=1.0)
        futures = [channel.submit(a_message()) for _ in range(20)]
        await asyncio.sleep(0)
        time.sleep(1.2)  # the loop stands still
        kinds = [(await future).kind for future in futures]
        await channel.close()
        return kinds

    counting = Counting()
    with beside(counting) as port:
        assert run(send(port)) == [ACCEPTED] * 20
