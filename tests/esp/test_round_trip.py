"""The round trip that changes nothing, and what a connection says of its security."""

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import pytest

from console.esp import NotConnected, open_channel
from console.esp.transports import Probing, Secured
from tests.esp.channels import channel_to, connected
from tests.esp.support import (
    SOON,
    SimulatorProcess,
    framed,
    pass_time,
    run,
    run_with_clock,
    serving,
    silence,
    simulator_process,
)


def test_there_and_back(simulator: SimulatorProcess) -> None:
    async def try_it() -> list[float]:
        channel = await channel_to(simulator.port)
        assert isinstance(channel, Probing)
        assert isinstance(channel, Secured)
        assert channel.security == ""
        first = await channel.round_trip()
        both = await asyncio.gather(channel.round_trip(), channel.round_trip())
        assert channel.is_open
        await channel.close()
        return [first, *both]

    before = len(simulator.journalled())
    assert all(0 < seconds < 10 for seconds in run(try_it()))
    assert len(simulator.journalled()) == before


def test_a_peer_that_does_not_answer() -> None:
    async def try_it() -> str:
        async with serving(silence) as port:
            channel = await channel_to(port, request_timeout=SOON)
            with pytest.raises(NotConnected) as failed:
                await channel.round_trip()
            await channel.close()
        return str(failed.value)

    assert "did not answer a keep-alive" in run(try_it())


def test_a_peer_that_goes() -> None:
    async def goes(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(1)

    async def try_it() -> list[str]:
        said = []
        async with serving(goes) as port:
            channel = await channel_to(port)
            for _ in range(2):
                with pytest.raises(NotConnected) as failed:
                    await channel.round_trip()
                said.append(str(failed.value))
            await channel.close()
        return said

    assert all("closed the connection" in said for said in run(try_it()))


def test_a_keep_alive_that_is_out_already_serves() -> None:
    async def wait() -> None:
        connection, transport = connected(ping_interval=30, request_timeout=60)
        await pass_time(30)
        waiting = asyncio.ensure_future(connection.round_trip())
        await pass_time(0)
        await pass_time(1)
        assert len(transport.written) == 1  # the keep-alive's, and no second one
        connection.data_received(framed({"messageName": "Pong", "ReferenceId": 1}))
        assert await waiting >= 1
        waiting = asyncio.ensure_future(connection.round_trip())
        await pass_time(0)
        waiting.cancel()
        await pass_time(0)
        connection.connection_lost(None)

    run_with_clock(wait())


@pytest.mark.processes
def test_what_was_agreed_on(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    files = ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])]

    async def try_it(url: str) -> str:
        channel = await open_channel(
            url,
            connect_timeout=10,
            request_timeout=10,
            ssl_context=ssl.create_default_context(cafile=certificate[0]),
        )
        assert isinstance(channel, Secured)
        said = channel.security
        await channel.close()
        return said

    with simulator_process(tmp_path / "journal", *files, scheme="esp+json+tls") as simulator:
        said = run(try_it(simulator.url))
    assert said.startswith("TLSv1.3 with ")
    assert "the certificate is good until " in said
