"""TLS of `psdk+tls://` addresses, by Java's own means."""

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.esp.psdk.tls import name_fits
from tests.esp.psdk.servers import answering, beside
from tests.esp.support import silence
from tests.support.java_stand_ins import JavaProcess, needs_java

Certificate = tuple[Path, Path]
PASSWORD = "only for tests"
DNS, IP = 2, 7


@pytest.fixture(scope="module")
def stores(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """What may be set: whom to trust, and who one is."""
    folder = tmp_path_factory.mktemp("stores")
    mine = str(folder / "mine.p12")
    command = ["openssl", "pkcs12", "-export", "-inkey", str(certificate[1])]
    command += ["-in", str(certificate[0]), "-out", mine, "-passout", f"pass:{PASSWORD}"]
    subprocess.run(command, check=True, capture_output=True)
    others = str(folder / "others.p12")
    command = ["keytool", "-importcert", "-noprompt", "-alias", "chat", "-storetype", "PKCS12"]
    command += ["-file", str(certificate[0]), "-keystore", others, "-storepass", PASSWORD]
    subprocess.run(command, check=True, capture_output=True)
    return {
        "pem": {"trust_store": str(certificate[0])},
        "pkcs12": {"trust_store": others, "trust_store_password": PASSWORD},
        "wrong password": {"trust_store": others, "trust_store_password": "wrong"},
        "own": {
            "trust_store": str(certificate[0]),
            "key_store": mine,
            "key_store_password": PASSWORD,
        },
    }


@pytest.fixture(scope="module")
def port(certificate: Certificate) -> Iterator[int]:
    """Of a server with TLS that asks for no certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with beside(answering(501, []), ssl=context) as port:
        yield port


def ask(java: JavaProcess, url: str, stores: dict[str, str]) -> tuple[str, str]:
    (outcome,) = java.play("ask", url=url, requests=[{"text": "Grüße"}], stores=stores)
    return outcome["kind"], outcome["detail"]


async def says_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"Speak plainly!\r\n")


@needs_java
class TestHandshakes:
    @pytest.mark.parametrize("trusted", ["pem", "pkcs12"])
    def test_accepted(
        self, java: JavaProcess, port: int, stores: dict[str, dict[str, str]], trusted: str
    ) -> None:
        kind, _detail = ask(java, f"psdk+tls://127.0.0.1:{port}", stores[trusted])
        assert kind == "accepted"

    def test_a_certificate_of_nobody_known_is_not_trusted(
        self, java: JavaProcess, port: int
    ) -> None:
        kind, detail = ask(java, f"psdk+tls://127.0.0.1:{port}", {})
        assert kind == "not_sent"
        assert "TLS" in detail

    @pytest.mark.parametrize("query", ["?tls-host=chat1.example.com", ""])
    def test_a_certificate_for_another_name_is_not_trusted(
        self, java: JavaProcess, port: int, stores: dict[str, dict[str, str]], query: str
    ) -> None:
        host = "127.0.0.1" if query else "localhost"
        kind, detail = ask(java, f"psdk+tls://{host}:{port}{query}", stores["pem"])
        assert kind == "not_sent"
        wanted = query.rpartition("=")[2] or host
        assert f"it is for 127.0.0.1, and not for {wanted}" in detail

    def test_the_name_that_is_expected_may_be_another_than_the_address(
        self, java: JavaProcess, port: int, stores: dict[str, dict[str, str]]
    ) -> None:
        url = f"psdk+tls://localhost:{port}?tls-host=127.0.0.1&addp-timeout=5"
        assert ask(java, url, stores["pem"])[0] == "accepted"

    def test_a_store_that_cannot_be_opened(
        self, java: JavaProcess, port: int, stores: dict[str, dict[str, str]]
    ) -> None:
        kind, detail = ask(java, f"psdk+tls://127.0.0.1:{port}", stores["wrong password"])
        assert kind == "not_sent"
        assert "password" in detail

    def test_who_shows_no_tls_is_not_believed(
        self, java: JavaProcess, stores: dict[str, dict[str, str]]
    ) -> None:
        with beside(says_no_tls) as plain:
            kind, detail = ask(java, f"psdk+tls://127.0.0.1:{plain}", stores["pem"])
        assert kind == "not_sent"
        assert "No connection to" in detail

    def test_who_never_shakes_hands(
        self, java: JavaProcess, stores: dict[str, dict[str, str]]
    ) -> None:
        with beside(silence) as plain:
            (outcome,) = java.play(
                "ask",
                url=f"psdk+tls://127.0.0.1:{plain}",
                requests=[{"text": "Hello"}],
                stores=stores["pem"],
                connect=0.2,
            )
        assert outcome["kind"] == "not_sent"

    def test_a_server_that_asks_for_a_certificate(
        self, java: JavaProcess, certificate: Certificate, stores: dict[str, dict[str, str]]
    ) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate[0])
        context.load_cert_chain(*certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        with beside(answering(501, []), ssl=context) as asking:
            url = f"psdk+tls://127.0.0.1:{asking}"
            assert ask(java, url, stores["own"])[0] == "accepted"
            assert ask(java, url, stores["pem"])[0] != "accepted"

    def test_what_only_servers_are_asked_is_answered_by_java(self, java: JavaProcess) -> None:
        has_authorities, refused = java.play("what_tls_does_not_ask_of_clients")
        assert (has_authorities, refused) == (True, "IllegalArgumentException")

    def test_a_channel_says_how_it_is_secured(
        self, java: JavaProcess, port: int, stores: dict[str, dict[str, str]]
    ) -> None:
        said = java.play("security", url=f"psdk+tls://127.0.0.1:{port}", stores=stores["pem"])
        assert said == ["Java trusts the certificate, and it is for 127.0.0.1.", True, False]


@pytest.mark.parametrize(
    ("host", "names", "fits"),
    [
        ("chat1.example.com", [(DNS, "chat1.example.com")], True),
        ("CHAT1.example.com.", [(DNS, "chat1.Example.com")], True),
        ("chat1.example.com", [(DNS, "other.example.com"), (DNS, "*.example.com")], True),
        ("a.chat1.example.com", [(DNS, "*.example.com")], False),
        ("example.com", [(DNS, "*.example.com")], False),
        ("example.com", [(DNS, "*.com")], False),
        ("chat1.example.com", [(DNS, "*")], False),
        ("chat1.example.com", [(DNS, "ch*.example.com")], False),
        ("chat1.example.com", [(1, "chat1.example.com")], False),
        ("chat1.example.com", [], False),
        ("bücher.example", [(DNS, "xn--bcher-kva.example")], True),
        ("chat1.example.com", [(DNS, "a..b")], False),
        ("10.0.0.1", [(IP, "10.0.0.1")], True),
        ("10.0.0.1", [(DNS, "10.0.0.1")], False),
        ("10.0.0.1", [(IP, "10.0.0.2"), (IP, "no address")], False),
        ("::1", [(IP, "0:0:0:0:0:0:0:1")], True),
    ],
)
def test_names_of_certificates(host: str, names: list[tuple[int, str]], fits: bool) -> None:
    assert name_fits(host, names) is fits
