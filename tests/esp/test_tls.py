"""TLS, with a certificate made for the test."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.esp import Client, Outcome, OutcomeKind
from tests.esp.support import (
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
