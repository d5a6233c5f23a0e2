"""A process that stood still: answers that came in time count, though nobody has read them."""

import os
import signal
import subprocess
import sys
import time
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from threading import Event

import pytest

from tests.esp.psdk.servers import beside
from tests.esp.support import read_frame, response

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 1.5
PATIENCE_SECONDS = 30.0
# The process waits for its answer and nothing else, until its request's time is over.
ASKING = f"""
import asyncio, sys
from tests.esp.channels import channel_to
from tests.esp.support import a_message

async def ask():
    channel = await channel_to(int(sys.argv[1]), request_timeout={TIMEOUT_SECONDS})
    outcome = await channel.submit(a_message())
    await channel.close()
    return outcome

print(asyncio.run(ask()).kind.value)
"""


class Answering:
    """Answers once it is told to, and says when a request has come and was answered."""

    def __init__(self) -> None:
        self.has_come, self.is_told, self.has_answered = Event(), Event(), Event()

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        frame = await read_frame(reader)
        self.has_come.set()
        assert self.is_told.wait(PATIENCE_SECONDS)
        writer.write(response(frame["ReferenceId"]))
        await writer.drain()
        self.has_answered.set()
        await reader.read()


def test_an_answer_in_time_is_read_before_its_request_is_ended() -> None:
    server = Answering()
    with (
        beside(server) as port,
        subprocess.Popen(
            [sys.executable, "-c", ASKING, str(port)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as asking,
    ):
        try:
            assert server.has_come.wait(PATIENCE_SECONDS)
            asking.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, asking.pid, os.WSTOPPED | os.WNOWAIT)
            server.is_told.set()
            assert server.has_answered.wait(PATIENCE_SECONDS)
            over = time.monotonic() + 2 * TIMEOUT_SECONDS
            while time.monotonic() < over:
                time.sleep(over - time.monotonic())
            asking.send_signal(signal.SIGCONT)
            said, _errors = asking.communicate(timeout=PATIENCE_SECONDS)
        finally:
            asking.kill()
    assert said == "accepted\n"
