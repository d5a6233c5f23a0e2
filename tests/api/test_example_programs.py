"""The programs of docs/examples behind a proxy that fails: nothing is claimed that nobody knows,
and nothing is lost."""

import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.api.workflow_page import EXAMPLES, event_of, run_event_logger_script

PAGE = b"<html><head><title>Bad Gateway</title></head></html>"
DELIVERED = {"deliveries": [{"status": "delivered", "reason": "", "detail": ""}]}
REFUSAL = {"code": "notice_not_published", "message": "It is not published."}
CUT_OFF = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"


def answer(status: int, body: object) -> bytes:
    """As bytes on the line; a page is given as bytes, all else is JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content)


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives these answers in their order, the last one again and again; its address,
    and what it was asked."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # `path` would not tell: the standard library makes one slash of two.
            assert " //" not in self.requestline, self.requestline
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.wfile.write(left.pop(0) if len(left) > 1 else left[0])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


@pytest.fixture
def send_notice(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """The program's exit status. It does not wait between its tries."""
    path = EXAMPLES / "send_notice.py"
    spec = importlib.util.spec_from_file_location("send_notice", path)
    assert spec is not None
    assert spec.loader is not None
    program: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "PAUSE_SECONDS", 0)
    monkeypatch.setattr("sys.argv", ["send_notice.py", "agent-soon", "0001aB3"])

    def run(console: str) -> int:
        monkeypatch.setenv("NOTICE_CONSOLE", console)
        monkeypatch.setenv("NOTICE_CONSOLE_TOKEN", "token")
        status: int = program.main()
        return status

    return run


def test_an_address_may_end_with_a_slash(send_notice: Callable[[str], int]) -> None:
    """As the demo prints it, and as browsers show it."""
    with answering(answer(201, DELIVERED)) as (console, asked):
        assert send_notice(f"{console}/") == 0
    assert len(asked) == 1


def test_a_crash_is_no_statement_about_the_customer() -> None:
    crashed = subprocess.run(
        [sys.executable, EXAMPLES / "send_notice.py"], env={}, capture_output=True, timeout=60
    )
    assert b"Traceback" in crashed.stderr
    assert crashed.returncode not in (0, 3)


@pytest.mark.parametrize(
    "said",
    [
        answer(500, PAGE),
        answer(502, PAGE),
        answer(502, REFUSAL),
        answer(504, PAGE),
        answer(201, PAGE),
        answer(201, []),
        answer(201, {"deliveries": [{}]}),
        answer(403, PAGE),
        answer(404, ["not", "the", "console"]),
        CUT_OFF,
        CUT_OFF.replace(b"201 Created", b"422 Refused"),
        b"",
    ],
)
def test_what_can_not_be_read_is_unknown(send_notice: Callable[[str], int], said: bytes) -> None:
    with answering(said) as (console, asked):
        assert send_notice(console) == 2
    assert len(asked) == 3
    assert len(set(asked)) == 1


def test_another_try_has_the_outcome(send_notice: Callable[[str], int]) -> None:
    with answering(answer(502, PAGE), CUT_OFF, answer(201, DELIVERED)) as (console, _asked):
        assert send_notice(console) == 0


@pytest.mark.parametrize("before", [[], [answer(429, REFUSAL)]])
def test_a_refusal_is_certain(send_notice: Callable[[str], int], before: list[bytes]) -> None:
    with answering(*before, answer(422, REFUSAL)) as (console, _asked):
        assert send_notice(console) == 3


@pytest.mark.parametrize(
    "answers",
    [
        [answer(504, PAGE), answer(422, REFUSAL)],  # the first one may have been carried out
        [answer(409, {**REFUSAL, "code": "idempotency_key_reused"})],  # another send has shown it
    ],
)
def test_a_refusal_after_what_may_have_been_sent_is_unknown(
    send_notice: Callable[[str], int], answers: list[bytes]
) -> None:
    with answering(*answers) as (console, _asked):
        assert send_notice(console) == 2


def test_the_script_of_event_logger_tries_again_until_the_console_answers() -> None:
    if shutil.which("groovy") is None:
        pytest.skip("groovy is not installed")
    taken = {"accepted": 1, "ignored": 0, "rejected": []}
    answers = [answer(502, PAGE), answer(202, PAGE), answer(202, taken)]
    with answering(*answers) as (console, asked):
        said = run_event_logger_script(console, "token", [event_of(161, "00.100", Id="0001aB3")])
    assert said == taken
    assert len(asked) == 3
    assert len(set(asked)) == 1
