"""TLS to the database as docs/postgresql.md has it. The PostgreSQL of the tests has no TLS built
in, so something before it speaks that: what the console does with the address is the same."""

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.db import connection

from tests.deploy.proxy import HOST, make_certificate
from tests.support import warm_start
from tests.support.demos import MANAGE, ROOT, data_folder, environment
from tests.support.serving import site_settings

pytestmark = pytest.mark.django_db(transaction=True)

ASKED_FOR_TLS = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A folder with one, for the host of the document."""
    make_certificate(tmp_path)
    return tmp_path


@contextmanager
def with_tls(certificate: Path) -> Iterator[int]:
    """The port at which the tests' PostgreSQL answers to TLS alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "fullchain.pem", certificate / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            client = listener.accept()[0]
            threading.Thread(target=_serve, args=(client, context), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext) -> None:
    known = connection.settings_dict
    with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
        if client.recv(8) != ASKED_FOR_TLS:
            return
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as line:
            server.connect(f"{known['HOST']}/.s.PGSQL.{known['PORT'] or 5432}")
            threading.Thread(target=_copy, args=(server, line), daemon=True).start()
            _copy(line, server)


def _copy(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while part := one.recv(65536):
            other.sendall(part)
        other.shutdown(socket.SHUT_RDWR)


def check(port: int, authority: Path, host: str = HOST) -> subprocess.CompletedProcess[str]:
    """What a command with the document's address says; only host, port and names are other ones."""
    text = (ROOT / "docs" / "postgresql.md").read_text("utf-8")
    (example,) = re.findall(r"^ {4}DATABASE_URL=(\S+)$", text, re.MULTILINE)
    known = connection.settings_dict
    address = example.replace(
        "console:secret@db.example.org:5432/console",
        f"{known['USER']}@{host}:{port}/{known['NAME']}",
    ).replace("/etc/notice-console/db-ca.pem", str(authority))
    with data_folder() as folder:
        return warm_start.run(
            [MANAGE, "migrate", "--check"],
            env=environment(folder) | site_settings(f"{address}&hostaddr=127.0.0.1"),
            timeout=60,
        )


def test_the_server_that_the_authority_signed_is_taken(certificate: Path) -> None:
    with with_tls(certificate) as port:
        done = check(port, certificate / "fullchain.pem")
    assert done.returncode == 0, done.stderr


def test_another_server_is_not(certificate: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other)
    with with_tls(other) as port:
        done = check(port, certificate / "fullchain.pem")
    assert done.returncode == 1
    assert "certificate verify failed" in done.stderr
    with with_tls(certificate) as port:
        done = check(port, certificate / "fullchain.pem", host="another.example")
    assert done.returncode == 1
    assert "does not match host name" in done.stderr
    assert "Traceback" not in done.stderr
