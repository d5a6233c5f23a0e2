"""Heads are stamped by a real authority of RFC 3161: `openssl ts -reply` behind real TLS."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from console.audit.models import AuditTimestamp
from console.audit.tlog.tree import newest_head
from console.audit.witnessing.timestamps import NoTimestamp, stamped_at, text_of, timestamp_make
from tests.audit.test_outside import authority  # noqa: F401 - a fixture
from tests.audit.tlog.world import sign, write
from tests.support.authority import Authority

pytestmark = [pytest.mark.django_db, pytest.mark.processes]

CONFIG = """
[ req ]
distinguished_name = name
prompt = no
[ name ]
CN = {name}
[ ca ]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[ signer ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ tsa ]
default_tsa = here
[ here ]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Stamping:
    """An authority with a root of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        self._config("Root of stamps")
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "root.key", "-out", "root.pem", "-days", "30", "-extensions", "ca",
            "-config", "openssl.cnf",
        )  # fmt: skip
        self._config("Stamps")
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "signer.key", "-out", "signer.csr", "-config", "openssl.cnf",
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key",
            "-set_serial", "7", "-days", "20", "-extfile", "openssl.cnf", "-extensions", "signer",
            "-out", "signer.pem",
        )  # fmt: skip
        self.asked: list[bytes] = []
        self.answer: Callable[[bytes], tuple[int, bytes]] = lambda body: (200, self.reply(body))

    def _config(self, name: str) -> None:
        text = CONFIG.format(name=name, folder=self.folder)
        (self.folder / "openssl.cnf").write_text(text)

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def reply(self, request: bytes) -> bytes:
        (self.folder / "request").write_bytes(request)
        self._openssl(
            "ts", "-reply", "-queryfile", "request", "-signer", "signer.pem", "-inkey",
            "signer.key", "-config", "openssl.cnf", "-out", "reply",
        )  # fmt: skip
        return (self.folder / "reply").read_bytes()


@pytest.fixture(scope="module")
def of_module(tmp_path_factory: pytest.TempPathFactory) -> Stamping:
    return Stamping(tmp_path_factory.mktemp("stamps") / "authority")


@pytest.fixture
def stamping(
    of_module: Stamping,
    authority: Authority,  # noqa: F811
    ledger: str,
    settings: Any,
) -> Iterator[Stamping]:
    made = of_module
    made.asked, made.answer = [], lambda body: (200, made.reply(body))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked.append(body)
            status, said = made.answer(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server, authority.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.TIMESTAMP_AUTHORITY = f"https://127.0.0.1:{server.server_port}/stamp"
    settings.TIMESTAMP_CERTIFICATES = str(made.root)
    settings.TIMESTAMP_CA = str(authority.ca)
    yield made
    server.shutdown()
    server.server_close()


def grow() -> None:
    write(5)
    sign()


def test_each_head_is_stamped_once(stamping: Stamping, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    for number in (1, 2):
        grow()
        made = timestamp_make()
        assert made is not None
        assert timestamp_make() is None
        assert AuditTimestamp.objects.count() == len(stamping.asked) == number
        head = newest_head()
        assert head is not None
        assert (made.size, made.origin) == (head.size, head.origin)
        assert stamped_at(bytes(made.response), text_of(head)) == made.at
        assert before - timedelta(minutes=1) < made.at
        # What is stored is what others verify, by tools of others.
        (tmp_path / "text").write_bytes(text_of(head))
        (tmp_path / "reply").write_bytes(bytes(made.response))
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-data", "text", "-in", "reply", "-CAfile", stamping.root],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Verification: OK" in done.stdout + done.stderr


def test_a_stamp_of_another_text_is_none(stamping: Stamping) -> None:
    grow()
    made = timestamp_make()
    assert made is not None
    with pytest.raises(NoTimestamp, match="Mismatch"):
        stamped_at(bytes(made.response), b"another text")
    changed = bytearray(made.response)
    changed[len(changed) // 2] ^= 1
    with pytest.raises(NoTimestamp):
        stamped_at(bytes(changed), text_of(newest_head()))


def test_an_old_answer_again_is_none(stamping: Stamping) -> None:
    """Somebody before the authority answers with what it said once for the same text."""
    grow()
    kept: list[bytes] = []

    def lost(body: bytes) -> tuple[int, bytes]:
        kept.append(stamping.reply(body))
        return 500, b""

    stamping.answer = lost
    assert timestamp_make() is None
    stamping.answer = lambda _body: (200, kept[0])
    assert timestamp_make() is None
    assert AuditTimestamp.objects.count() == 0
    assert stamped_at(kept[0], text_of(newest_head()))  # it is valid but for the nonce


def test_a_stamp_of_an_unknown_authority_is_none(
    stamping: Stamping, tmp_path: Path, settings: Any
) -> None:
    grow()
    other = Stamping(tmp_path / "another")
    settings.TIMESTAMP_CERTIFICATES = str(other.root)
    assert timestamp_make() is None
    settings.TIMESTAMP_CERTIFICATES = str(stamping.root)
    assert timestamp_make() is not None


@pytest.mark.parametrize(
    "answer", [(500, b""), (200, b""), (200, b"no stamp"), (302, b""), (200, b"\0" * 300_000)]
)
def test_answers_that_are_none(stamping: Stamping, answer: tuple[int, bytes]) -> None:
    grow()
    stamping.answer = lambda _body: answer
    assert timestamp_make() is None
    stamping.answer = lambda body: (200, stamping.reply(body))
    assert timestamp_make() is not None


def test_a_server_that_nobody_vouches_for(stamping: Stamping, settings: Any) -> None:
    grow()
    settings.TIMESTAMP_CA = ""
    assert timestamp_make() is None
    assert stamping.asked == []


def test_stamps_stay_as_they_came(stamping: Stamping) -> None:
    grow()
    assert timestamp_make() is not None
    for statement in ("UPDATE {0} SET size = 1", "DELETE FROM {0}", "TRUNCATE {0}"):
        with pytest.raises(DatabaseError, match=r"refused|permission denied"), transaction.atomic():
            connection.cursor().execute(statement.format("audit_audittimestamp"))


def test_without_an_authority_nothing_is_stamped(ledger: str) -> None:
    grow()
    assert timestamp_make() is None
