"""Who may read metrics, and the port on which a worker serves its own."""

import ipaddress
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.conf import settings
from prometheus_client import make_wsgi_app

from console.sends.observe.metrics import worker_registry

# A request with one of these headers came through a proxy, and its sender is elsewhere.
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
TIMEOUT_SECONDS = 10


class CannotShowMetrics(Exception):
    """The port can't be opened, or must not be. The text says what to do."""


def refusal(meta: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return why a request may not read metrics, as a status and a sentence; None if it may.

    `meta` is WSGI's environment, or Django's. If CONSOLE_METRICS_TOKEN is set, a request needs it.
    Otherwise it must come from this machine, and not through a proxy, behind which all requests
    look local.
    """
    if settings.METRICS_TOKEN:
        scheme, _space, token = meta.get("HTTP_AUTHORIZATION", "").partition(" ")
        right = secrets.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
        if scheme.lower() == "bearer" and right:
            return None
        return 401, "Send the site's CONSOLE_METRICS_TOKEN as a bearer token."
    if settings.TRUST_PROXY or any(name in meta for name in FORWARDED):
        return 403, "Behind a proxy metrics need a token: set CONSOLE_METRICS_TOKEN."
    if not is_loopback(meta.get("REMOTE_ADDR", "")):
        return 403, "Without CONSOLE_METRICS_TOKEN metrics are for this machine alone."
    return None


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # As HTTPServer does it, but without a DNS lookup of the machine's name.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a monitor reads every few seconds."""


@contextmanager
def metrics_port(host: str, port: int) -> Iterator[int]:
    """Serve this worker's metrics while the context lasts. Yield the port; port 0 means any free
    one. Raises CannotShowMetrics."""
    if not (settings.METRICS_TOKEN or is_loopback(host)):
        raise CannotShowMetrics(
            f"On {host} anybody could read metrics. Set CONSOLE_METRICS_TOKEN, or leave out "
            "--metrics-host."
        )
    kind = _Server6 if ":" in host else _Server
    try:
        server = kind((host, port), _Handler)
    except (OSError, OverflowError) as error:
        raise CannotShowMetrics(
            f"Can't show metrics on {host}, port {port}: {error}. Choose another --metrics-port; "
            "each worker on a machine needs its own."
        ) from error
    server.set_app(_app())
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(TIMEOUT_SECONDS)


def _app() -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    show: Any = make_wsgi_app(worker_registry())

    def app(meta: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if meta["PATH_INFO"] != "/metrics":
            return _plain(start_response, "404 Not Found", "Metrics are at /metrics.")
        refused = refusal(meta)
        if refused is not None:
            status, words = refused
            return _plain(start_response, f"{status} Refused", words)
        shown: Iterable[bytes] = show(meta, start_response)
        return shown

    return app


def _plain(start_response: Any, status: str, words: str) -> Iterable[bytes]:
    headers = [("Content-Type", "text/plain; charset=utf-8")]
    if status.startswith("401"):
        headers.append(("WWW-Authenticate", 'Bearer realm="metrics"'))
    start_response(status, headers)
    return [f"{words}\n".encode()]
