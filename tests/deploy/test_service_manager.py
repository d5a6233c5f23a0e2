"""What systemd hands to the web server, by its own program, and what it is told."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from console.web.server.service_manager import WrongSocket, handed_socket, tell
from tests.deploy.proxy import free_port
from tests.support.demos import ROOT

ACTIVATE = shutil.which("systemd-socket-activate")
# Takes one connection on what it was handed, and says what a child of it would find.
TAKE_ONE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from console.web.server.service_manager import handed_socket
listener = handed_socket()
line, _address = listener.accept()
line.sendall(repr((listener.get_inheritable(), "LISTEN_FDS" in os.environ)).encode())
"""


@pytest.mark.skipif(ACTIVATE is None, reason="there is no systemd-socket-activate")
def test_it_takes_the_socket_of_systemd() -> None:
    port = free_port()
    command = [sys.executable, "-c", TAKE_ONE, str(ROOT)]
    with subprocess.Popen(
        [str(ACTIVATE), "--listen", f"127.0.0.1:{port}", *command],
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert "Listening on" in running.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            assert line.recv(100) == b"(False, False)"
    assert running.returncode == 0


@contextmanager
def handed(opened: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`opened` as this process's descriptor 3, whatever that is otherwise."""
    monkeypatch.setattr("console.web.server.service_manager.FIRST_DESCRIPTOR", opened.fileno())
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    yield


def test_without_one_it_opens_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_socket() is None
    monkeypatch.setenv("LISTEN_PID", "1")  # of a parent, which did not take it
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert handed_socket() is None


def test_one_that_does_not_listen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        closing(socket.socket()) as opened,
        handed(opened, monkeypatch),
        pytest.raises(WrongSocket, match="ListenStream="),
    ):
        handed_socket()


def test_several_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket()) as opened, handed(opened, monkeypatch):
        monkeypatch.setenv("LISTEN_FDS", "2")
        with pytest.raises(WrongSocket, match="2 came"):
            handed_socket()


@pytest.mark.parametrize("name", ["{folder}/notify", "@notice-console-test-{pid}"])
def test_it_tells_that_it_is_ready(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = name.format(folder=tmp_path, pid=os.getpid())
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0", 1))
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        tell("READY=1")
        assert manager.recv(100) == b"READY=1"
