"""Channels to test: over a real socket, and without any."""

import asyncio
from typing import Any

from console.esp.connection import EspConnection
from console.esp.transports.esp_json import open_channel
from tests.esp.support import NEVER


async def channel_to(port: int, **options: Any) -> EspConnection:
    return await open_channel(
        f"esp+json://127.0.0.1:{port}",
        **{"connect_timeout": NEVER, "request_timeout": NEVER, **options},
    )


class FakeTransport(asyncio.Transport):
    """Takes what is written and lets the test decide when it is too much."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.buffered = 0
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (0, None)

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"


def connected(**options: Any) -> tuple[EspConnection, FakeTransport]:
    connection = EspConnection("chat1:1", **{"request_timeout": NEVER, **options})
    transport = FakeTransport()
    connection.connection_made(transport)
    return connection, transport
