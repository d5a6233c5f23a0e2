"""The simulator in this process: what its connections and ports do."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.esp import Client, OutcomeKind
from console.esp.messages import Ping, Request3rdServer
from console.esp.simulator.connection import Connection
from console.esp.simulator.faults import Faults
from console.esp.simulator.journal import Journal
from console.esp.simulator.server import Simulator
from console.esp.wire import encode
from tests.esp.support import (
    APP_NAME,
    a_message,
    framed,
    pass_time,
    read_frame,
    run,
    run_with_clock,
    until,
)


@contextlib.asynccontextmanager
async def running(path: Path, **faults: Any) -> AsyncIterator[Simulator]:
    journal = Journal(path)
    simulator = Simulator(APP_NAME, journal, faults=Faults(**faults))
    await simulator.start("127.0.0.1", 0)
    try:
        yield simulator
    finally:
        await simulator.stop()
        journal.close()


@contextlib.asynccontextmanager
async def connected(
    simulator: Simulator,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class Recorder(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading = True
        self.gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.gone

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.gone = True


@contextlib.contextmanager
def taking(path: Path, **faults: Any) -> Iterator[tuple[Simulator, Connection, Recorder]]:
    """One connection of a simulator, without any network."""
    journal = Journal(path)
    simulator = Simulator(APP_NAME, journal, faults=Faults(**faults))
    connection, transport = Connection(simulator), Recorder()
    connection.connection_made(transport)
    yield simulator, connection, transport
    connection.connection_lost(None)
    journal.close()


def a_frame(reference_id: int, interaction_id: str = "0001") -> bytes:
    request = a_message(interaction_id)
    return encode(Request3rdServer(reference_id, request.request, request.user_data))


def journalled(path: Path) -> list[tuple[int, str]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["reference_id"], line["answer"]) for line in lines]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_literal_answers(path: Path) -> None:
    expected = framed(
        b'{"messageName":"Event3rdServerResponse","messageId":501,"ReferenceId":7,'
        b'"Request":[{"key":"Service","type":"str","value":"Chat"}]}'
    ) + framed(b'{"messageName":"Pong","ReferenceId":9}')

    async def talk() -> bytes:
        async with running(path) as simulator, connected(simulator) as (reader, writer):
            writer.write(a_frame(7) + encode(Ping(9)))
            return await reader.readexactly(len(expected))

    assert run(talk()) == expected


def test_what_arrives_together_is_journalled_before_any_of_it_is_answered(path: Path) -> None:
    class LooksIntoTheJournal(Recorder):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            assert len(journalled(path)) == 5
            super().write(data)

    async def talk() -> int:
        with taking(path) as (_, connection, transport):
            transport.__class__ = LooksIntoTheJournal
            connection.data_received(b"".join(a_frame(number) for number in range(1, 6)))
            return len(transport.written)

    assert run(talk()) == 1


def test_a_journal_that_cannot_be_written_means_no_answer(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk() -> bytes:
        async with running(path) as simulator:

            def disk_full(lines: object) -> None:
                raise OSError(28, "No space left on device")

            simulator.journal.append = disk_full
            async with connected(simulator) as (reader, writer):
                writer.write(a_frame(1))
                return await reader.read()

    assert run(talk()) == b""
    assert "the journal cannot be written: [Errno 28] No space left" in caplog.text
    caplog.clear()


def test_many_connections_have_numbers(path: Path) -> None:
    async def talk() -> Simulator:
        async with running(path) as simulator, contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(simulator)) for _ in range(50)]
            for number, (reader, writer) in enumerate(clients, start=1):
                writer.write(a_frame(number))
                assert (await read_frame(reader))["ReferenceId"] == number
            assert simulator.stats.connections_open == 50
        await until(lambda: simulator.stats.connections_open == 0)
        return simulator

    stats = run(talk()).stats
    assert (stats.connections_total, stats.requests, stats.responses) == (50, 50, 50)
    numbers = [json.loads(line)["connection"] for line in path.read_text().splitlines()]
    assert sorted(numbers) == list(range(1, 51))


@pytest.mark.parametrize(
    ("fault", "answer"),
    [("refuse_every", "fault"), ("silent_every", "none"), ("garbage_every", "none")],
)
def test_a_fault_hits_the_second_and_spares_the_others(path: Path, fault: str, answer: str) -> None:
    async def talk() -> bytes:
        faults = {fault: 2}
        async with running(path, **faults) as simulator, connected(simulator) as (reader, writer):
            writer.write(a_frame(1) + a_frame(2) + a_frame(3))
            await until(lambda: simulator.stats.requests == 3)
            writer.write_eof()
            return await reader.read()

    received = run(talk())
    assert journalled(path) == [(1, "response"), (2, answer), (3, "response")]
    assert received.count(b'"messageId":501') == 2
    assert received.count(b'"messageId":502') == (fault == "refuse_every")
    assert received.count(b"HTTP/1.1 400") == (fault == "garbage_every")


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        ("drop_every", [(1, "response"), (2, "none")]),
        ("drop_before_every", [(1, "response")]),
        ("cut_every", [(1, "response"), (2, "none")]),
    ],
)
@pytest.mark.parametrize("latency", [0.0, 0.01])
def test_a_drop_answers_what_came_before_and_takes_nothing_after(
    path: Path, fault: str, lines: list[tuple[int, str]], latency: float
) -> None:
    async def talk() -> bytes:
        async with running(path, latency=latency, **{fault: 2}) as simulator:
            async with connected(simulator) as (reader, writer):
                writer.write(a_frame(1) + a_frame(2) + a_frame(3))
                received = await reader.read()
            assert simulator.stats.requests == len(lines)
        return received

    received = run(talk())
    assert journalled(path) == lines
    whole = 4 + int.from_bytes(received[:4])
    rest = received[whole:]
    assert b"messageName" in received[:whole]
    # Of the second answer there is half, or nothing at all.
    assert len(rest) == (whole // 2 if fault == "cut_every" else 0)


def test_a_client_that_breaks_the_protocol_is_dropped_after_its_answers(path: Path) -> None:
    async def talk() -> bytes:
        async with running(path) as simulator, connected(simulator) as (reader, writer):
            writer.write(a_frame(1) + framed(b"{}") + a_frame(2))
            return await reader.read()

    assert run(talk()).count(b"messageName") == 1
    assert journalled(path) == [(1, "response")]


@pytest.mark.parametrize(
    ("fault", "answer", "answered"),
    [("double_every", "response", [1, 2, 2, 3]), ("stray_every", "none", [1, 1073741826, 3])],
)
def test_an_answer_comes_twice_or_names_another_request(
    path: Path, fault: str, answer: str, answered: list[int]
) -> None:
    async def talk() -> list[int]:
        async with (
            running(path, **{fault: 2}) as simulator,
            connected(simulator) as (reader, writer),
        ):
            writer.write(a_frame(1) + a_frame(2) + a_frame(3))
            return [(await read_frame(reader))["ReferenceId"] for _ in answered]

    assert run(talk()) == answered
    assert journalled(path) == [(1, "response"), (2, answer), (3, "response")]


def test_a_late_answer_comes_after_the_others(path: Path) -> None:
    async def talk() -> None:
        with taking(path, late_every=2, late_seconds=60.0) as (_, connection, transport):
            connection.data_received(a_frame(1) + a_frame(2) + a_frame(3))
            assert journalled(path) == [(1, "response"), (2, "response"), (3, "response")]
            (in_time,) = transport.written
            assert in_time.count(b'"messageId":501') == 2
            await pass_time(59)
            assert len(transport.written) == 1
            await pass_time(1)
            assert transport.written[1].count(b'"messageId":501') == 1

    run_with_clock(talk())


def test_numbered_answers_all_differ(path: Path) -> None:
    async def talk() -> list[Any]:
        async with (
            running(path, numbered=True) as simulator,
            connected(simulator) as (reader, writer),
        ):
            writer.write(a_frame(1) + a_frame(2))
            return [(await read_frame(reader))["Request"] for _ in range(2)]

    assert run(talk()) == [
        [
            {"key": "Service", "type": "str", "value": "Chat"},
            {"key": "Number", "type": "int", "value": number},
        ]
        for number in (1, 2)
    ]


def test_latency_delays_the_answer_and_not_the_journal(path: Path) -> None:
    async def talk() -> None:
        with taking(path, latency=60.0) as (_, connection, transport):
            connection.data_received(a_frame(1))
            assert journalled(path) == [(1, "response")]
            await pass_time(59)
            assert transport.written == []
            await pass_time(1)
            assert len(transport.written) == 1

    run_with_clock(talk())


def test_an_answer_that_is_due_after_the_client_left_is_forgotten(path: Path) -> None:
    async def talk() -> None:
        with taking(path, latency=60.0) as (_, connection, transport):
            connection.data_received(a_frame(1))
            transport.abort()
            await pass_time(60)
            assert transport.written == []

    run_with_clock(talk())


def test_half_open_reads_nothing_until_it_is_over(path: Path) -> None:
    async def talk() -> None:
        async with running(path) as simulator, connected(simulator) as (reader, writer):
            writer.write(a_frame(1))
            await read_frame(reader)
            await simulator.set_faults({"half_open": True})
            writer.write(a_frame(2))
            async with connected(simulator) as (other_reader, other_writer):
                other_writer.write(a_frame(3))
                await until(lambda: simulator.stats.connections_open == 2)
                for _ in range(20):  # turns of the loop in which it could read
                    await asyncio.sleep(0.001)
                assert simulator.stats.requests == 1
                await simulator.set_faults({"half_open": False})
                assert (await read_frame(reader))["ReferenceId"] == 2
                assert (await read_frame(other_reader))["ReferenceId"] == 3

    run(talk())


def test_half_open_swallows_an_answer_that_was_due(path: Path) -> None:
    async def talk() -> None:
        with taking(path, latency=60.0) as (simulator, connection, transport):
            connection.data_received(a_frame(1))
            await simulator.set_faults({"half_open": True})
            assert not transport.reading
            await pass_time(60)
            await simulator.set_faults({"half_open": False})
            assert transport.reading
            assert transport.written == []

    run_with_clock(talk())


def test_not_listening_drops_and_refuses_until_it_is_over(path: Path) -> None:
    async def talk() -> None:
        async with running(path) as simulator:
            async with connected(simulator) as (reader, _):
                await simulator.set_faults({"not_listening": True})
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", simulator.port)
            await simulator.set_faults({"not_listening": True, "latency": 0.001})
            await simulator.set_faults({"not_listening": False})
            async with connected(simulator) as (reader, writer):
                writer.write(a_frame(1))
                assert (await read_frame(reader))["ReferenceId"] == 1

    run(talk())


def test_starting_without_listening_keeps_the_port(path: Path) -> None:
    async def talk() -> OutcomeKind:
        async with running(path, not_listening=True) as simulator:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", simulator.port)
            await simulator.set_faults({"not_listening": False})
            async with Client(f"esp+json://127.0.0.1:{simulator.port}") as client:
                return (await client.request(a_message())).kind

    assert run(talk()) is OutcomeKind.ACCEPTED


def test_stopping_leaves_no_connection_behind(path: Path) -> None:
    async def talk() -> int:
        async with running(path) as simulator, connected(simulator):
            await until(lambda: simulator.stats.connections_open == 1)
            await simulator.stop()
            return simulator.stats.connections_open

    assert run(talk()) == 0


def test_a_bad_change_changes_nothing(path: Path) -> None:
    async def change() -> Faults:
        async with running(path, refuse_every=2) as simulator:
            with pytest.raises(msgspec.ValidationError):
                await simulator.set_faults({"not_listening": True, "refuse_every": -1})
            return simulator.faults

    assert run(change()) == Faults(refuse_every=2)


def test_a_client_that_takes_no_answers_is_not_read_from(path: Path) -> None:
    """Otherwise the answers would pile up here."""

    async def talk() -> tuple[int, int]:
        async with running(path) as simulator, connected(simulator) as (reader, writer):
            pings = encode(Ping(9)) * 1_000
            connection = next(iter(simulator._connections))
            while not connection._write_paused:
                writer.write(pings)
                await asyncio.sleep(0)
            stuck = connection._transport.is_reading()
            while connection._write_paused:
                await reader.read(1024 * 1024)
            return stuck, connection._transport.is_reading()

    assert run(talk()) == (False, True)
