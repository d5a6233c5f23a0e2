"""Who was accepted when a server stops is served."""

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from console.listening import stop_listening
from console.web.server.http import ConsoleServer
from tests.esp.support import run, until

# How far the event loop has got with a connection: it is accepted in the second turn, and made in
# the fourth.
turns = pytest.mark.parametrize("turns", range(2, 6))


async def pass_turns(turns: int) -> None:
    for _turn in range(turns):
        await asyncio.sleep(0)


class Guest(asyncio.Protocol):
    def __init__(self, here: list[asyncio.BaseTransport]) -> None:
        self._here = here

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._here.append(transport)


@turns
def test_its_protocol_knows_it_when_the_port_is_closed(turns: int) -> None:
    async def stop() -> None:
        here: list[asyncio.BaseTransport] = []
        server = await asyncio.get_running_loop().create_server(lambda: Guest(here), "127.0.0.1", 0)
        place = server.sockets[0].getsockname()
        with socket.create_connection(place, 20):
            await pass_turns(turns)
            await stop_listening(server)
            (transport,) = here
            transport.close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(place, 20)
        await until(lambda: transport.get_extra_info("socket").fileno() < 0)

    run(stop())


@turns
def test_the_web_server_answers_it(turns: int) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def stop() -> bytes:
        config = uvicorn.Config(application, lifespan="off", log_config=None)
        config.load()
        server = ConsoleServer(config, announce=lambda: None, leaves_nothing=False)
        server.lifespan = config.lifespan_class(config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            await server.startup([listener])
            with socket.create_connection(listener.getsockname(), 20) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await pass_turns(turns)
                await server.shutdown([listener])
                return client.recv(1000)

    assert run(stop()).startswith(b"HTTP/1.1 204 ")
