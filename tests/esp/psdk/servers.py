"""Servers of a test's own that run beside it, while it waits for another process."""

import asyncio
import random
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.esp.support import Handler, framed, read_frame, serving


@contextmanager
def beside(handler: Handler, **options: Any) -> Iterator[int]:
    """The port of a server on a thread of its own. A handler may fail when its peer goes."""
    ready, over = threading.Event(), asyncio.Event()
    port = 0
    runner = asyncio.Runner()

    async def serve() -> None:
        nonlocal port
        async with serving(handler, **options) as port:
            ready.set()
            await over.wait()

    def run() -> None:
        try:
            with runner:
                runner.run(serve())
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(20)
        yield port
    finally:
        runner.get_loop().call_soon_threadsafe(over.set)
        thread.join(20)


def answering(message_id: int, request: Any = ...) -> Handler:
    """Answers each request with this message; without a Request where none is given."""

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            asked = await read_frame(reader)
            answer = {"messageId": message_id, "ReferenceId": asked["ReferenceId"]}
            if request is not ...:
                answer["Request"] = request
            writer.write(framed(answer))

    return handle


def echoing_out_of_order(seed: int) -> Handler:
    """Answers what it has in any order, each with its interaction's id."""

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        rng = random.Random(seed)
        held: list[bytes] = []
        while True:
            try:
                async with asyncio.timeout(0.005 if held else None):
                    asked = await read_frame(reader)
            except TimeoutError:
                pass
            else:
                held.append(_echo(asked))
                if len(held) < 8:
                    continue
            rng.shuffle(held)
            writer.write(b"".join(held))
            held.clear()

    return handle


def _echo(asked: dict[str, Any]) -> bytes:
    (interaction_id,) = [pair["value"] for pair in asked["UserData"]]
    return framed(
        {
            "messageId": 501,
            "ReferenceId": asked["ReferenceId"],
            "Request": [{"key": "Echo", "type": "str", "value": interaction_id}],
        }
    )


async def answers_once_and_goes(reader: StreamReader, writer: StreamWriter) -> None:
    asked = await read_frame(reader)
    writer.write(framed({"messageId": 501, "ReferenceId": asked["ReferenceId"], "Request": []}))
    await writer.drain()


async def answers_once_and_waits(reader: StreamReader, writer: StreamWriter) -> None:
    await answers_once_and_goes(reader, writer)
    await reader.read()


async def goes_at_once(reader: StreamReader, writer: StreamWriter) -> None:
    """Hangs up on whoever connects."""


async def hangs_up_while_it_is_written_to(reader: StreamReader, writer: StreamWriter) -> None:
    """Takes the beginning of a long request and then resets the connection."""
    await reader.read(1)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
