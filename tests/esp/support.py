"""What the ESP tests share: a deadline around everything, simulators, servers that misbehave."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from console.esp import EspRequest, KVList, build_message
from console.listening import settled, stop_listening

T = TypeVar("T")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

APP_NAME = "Chat_Server_1"
ROOT = Path(__file__).parents[2]
UNBUFFERED = "PYTHONUNBUFFERED"  # it would hide a ready line that is not flushed
SIMULATOR = [sys.executable, "-W", "error", "-m", "console.esp.simulator"]
SOON = 0.15  # seconds: a timeout that a test waits out
LATER = 1.5  # seconds: the same, within which a request arrives on a busy machine, too
PATIENCE = 40.0  # seconds: what a busy machine may take; less than NEVER
NEVER = 60.0  # seconds: a timeout that must not be what ends the test


def run(coroutine: Coroutine[Any, Any, T], within: float = PATIENCE) -> T:
    """Run to the end, or fail; nothing in a test may hang."""

    async def bounded() -> T:
        async with asyncio.timeout(within):
            return await coroutine

    return asyncio.run(bounded())


class AdvancingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock a test can set forward, so that nobody has to wait out a timeout."""

    _ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


async def pass_time(seconds: float) -> None:
    """For tests under `run_with_clock`: the time is over, and what was due has happened."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, AdvancingLoop)
    loop.advance(seconds)
    for _ in range(3):
        await asyncio.sleep(0)


def run_with_clock(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run with a clock of the test's own; only for what does no I/O, as nothing bounds it."""
    with asyncio.Runner(loop_factory=AdvancingLoop) as runner:
        return runner.run(coroutine)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so; the deadline of `run` bounds it."""
    while not condition():
        await asyncio.sleep(0.001)


def a_message(interaction_id: str = "0001aB3", **changes: Any) -> EspRequest:
    user_data = KVList.of({"InteractionId": interaction_id})
    fields = {"app_name": APP_NAME, "text": "Hello", "user_data": user_data, **changes}
    return build_message(**fields)


def framed(body: bytes | dict[str, Any]) -> bytes:
    """A frame made by hand, independent of the code under test."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return struct.pack(">I", len(data)) + data


def response(reference_id: int) -> bytes:
    return framed(
        {
            "messageName": "Event3rdServerResponse",
            "messageId": 501,
            "ReferenceId": reference_id,
            "Request": [],
        }
    )


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any]:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    frame: dict[str, Any] = json.loads(await reader.readexactly(length))
    return frame


@contextlib.asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[int]:
    """A server of the test's own; yields its port. Its connections end with the block."""
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.add(asyncio.ensure_future(handle(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await stop_listening(server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A task that was cancelled before it began has closed nothing.
        for writer in writers:
            writer.transport.abort()
        closed = (writer.wait_closed() for writer in writers)
        await asyncio.gather(*closed, return_exceptions=True)
        await settled()  # one whose peer broke it off is not waited for


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads whatever comes and never answers."""
    while await reader.read(65536):
        pass


class SimulatorProcess:
    """A simulator in a process of its own."""

    def __init__(self, journal: Path, *options: str, scheme: str = "esp+json") -> None:
        self.journal = journal
        self.process = subprocess.Popen(
            [*SIMULATOR, "--name", APP_NAME, "--port", "0", "--journal", journal, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != UNBUFFERED},
        )
        assert self.process.stdout
        self.ready = self.process.stdout.readline()
        found = re.fullmatch(rf"ready name={APP_NAME} port=(\d+) control_port=(\d+)\n", self.ready)
        if found is None:
            raise AssertionError(f"no ready line: {self.ready!r} {self.end()}")
        self.port, self.control_port = int(found[1]), int(found[2])
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """One command to the control port, which must succeed."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=PATIENCE) as client:
            client.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
            with client.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
        assert answer["ok"], answer
        return answer

    def set_faults(self, **faults: Any) -> None:
        self.ask("faults", set=faults)

    def journalled(self) -> list[dict[str, Any]]:
        """The last line may not be whole yet."""
        lines = self.journal.read_text().splitlines(True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)

    def end(self) -> tuple[int, str]:
        """Ask it to end; its exit code and what it complained about."""
        if self.process.poll() is None:
            self.process.terminate()
        _, complaints = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, complaints


@contextlib.contextmanager
def simulator_process(
    journal: Path, *options: str, scheme: str = "esp+json"
) -> Iterator[SimulatorProcess]:
    simulator = SimulatorProcess(journal, *options, scheme=scheme)
    try:
        yield simulator
    finally:
        code, complaints = simulator.end()
    assert (code, complaints) in ((0, ""), (-signal.SIGKILL, ""))
