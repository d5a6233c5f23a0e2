"""Carries messages to a receiver of a SIEM: syslog over TLS, and HTTPS. Nothing here waits without
end, and nothing of the database is held meanwhile."""

import socket
import ssl
import time
from collections.abc import Sequence
from typing import Protocol

import httpx
from django.conf import settings

from console.audit.siem.settings import CEF, SYSLOG, Destination, header
from console.audit.siem.syslog import counted
from console.text.sentences import Sentence, wording

CONNECT_SECONDS, SEND_SECONDS, CLOSE_SECONDS = 5.0, 30.0, 2.0
# What may be in this machine's hands and not yet in the receiver's. The kernel doubles it.
SEND_BUFFER_BYTES = 32 * 1024
PIECE_BYTES = 16 * 1024
RETRY_AFTER_MOST = 3600
AGENT = "Notice-Console-SIEM/1"

NO_CONNECTION = wording("siem_no_connection", "It can't be reached: {error}")
BROKEN = wording("siem_broken", "The connection broke: {error}")
CLOSED = wording("siem_closed", "It closed the connection.")
SLOW = wording("siem_slow", "It has not taken {bytes:,} bytes within {seconds} s.")
STATUS = wording("siem_status", "It answers with the status {status}.")


class NotTaken(Exception):
    """The receiver did not take what it was sent. `wait_seconds` is how long it wants to rest."""

    def __init__(self, said: Sentence, wait_seconds: float = 0.0) -> None:
        super().__init__(str(said))
        self.said, self.wait_seconds = said, wait_seconds


class Link(Protocol):
    """A connection to a receiver."""

    def send(self, messages: Sequence[bytes]) -> None:
        """Return once the messages are taken. Raises NotTaken."""

    def close(self) -> bool:
        """Return whether the receiver has surely read all. Raises NotTaken if surely not."""

    def release(self) -> None:
        """Let it go, whatever happened."""


def linked(destination: Destination) -> Link:
    """Connect to a receiver. Raises NotTaken."""
    try:
        return SyslogLink(destination) if destination.scheme == SYSLOG else HttpsLink(destination)
    except (OSError, UnicodeError) as error:  # also of the files, and of an odd name
        raise NotTaken(NO_CONNECTION(error=_words(error))) from error


def trusted() -> ssl.SSLContext:
    """Return whom the console trusts, and what it shows of itself."""
    context = ssl.create_default_context(cafile=settings.SIEM_CA or None)
    if settings.SIEM_CERTIFICATE:
        context.load_cert_chain(settings.SIEM_CERTIFICATE, settings.SIEM_CERTIFICATE_KEY or None)
    return context


class SyslogLink:
    """RFC 5425. It has no answers: taken means that this machine's TCP has it all. `close` asks for
    more: whoever closes after us has read up to our end."""

    def __init__(self, destination: Destination) -> None:
        raw = socket.create_connection((destination.host, destination.port), CONNECT_SECONDS)
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._socket = trusted().wrap_socket(raw, server_hostname=destination.host)
        except BaseException:
            raw.close()
            raise

    def send(self, messages: Sequence[bytes]) -> None:
        content = b"".join(map(counted, messages))
        rest, ends = memoryview(content), time.monotonic() + SEND_SECONDS
        try:
            self._require_open()
            while rest:
                self._socket.settimeout(max(0.001, ends - time.monotonic()))
                rest = rest[self._socket.send(rest[:PIECE_BYTES]) :]
            self._require_open()
        except TimeoutError as error:
            raise NotTaken(SLOW(bytes=len(content), seconds=round(SEND_SECONDS))) from error
        except OSError as error:
            raise NotTaken(BROKEN(error=_words(error))) from error

    def _require_open(self) -> None:
        """Receivers say nothing. What TLS itself says is read, since a socket with something unread
        would end by a reset, and the receiver would lose what it has not read."""
        self._socket.settimeout(0)
        try:
            if not self._socket.recv(1024):
                raise NotTaken(CLOSED())
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return

    def close(self) -> bool:
        try:
            self._socket.settimeout(CLOSE_SECONDS)
            self._socket.unwrap().close()
        except TimeoutError:
            return False
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return True  # it ended without a reset: nothing was unread
        except OSError as error:
            raise NotTaken(BROKEN(error=_words(error))) from error
        return True

    def release(self) -> None:
        self._socket.close()


class HttpsLink:
    """A POST for each batch: a line for each message. Taken means an answer of 200 to 299."""

    def __init__(self, destination: Destination) -> None:
        self._address = destination.address
        kind = (
            "text/plain; charset=utf-8" if settings.SIEM_FORMAT == CEF else "application/x-ndjson"
        )
        self._client = httpx.Client(
            verify=trusted(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(SEND_SECONDS, connect=CONNECT_SECONDS),
            headers={"Content-Type": kind, "User-Agent": AGENT, **header(settings.SIEM_HEADER)},
        )

    def send(self, messages: Sequence[bytes]) -> None:
        content = b"".join(message + b"\n" for message in messages)
        try:
            with self._client.stream("POST", self._address, content=content) as answer:
                if not answer.is_success:
                    raise NotTaken(STATUS(status=answer.status_code), _retry_after(answer))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotTaken(NO_CONNECTION(error=_words(error))) from error
        except httpx.TimeoutException as error:
            raise NotTaken(SLOW(bytes=len(content), seconds=round(SEND_SECONDS))) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise NotTaken(BROKEN(error=_words(error))) from error

    def close(self) -> bool:
        return True

    def release(self) -> None:
        self._client.close()


def _retry_after(answer: httpx.Response) -> float:
    said = answer.headers.get("Retry-After", "")
    return float(min(int(said), RETRY_AFTER_MOST)) if said.isascii() and said.isdigit() else 0.0


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
