import asyncio
import socket

import pytest

from console.esp.simulator.port import Port
from tests.esp.support import run, until


class Guest(asyncio.Protocol):
    def __init__(self, events: list[str]) -> None:
        self.events = events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.events.append("came")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("went")


def is_listening(port: Port, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port.number), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_bound_listening_refusing_listening_again() -> None:
    async def go_through() -> list[bool]:
        port = Port("127.0.0.1", 0)
        number, events = port.number, list[str]()
        seen = [is_listening(port)]
        await port.listen(lambda: Guest(events))
        seen.append(is_listening(port))
        await port.refuse()
        seen.append(is_listening(port))
        await port.listen(lambda: Guest(events))
        seen.append(is_listening(port))
        await until(lambda: 0 < events.count("came") == events.count("went"))
        await port.close()
        assert port.number == number
        return seen

    assert run(go_through()) == [False, True, False, True]


def test_an_ipv6_port() -> None:
    port = Port("::1", 0)
    assert not is_listening(port, "::1")
    run(port.close())


def test_a_port_that_is_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match="Address already in use"),
    ):
        Port("127.0.0.1", other.getsockname()[1])
