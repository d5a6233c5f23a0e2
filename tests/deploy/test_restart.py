"""A restart of the web server under traffic, behind the shipped proxy: no call fails."""

import json
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from console.accounts.models import ApiClient
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer
from console.sends.models import Send
from tests.deploy.proxy import HOST, NGINX, Proxy, proxied
from tests.security.test_as_deployed import ordered
from tests.support.demos import until
from tests.support.serving import SECONDS, Server, serving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(NGINX is None, reason="there is no nginx: .ci/install-nginx brings one"),
]

CALLERS = 6
# A file of a library, which does not lie among the console's own.
SIDECAR = "drf_spectacular_sidecar/swagger-ui-dist"
Call = tuple[str, str, dict[str, str], Any]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """As notice-console-web.socket has it: open whoever serves on it."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as opened:
        yield opened


@pytest.fixture
def start(listener: socket.socket) -> Iterator[Callable[[], Server]]:
    """Start a web server on that socket."""
    with ExitStack() as running:

        def begin() -> Server:
            return running.enter_context(
                serving(
                    listener,
                    CONSOLE_HTTPS="1",
                    CONSOLE_TRUST_PROXY="1",
                    CONSOLE_ALLOWED_HOSTS=HOST,
                    CONSOLE_STRANGER_RATE="1000000/min",
                    CONSOLE_API_RATE="1000000/min",
                )
            )

        yield begin


@pytest.fixture
def proxy(listener: socket.socket, tmp_path: Path) -> Iterator[Proxy]:
    with proxied(tmp_path, upstream=listener.getsockname()[1]) as running:
        yield running


class Traffic:
    """Callers who call without a pause, until they are told to stop. What goes wrong is among the
    `failures`; `counted` are the calls that were answered as they should be."""

    def __init__(self, proxy: Proxy, calls: Callable[[], Iterator[Call]]) -> None:
        self.proxy = proxy
        self.counted: Counter[str] = Counter()
        self.failures: list[Any] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(calls(),)) for _ in range(CALLERS)
        ]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self) -> None:
        """Until each caller has got some answers from now on."""
        then = self.counted.total()
        until(lambda: self.failures or self.counted.total() > then + 5 * CALLERS)

    def _call(self, calls: Iterator[Call]) -> None:
        while not self._over.is_set():
            method, path, headers, body = next(calls)
            asking = self.proxy.https()
            try:
                asking.request(method, path, body, {"Host": HOST, **headers})
                answer = asking.getresponse()
                text = answer.read()
            except (OSError, HTTPException) as error:
                self.failures.append((method, path, repr(error)))
            else:
                if answer.status in (200, 201):
                    self.counted[f"{method} {path}"] += 1
                else:
                    self.failures.append((method, path, answer.status, text[:200]))
            finally:
                asking.close()


@pytest.fixture
def calls(
    make_client: Callable[..., tuple[ApiClient, str]],
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Any],
    chat_server: ChatServer,
) -> Callable[..., Iterator[Call]]:
    """Pages, files, reads and sends by API, with an Idempotency-Key each or without. Some wait."""
    notice = make_notice(key="hold").notice
    chat = make_interaction()
    _client, token = make_client("read", "send")
    numbers = count(1)
    of_api = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"notice": notice.key, "interactions": [chat.pk], "why": "A restart"})

    def endless(*, with_bare_sends: bool = True) -> Iterator[Call]:
        while True:
            yield "GET", "/accounts/login/", {}, None
            yield "GET", "/static/css/tokens.css", {}, None
            yield "GET", "/api/v1/notices/", of_api, None
            key = {"Idempotency-Key": f"key {next(numbers)}"}
            yield "POST", "/api/v1/sends/", {**of_api, **key}, body
            if with_bare_sends:
                yield "POST", "/api/v1/sends/", {**of_api, "Prefer": "wait=10"}, body

    return endless


def restart(server: Server, start: Callable[[], Server]) -> Server:
    server.send(signal.SIGTERM)
    assert server.wait() == 0
    return start()


def test_no_call_fails_while_it_restarts(
    proxy: Proxy, start: Callable[[], Server], calls: Callable[..., Iterator[Call]]
) -> None:
    first, second = start(), start()
    assert first.address
    assert second.address
    with Traffic(proxy, calls) as traffic:
        traffic.goes_on()
        third = restart(first, start)
        traffic.goes_on()  # by the second alone
        assert third.address
        fourth = restart(second, start)
        assert fourth.address
        traffic.goes_on()
        # Both at once: whoever calls meanwhile waits, and is served by the next.
        for server in (third, fourth):
            server.send(signal.SIGTERM)
        for server in (third, fourth):
            assert server.wait() == 0
        assert start().address
        traffic.goes_on()

    assert traffic.failures == []
    assert Send.objects.count() == traffic.counted["POST /api/v1/sends/"]
    assert len(traffic.counted) == 4


def test_a_connection_that_was_taken_before_the_stop_is_answered(tmp_path: Path) -> None:
    """A proxy opened it for a request that is on its way."""
    server = Server(tmp_path, CONSOLE_ALLOWED_HOSTS=HOST)
    try:
        with socket.create_connection(server.place, timeout=SECONDS) as line:
            assert server.ask("/healthz", Host=HOST).status == 200  # so that one is taken, too
            place = server.place
            server.send(signal.SIGTERM)
            until(lambda: refuses(place))
            line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert line.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert server.wait() == 0
    finally:
        server.close()


def refuses(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=SECONDS).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def test_what_may_be_repeated_survives_a_crash(
    proxy: Proxy, start: Callable[[], Server], calls: Callable[..., Iterator[Call]]
) -> None:
    first, second = start(), start()
    assert first.address
    assert second.address
    with Traffic(proxy, lambda: calls(with_bare_sends=False)) as traffic:
        traffic.goes_on()
        first.send(signal.SIGKILL)
        traffic.goes_on()

    assert first.wait() == -signal.SIGKILL
    assert traffic.failures == []
    assert Send.objects.count() == traffic.counted["POST /api/v1/sends/"]


def test_without_any_process_programs_are_told_in_json(proxy: Proxy, listener: Any) -> None:
    listener.close()
    for path, media_type, words in (
        ("/api/v1/notices/", "application/json", "Idempotency-Key"),
        ("/board/", "text/html; charset=utf-8", "did not answer"),
    ):
        asking = proxy.https()
        asking.request("GET", path, headers={"Host": HOST})
        answer = asking.getresponse()
        text = answer.read().decode()
        assert answer.status == 502
        assert answer.headers["Content-Type"] == media_type
        assert answer.headers["Retry-After"] == "2"
        assert words in text
        if path.startswith("/api/"):
            assert set(json.loads(text)) == {"code", "message", "params", "details"}
        asking.close()


def test_a_body_that_the_proxy_refuses_is_refused_in_json(proxy: Proxy) -> None:
    asking = proxy.https()
    asking.putrequest("POST", "/api/v1/sends/", skip_host=True)
    asking.putheader("Host", HOST)
    asking.putheader("Content-Length", str(30_000_000))
    asking.endheaders()
    answer = asking.getresponse()
    assert (answer.status, json.load(answer)["code"]) == (413, "body_too_large")
    asking.close()


def test_its_files_have_the_headers_of_the_consoles_own(
    proxy: Proxy, start: Callable[[], Server]
) -> None:
    server = start()
    assert server.address
    told = []
    for asked in ("/static/css/tokens.css", f"/static/{SIDECAR}/swagger-ui.css"):
        asking = proxy.https()
        asking.request("GET", asked, headers={"Host": HOST})
        answer = asking.getresponse()
        assert answer.status == 200, asked
        assert answer.read()
        told.append(answer.headers)
        asking.close()
    by_proxy, by_console = told
    of_the_file = {"Content-Length", "Date", "ETag", "Last-Modified", "Vary", "X-Request-ID"}
    assert by_proxy["ETag"]
    assert by_proxy["Content-Type"].startswith("text/css")
    for name in set(by_console) - of_the_file - {"Content-Type"}:
        (one,), (other,) = by_proxy.get_all(name, []), by_console.get_all(name, [])
        assert ordered(name, one) == ordered(name, other), name


def test_a_view_that_hangs_does_not_hold_up_the_end(
    calls: Callable[..., Iterator[Call]], tmp_path: Path
) -> None:
    """It is in a thread, which nobody can end; the lock that it waits for outlasts the server."""
    server = Server(tmp_path, CONSOLE_ALLOWED_HOSTS=HOST)
    post = next(call for call in calls() if call[0] == "POST")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE sends_send IN ACCESS EXCLUSIVE MODE")
        with socket.create_connection(server.place) as line:
            line.sendall(_raw(post))
            until(lambda: _waits(cursor))
            server.send(signal.SIGTERM)
            assert server.wait() == 0
    server.close()
    assert not Send.objects.exists()


def _raw(call: Call) -> bytes:
    method, path, headers, body = call
    fields = {"Host": HOST, **headers, "Content-Length": len(body)}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {it}" for name, it in fields.items())]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def _waits(cursor: Any) -> bool:
    cursor.execute(
        "SELECT count(*) FROM pg_locks "
        "WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    return bool(cursor.fetchone()[0])
