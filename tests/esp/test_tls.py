"""TLS, with a certificate made for the test."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.esp import Client, Outcome, OutcomeKind, open_channel
from console.esp.connection import EspConnection
from tests.esp.support import (
    NEVER,
    SimulatorProcess,
    a_message,
    run,
    serving,
    simulator_process,
)

Certificate = tuple[Path, Path]


@pytest.fixture(scope="module")
def tls_simulator(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimulatorProcess]:
    files = ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])]
    journal = tmp_path_factory.mktemp("tls") / "journal"
    with simulator_process(journal, *files, scheme="esp+json+tls") as simulator:
        yield simulator


async def outcome_of(url: str, context: ssl.SSLContext | None = None) -> Outcome:
    async with Client(url, ssl_context=context) as client:
        return await client.request(a_message())


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


def test_accepted_over_tls(tls_simulator: SimulatorProcess, certificate: Certificate) -> None:
    outcome = run(outcome_of(tls_simulator.url, trusting(certificate)))
    assert outcome.kind is OutcomeKind.ACCEPTED


def test_a_certificate_of_nobody_known_is_not_trusted(tls_simulator: SimulatorProcess) -> None:
    outcome = run(outcome_of(tls_simulator.url))
    assert outcome.kind is OutcomeKind.NOT_SENT
    assert "its TLS certificate is not trusted (self-signed certificate)" in outcome.detail


def test_a_certificate_for_another_name_is_not_trusted(
    tls_simulator: SimulatorProcess, certificate: Certificate
) -> None:
    url = tls_simulator.url.replace("127.0.0.1", "localhost")
    outcome = run(outcome_of(url, trusting(certificate)))
    assert outcome.kind is OutcomeKind.NOT_SENT
    assert "Hostname mismatch" in outcome.detail


def test_nonsense_instead_of_tls() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async def ask() -> Outcome:
        async with serving(nonsense) as port:
            return await outcome_of(f"esp+json+tls://127.0.0.1:{port}")

    outcome = run(ask())
    assert outcome.kind is OutcomeKind.NOT_SENT
    assert "TLS could not be agreed on (WRONG_VERSION_NUMBER)" in outcome.detail


def test_without_tls_where_tls_is_spoken(tls_simulator: SimulatorProcess) -> None:
    outcome = run(outcome_of(f"esp+json://127.0.0.1:{tls_simulator.port}"))
    assert outcome.kind is OutcomeKind.UNKNOWN


def test_a_server_killed_in_the_middle_of_tls(certificate: Certificate, tmp_path: Path) -> None:
    files = ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])]
    options = [*files, "--silent-every", "1"]
    with simulator_process(tmp_path / "j", *options, scheme="esp+json+tls") as simulator:

        async def ask() -> Outcome:
            async with Client(simulator.url, ssl_context=trusting(certificate)) as client:
                await client.connect()
                future = client.submit(a_message())
                while not await asyncio.to_thread(simulator.journalled):
                    await asyncio.sleep(0.01)
                simulator.kill()
                return await future

        assert run(ask()).kind is OutcomeKind.UNKNOWN


def test_a_new_connection_may_be_written_to_at_once(
    tls_simulator: SimulatorProcess, certificate: Certificate
) -> None:
    async def open_and_send() -> Outcome:
        channel = await open_channel(
            tls_simulator.url,
            connect_timeout=NEVER,
            request_timeout=NEVER,
            ssl_context=trusting(certificate),
        )
        assert isinstance(channel, EspConnection)
        assert not channel._write_paused
        outcome = await channel.submit(a_message())
        await channel.close()
        return outcome

    assert run(open_and_send()).kind is OutcomeKind.ACCEPTED


def test_what_the_network_does_not_take_is_kept_back(certificate: Certificate) -> None:
    """More than all buffers hold: what none of them took is not sent, and never leaves."""
    size, number = 300_000, 60
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    reads, came, is_over = asyncio.Event(), bytearray(), asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reads.wait()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                came.extend(data)
        is_over.set()

    async def send() -> list[Outcome]:
        async with serving(deaf, ssl=context) as port:
            channel = await open_channel(
                f"esp+json+tls://127.0.0.1:{port}",
                connect_timeout=NEVER,
                request_timeout=2.0,
                ssl_context=trusting(certificate),
            )
            text = "x" * size
            futures = [channel.submit(a_message(text=text)) for _ in range(number)]
            outcomes = list(await asyncio.gather(*futures))
            assert not channel.is_open
            reads.set()
            await channel.close()
            await is_over.wait()
        return outcomes

    kinds = [outcome.kind for outcome in run(send())]
    left = kinds.count(OutcomeKind.UNKNOWN)
    assert kinds == [OutcomeKind.UNKNOWN] * left + [OutcomeKind.NOT_SENT] * (number - left)
    assert 0 < left < number
    assert len(came) < left * (size + 1000)
