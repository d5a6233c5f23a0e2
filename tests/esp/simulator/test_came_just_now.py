"""A client that connects while a port is closed is let go, like all others."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.esp.simulator.control import Control
from console.esp.simulator.journal import Journal
from console.esp.simulator.server import Simulator
from tests.esp.support import PATIENCE, run

# How far the event loop has got with it. After the last one it is known in any case.
turns = pytest.mark.parametrize("turns", range(6))


@contextlib.contextmanager
def journal(path: Path) -> Iterator[Journal]:
    kept = Journal(path / "journal")
    try:
        yield kept
    finally:
        kept.close()


async def connect(port: int, turns: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), PATIENCE)
    for _turn in range(turns):
        await asyncio.sleep(0)
    return client


def is_let_go(client: socket.socket) -> bool:
    with client:
        client.settimeout(1)
        try:
            return client.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


@turns
def test_of_the_chat_server(tmp_path: Path, turns: int) -> None:
    async def stop(kept: Journal) -> socket.socket:
        simulator = Simulator("CS", kept)
        await simulator.start("127.0.0.1", 0)
        client = await connect(simulator.port, turns)
        await simulator.stop()
        return client

    with journal(tmp_path) as kept:
        assert is_let_go(run(stop(kept)))


@turns
def test_of_a_chat_server_that_refuses_from_now_on(tmp_path: Path, turns: int) -> None:
    async def refuse(kept: Journal) -> bool:
        simulator = Simulator("CS", kept)
        await simulator.start("127.0.0.1", 0)
        client = await connect(simulator.port, turns)
        await simulator.set_faults({"not_listening": True})
        gone = await asyncio.to_thread(is_let_go, client)
        await simulator.stop()
        return gone

    with journal(tmp_path) as kept:
        assert run(refuse(kept))


@turns
def test_of_the_control_port(tmp_path: Path, turns: int) -> None:
    async def stop(kept: Journal) -> socket.socket:
        simulator = Simulator("CS", kept)
        await simulator.start("127.0.0.1", 0)
        control = Control(simulator)
        await control.start(0)
        client = await connect(control.port, turns)
        await control.stop()
        await simulator.stop()
        return client

    with journal(tmp_path) as kept:
        assert is_let_go(run(stop(kept)))
