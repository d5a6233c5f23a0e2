"""The ways between workers and others: real connections that fall silent, or become ghosts."""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tools.torture.ways import Way, Ways

PATIENCE_SECONDS = 20.0
# How long nothing must come. A test that waits in vain for what comes would fail at once.
SILENCE_SECONDS = 0.2


class Echo(socketserver.ThreadingTCPServer):
    """Answers what it gets. `ended` counts connections that clients have ended."""

    daemon_threads = True

    def __init__(self) -> None:
        self.taken = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        super().__init__(("127.0.0.1", 0), Answering)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Answering(socketserver.BaseRequestHandler):
    server: Echo

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                self.server.taken.release()
                self.request.sendall(data)
        self.server.ended.release()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def way(echo: Echo) -> Iterator[Way]:
    ways = Ways()
    try:
        yield ways.to(echo.port)
    finally:
        ways.close()


@contextlib.contextmanager
def connected(way: Way) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", way.port), PATIENCE_SECONDS) as client:
        yield client


def said(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return read(client, len(words))


def read(client: socket.socket, number: int) -> bytes:
    """So many bytes, or fewer if the connection ends."""
    with client.makefile("rb") as stream:
        return stream.read(number)


def brings_nothing(client: socket.socket) -> bool:
    client.settimeout(SILENCE_SECONDS)
    client.sendall(b"hello?")
    try:
        client.recv(1)
    except TimeoutError:
        return True
    return False


def test_it_carries_much_and_ends_on_both_sides(way: Way, echo: Echo) -> None:
    with connected(way) as client:
        many = b"x" * 2_000_000
        writing = threading.Thread(target=client.sendall, args=(many,))
        writing.start()
        assert read(client, len(many)) == many
        writing.join()
    assert echo.ended.acquire(timeout=PATIENCE_SECONDS)


def test_connections_of_now_fall_silent_and_stay_so(way: Way, echo: Echo) -> None:
    with connected(way) as client:
        assert said(client, b"one") == b"one"
        way.fall_silent(for_all=False)
        assert brings_nothing(client)
        with connected(way) as other:
            assert said(other, b"two") == b"two"
        way.speak()
        assert echo.ended.acquire(timeout=PATIENCE_SECONDS)
        assert brings_nothing(client)


def test_later_ones_too_until_it_speaks(way: Way) -> None:
    way.fall_silent(for_all=True)
    with connected(way) as client:
        assert brings_nothing(client)
        way.speak()
        with connected(way) as other:
            assert said(other, b"again") == b"again"


def test_whoever_gave_up_in_silence_leaves_nothing(way: Way) -> None:
    way.fall_silent(for_all=True)
    with connected(way) as client:
        assert brings_nothing(client)
    while not all(pair.client.is_over for pair in list(way._pairs)):
        time.sleep(0.001)
    way.speak()
    way.end()  # in time


def test_a_ghost_is_gone_for_the_client_alone(way: Way, echo: Echo) -> None:
    with connected(way) as client:
        assert said(client, b"one") == b"one"
        assert way.leave_ghosts() == 1
        assert read(client, 1) == b""
        assert not echo.ended.acquire(timeout=SILENCE_SECONDS)
        with connected(way) as other:
            assert said(other, b"two") == b"two"
            way.speak()
            assert echo.ended.acquire(timeout=PATIENCE_SECONDS)
            assert said(other, b"three") == b"three"


def test_it_refuses_and_accepts_again(way: Way) -> None:
    way.refuse()
    with pytest.raises(ConnectionRefusedError), connected(way):
        pass
    way.accept()
    way.accept()
    with connected(way) as client:
        assert said(client, b"here") == b"here"
