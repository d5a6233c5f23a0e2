"""The small client of the simulators' control port, and that of the API."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from console.demo.control import SimulatorRefused, SimulatorSilent, ask
from console.demo.feed import Feed, FeedFailed, FeedRejected
from tests.support.simulators import Simulator


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A port that answers each connection with the next of `answers`, and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _address = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def http(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def test_a_simulator_answers(start_simulator: Callable[..., Simulator]) -> None:
    simulator = start_simulator()

    ask(simulator.control_port, "open_session", interaction_id="a", user_data={})

    assert ask(simulator.control_port, "sessions")["sessions"][0]["interaction_id"] == "a"


def test_a_refusal_has_the_simulators_words(start_simulator: Callable[..., Simulator]) -> None:
    with pytest.raises(SimulatorRefused, match="No session for 'nobody'"):
        ask(start_simulator().control_port, "close_session", interaction_id="nobody")


@pytest.mark.parametrize("answer", [b"", b"no JSON\n"])
def test_no_answer_and_garbage_are_silence(answer: bytes) -> None:
    with answering(answer) as port, pytest.raises(SimulatorSilent, match=f"on port {port}"):
        ask(port, "stats")


def test_a_rejected_event_is_told() -> None:
    body = b'{"accepted": 0, "ignored": 0, "rejected": [{"index": 0, "code": "invalid_event"}]}'
    with (
        answering(http(body, "202 Accepted")) as port,
        pytest.raises(FeedRejected, match="invalid_event"),
    ):
        Feed(f"http://127.0.0.1:{port}/", "token").tell([{}])


def test_a_refused_call_is_told_with_its_status() -> None:
    with (
        answering(http(b'{"code": "not_authenticated"}', "401 Unauthorized")) as port,
        pytest.raises(FeedFailed, match=r"answers 401 to interactions/events/.*not_authenticated"),
    ):
        Feed(f"http://127.0.0.1:{port}/", "token").tell([{}])


def test_a_console_that_is_gone_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    with pytest.raises(FeedFailed, match="does not answer"):
        Feed(f"http://127.0.0.1:{port}/", "token").tell([{}])


def test_live_chats_come_from_all_pages() -> None:
    pages = [
        http(b'{"results": [{"id": "a"}], "next": "/api/v1/interactions/?page=2"}'),
        http(b'{"results": [{"id": "b"}], "next": null}'),
    ]
    with answering(*pages) as port:
        assert Feed(f"http://127.0.0.1:{port}/", "t").live_chats(["chat-east"]) == ["a", "b"]


def test_nothing_to_tell_calls_nobody() -> None:
    Feed("http://127.0.0.1:9/", "token").tell([])
