"""Addresses, certificates and cookies of Orchestration."""

import re
import ssl
from pathlib import Path
from typing import Any

import pytest

from console.esp import InvalidAddress, NotConnected, OutcomeKind, check_address
from console.esp.transports import open_channel, ors_affinity
from console.esp.transports.ors import OrsChannel, parse_address
from console.esp.transports.ors_affinity import Affinity
from tests.esp.support import NEVER, run
from tests.esp.test_ors import a_request, ask
from tests.support.orchestration import running_orchestration


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("ors+http://127.0.0.1:7210", "http://127.0.0.1:7210"),
        ("ors+https://ors.example:7210/", "https://ors.example:7210"),
        ("ORS+HTTPS://Ors:443/genesys/ors/", "https://ors:443/genesys/ors"),
        ("ors+http://[::1]:1", "http://[::1]:1"),
        ("ors+http://bücher.example:80", "http://xn--bcher-kva.example:80"),
    ],
)
def test_good_addresses(url: str, base: str) -> None:
    check_address(url)
    assert parse_address(url) == base


@pytest.mark.parametrize(
    "url",
    [
        "ors+http://",
        "ors+http://ors",
        "ors+http://ors:0",
        "ors+http://ors:65536",
        "ors+http://[::1:80",
        "ors+http:ors:80",
        "ors+http://ors:80?a=b",
        "ors+http://ors:80/#a",
        "ors+http://me:secret@ors:80",
        "ors+http://ors:80/a b",
        "ors+http://ors:80/\n",
        "ors+http://ors:80/ü",
        "ors+http://999.1.1.1:80",
        "ors+http://ors..example:80",
    ],
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(InvalidAddress, match=re.escape(repr(url))):
        check_address(url)


# --- Certificates --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both_ways(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """A server that wants to see the client's certificate, too."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate[0])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.processes
def test_a_certificate_on_both_sides(
    certificate: tuple[Path, Path], both_ways: ssl.SSLContext
) -> None:
    known = {"authorities": str(certificate[0]), "hosts": ["127.0.0.1"]}
    mine = {"certificate": certificate[0], "certificate_key": certificate[1]}
    with running_orchestration(context=both_ways) as ors:
        request = a_request(ors.start({}))
        (outcome,) = ask(ors, request, options={"ors": {**known, **mine}})
        assert outcome.kind is OutcomeKind.ACCEPTED
        with pytest.raises(NotConnected, match="not trusted"):
            ask(ors, request, options={"ors": {**mine, "hosts": ["127.0.0.1"]}})
        assert "the certificate is trusted" in run(security_of(ors.url, {**known, **mine}))
        # Under TLS 1.3 this client has written before it learns that it is refused.
        with pytest.raises(NotConnected, match="No connection to https"):
            ask(ors, request, options={"ors": known})
        assert len(ors.asked) == 1


async def security_of(url: str, options: dict[str, Any]) -> str:
    channel = await open_channel(
        url, connect_timeout=NEVER, request_timeout=NEVER, options={"ors": options}
    )
    assert isinstance(channel, OrsChannel)
    assert await channel.round_trip() > 0
    await channel.close()
    return channel.security


def test_nothing_is_said_of_tls_where_there_is_none() -> None:
    with running_orchestration() as ors:
        assert run(security_of(ors.url, {})) == ""


@pytest.mark.processes
def test_certificates_that_can_t_be_used(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"certificate": tmp_path / "none.pem"},
        {"certificate": certificate[0]},  # without its key
        {"authorities": str(tmp_path / "none.pem")},
    ]
    with running_orchestration() as ors:
        ors.url = ors.url.replace("ors+http:", "ors+https:")
        for options in wrong:
            with pytest.raises(NotConnected, match="CONSOLE_ORS_CERTIFICATE"):
                ask(ors, options={"ors": {**options, "hosts": ["127.0.0.1"]}})


# --- Cookies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("set_cookies", "header"),
    [
        ([], {}),
        (["ORSSESSIONID=1.node0; Path=/"], {"Cookie": "ORSSESSIONID=1.node0"}),
        (["a=b", "ORSSESSIONID=1; Secure", "c=d"], {"Cookie": "ORSSESSIONID=1"}),
        (["ORSSESSIONID=1", "ORSSESSIONID=2"], {"Cookie": "ORSSESSIONID=2"}),
        (["ORSSESSIONID=1", "ORSSESSIONID="], {}),
        (["ORSSESSIONID=1", "ORSSESSIONID=2; Max-Age=0"], {}),
        (["ORSSESSIONID=1\r\nX-Other: 2"], {}),
        ([f"ORSSESSIONID={'x' * 513}"], {}),
        (["a,b=1; ORSSESSIONID=1"], {}),
        (['ORSSESSIONID="a b"'], {"Cookie": 'ORSSESSIONID="a b"'}),
    ],
)
def test_what_is_learnt_of_cookies(set_cookies: list[str], header: dict[str, str]) -> None:
    affinity = Affinity()
    affinity.learn("here", set_cookies)
    assert affinity.header("here") == header
    assert affinity.header("elsewhere") == {}


def test_the_session_that_was_silent_for_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ors_affinity, "MOST", 2)
    affinity = Affinity()
    for session in ("one", "two", "one", "three"):
        affinity.learn(session, [f"ORSSESSIONID={session}"])
    assert [bool(affinity.header(name)) for name in ("one", "two", "three")] == [True, False, True]
