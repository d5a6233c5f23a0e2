"""Sends through the site's own workflow: `ors+http://host:port/…`, with TLS `ors+https://…`.

Orchestration Server's REST interface (docs/orchestration.md) takes a request for the session
that handles the chat. The session's workflow makes the ESP request and answers with its outcome.

The guarantees are those of every channel: one outcome for each request, by its deadline at the
latest, and NOT_SENT only if nothing of the request was handed to the network, or the answer says so
with certainty. httpcore's trace shows the former: a request whose headers it did not begin to write
has not left. So its deadline is looked at just then.

An exchange whose request is out goes on after the deadline, as long as somebody wants to know a
late answer.
"""

import asyncio
import itertools
import logging
import re
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from console.esp.errors import InvalidAddress, NotConnected
from console.esp.messages import KVList
from console.esp.outcomes import (
    DEFAULT_LATE_GRACE,
    Outcome,
    OutcomeKind,
    nobody_knows,
    not_sent,
    nothing_sent,
)
from console.esp.requests import SERVICE, EspRequest
from console.esp.transports.ors_affinity import affinity_of
from console.esp.transports.ors_answers import NO_SESSION, from_http, trouble_of
from console.text.sentences import term

SCHEMES = {"ors+http": "http", "ors+https": "https"}
SESSION_KEY = "OrsSessionId"
REQUEST_NAME = "notice"
ANSWER_MOST = 1024 * 1024  # bytes
CONNECTIONS_MOST = 1000  # the largest window, in requests in flight
# Shorter than servers keep idle connections open: a request that meets such an end is unknown.
KEEP_IDLE_SECONDS = 4.0

# httpx does not wrap a TLS alert after the handshake.
_EXCHANGE_FAILED = (httpx.HTTPError, OSError)
# In httpcore's trace.
_WRITING = ".send_request_headers.started"
_WRITTEN = ".send_request_body.complete"
_SESSION = re.compile(r"(?!\.{1,2}$)[!-~]{1,256}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """A site's settings (docs/settings.md). Files are in PEM; secrets are never in an address."""

    session_key: str = SESSION_KEY
    request_name: str = REQUEST_NAME
    username: str = ""
    password: str = field(default="", repr=False)
    certificate: Path | None = None
    certificate_key: Path | None = None
    certificate_password: str = field(default="", repr=False)
    authorities: str = ""
    hosts: Sequence[str] = ()  # only these may see the password or the certificate
    trust_503: bool = True
    connections: int = CONNECTIONS_MOST
    late_grace: float = DEFAULT_LATE_GRACE  # seconds


def check_address(url: str) -> None:
    """Raise InvalidAddress if the address is not a scheme, a host, a port and perhaps a path."""
    parse_address(url)


def parse_address(url: str) -> str:
    """Return the http(s) address before `/scxml/…`, without a final /. Raises InvalidAddress."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        name = (host or "").encode("idna").decode()
    except ValueError as error:
        raise InvalidAddress(
            term("The address {url!r} cannot be read: {error}.", url=url, error=error)
        ) from error
    extras = ("@" in parts.netloc, parts.query, parts.fragment)
    is_plain = url.isprintable() and " " not in url and parts.path.isascii()
    if not host or not port or any(extras) or not is_plain:
        raise InvalidAddress(
            term(
                "The address {url!r} must be a scheme, a host, a port and, if need be, the path "
                "before /scxml: for example ors+https://ors.example.com:7210. User name and "
                "password are settings.",
                url=url,
            )
        )
    shown = f"[{name}]" if ":" in name else name
    base = f"{SCHEMES[parts.scheme]}://{shown}:{port}{parts.path.rstrip('/')}"
    try:
        httpx.URL(base)
    except httpx.InvalidURL as error:
        raise InvalidAddress(
            term("The address {url!r} cannot be used: {error}.", url=url, error=error)
        ) from error
    return base


async def open_channel(
    url: str,
    *,
    connect_timeout: float,
    request_timeout: float,
    ssl_context: ssl.SSLContext | None = None,
    **options: Any,
) -> "OrsChannel":
    """Make a test request to Orchestration before any chat's request is at risk.

    So a wrong name, port, certificate or password shows here, where nothing can become unknown:
    under TLS 1.3 a client learns that its certificate is refused only after it has written. Raises
    InvalidAddress or NotConnected.
    """
    base = parse_address(url)
    chosen = Options(**options)
    _protect_credentials(base, chosen)
    try:
        context = ssl_context or _ssl_context(base, chosen)
    except OSError as error:  # an SSLError is one
        raise NotConnected(
            term(
                "The certificates for {base} cannot be used: {error}. Correct "
                "CONSOLE_ORS_CERTIFICATE, CONSOLE_ORS_CERTIFICATE_KEY or CONSOLE_ORS_CA.",
                base=base,
                error=error.strerror or error,
            )
        ) from error
    channel = OrsChannel(base, chosen, context, connect_timeout, request_timeout)
    try:
        await channel.round_trip()
    except NotConnected:
        await channel.close()
        raise
    return channel


def _protect_credentials(base: str, options: Options) -> None:
    """Raise NotConnected if the credentials would go to an unlisted host, or in the clear.

    A person who may write an address must not learn the credentials that way, nor may anybody on
    the network.
    """
    if not options.username and options.certificate is None:
        return
    parts = urlsplit(base)
    host = parts.hostname or ""
    if host not in {name.lower() for name in options.hosts}:
        raise NotConnected(
            term(
                "The credentials for Orchestration are not shown to {host}. If they are meant for "
                "it, add it to CONSOLE_ORS_HOSTS; if not, correct the Chat Server's address.",
                host=host,
            )
        )
    if options.username and parts.scheme == "http" and not _is_this_machine(host):
        raise NotConnected(
            term(
                "The password for Orchestration would go to {host} in the clear. Give the Chat "
                "Server an address with ors+https://, or unset CONSOLE_ORS_USERNAME.",
                host=host,
            )
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ssl_context(base: str, options: Options) -> ssl.SSLContext | bool:
    if base.startswith("http:"):
        return False  # nothing to verify, and loading all authorities is slow
    context = ssl.create_default_context(cafile=options.authorities or None)
    if options.certificate is not None:
        # Without a password OpenSSL would ask at the terminal.
        context.load_cert_chain(
            options.certificate, options.certificate_key, options.certificate_password
        )
    return context


class OrsChannel:
    """A `Channel` with an HTTP exchange for each request, over connections that are kept open."""

    def __init__(
        self,
        base: str,
        options: Options,
        context: ssl.SSLContext | bool,
        connect_timeout: float,
        request_timeout: float,
    ) -> None:
        self._base = base
        self._options = options
        self._connect_timeout = connect_timeout
        self._request_timeout = request_timeout
        self._affinity = affinity_of(base)
        self._reference_ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: set[asyncio.Task[None]] = set()
        self.stray_answers = 0  # HTTP has none
        self.late_answers = 0
        self._refusal = ""  # why requests are refused; empty if open
        self.security = ""  # of the last round trip; empty without TLS
        self._http = httpx.AsyncClient(
            verify=context,
            auth=(options.username, options.password) if options.username else None,
            # `_until_deadline` sets one deadline for the whole of a request.
            timeout=httpx.Timeout(None, connect=connect_timeout),
            limits=httpx.Limits(
                max_connections=options.connections, keepalive_expiry=KEEP_IDLE_SECONDS
            ),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # they are the sessions'
            trust_env=False,
            headers={"User-Agent": "notice-console", "Accept": "application/json"},
        )

    # The channel

    @property
    def is_open(self) -> bool:
        """Whether new requests are accepted."""
        return not self._refusal

    def submit(
        self, request: EspRequest, *, since: float | None = None
    ) -> "asyncio.Future[Outcome]":
        """Send a request; see `Channel.submit`."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.send(request, partial(_resolve, future), since=since)
        return future

    def send(
        self,
        request: EspRequest,
        settle: Callable[[Outcome], None],
        *,
        since: float | None = None,
        late: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Send a request; see `Channel.send`."""
        if self._refusal:
            settle(nothing_sent(self._refusal))
            return
        session = request.user_data.get(self._options.session_key)
        if not isinstance(session, str) or not _SESSION.fullmatch(session):
            settle(not_sent(self._complaint(session), retryable=False))
            return
        now = asyncio.get_running_loop().time()
        due = self._request_timeout + (now if since is None else min(since, now))
        if due <= now:
            settle(nothing_sent(self._too_late()))
            return
        exchange = _Exchange(next(self._reference_ids), now, due)
        answering = self._answered(exchange, session, request)
        self._start(self._tasks, self._carry_out(exchange, answering, settle, late))

    async def close(self, *, listen: float = 0.0) -> None:
        """Accept no new requests, wait for those in flight, and close; see `Channel.close`."""
        self._refusal = self._refusal or term(
            "The connection to {address} was closed.", address=self._base
        )
        deadline = asyncio.get_running_loop().time() + listen
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        if self._listening:
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait(set(self._listening), timeout=max(0.0, left))
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await self._http.aclose()

    def _start(
        self, tasks: "set[asyncio.Task[None]]", coroutine: Coroutine[Any, Any, None]
    ) -> None:
        task = asyncio.ensure_future(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # Exchanges

    async def round_trip(self) -> float:
        """Return the seconds of a request that changes nothing. Raises NotConnected."""
        began_at = asyncio.get_running_loop().time()
        try:
            async with (
                asyncio.timeout(self._connect_timeout),
                self._http.stream("GET", f"{self._base}/ors/help") as response,
            ):
                trouble = trouble_of(response.status_code)
                self.security = _security_of(response)
        except TimeoutError as error:
            raise NotConnected(
                term(
                    "No answer from {address} within {seconds:g} seconds.",
                    address=self._base,
                    seconds=self._connect_timeout,
                )
            ) from error
        except _EXCHANGE_FAILED as error:
            raise NotConnected(
                term(
                    "No connection to {address}: {reason}.",
                    address=self._base,
                    reason=_reason(error),
                )
            ) from error
        if trouble:
            raise NotConnected(trouble)
        return asyncio.get_running_loop().time() - began_at

    async def _carry_out(
        self,
        exchange: "_Exchange",
        answered: Coroutine[Any, Any, Outcome],
        settle: Callable[[Outcome], None],
        late: Callable[[Outcome], None] | None,
    ) -> None:
        answering = asyncio.ensure_future(answered)
        left = exchange.due - asyncio.get_running_loop().time()
        await asyncio.wait({answering}, timeout=max(0.0, left))
        if late is None or not exchange.is_out:
            await _cancelled(answering)
        is_answered = answering.done() and not answering.cancelled()
        outcome = answering.result() if is_answered else self._in_vain(exchange)
        if outcome.kind is OutcomeKind.UNKNOWN or outcome.kind is OutcomeKind.NOT_SENT:
            # The next channel makes a test request before any chat's request is at risk.
            self._refusal = self._refusal or outcome.why
        settle(outcome)
        if late is not None and not answering.done():
            self._start(self._listening, self._await_late(exchange, answering, late))

    async def _await_late(
        self,
        exchange: "_Exchange",
        answering: "asyncio.Future[Outcome]",
        late: Callable[[Outcome], None],
    ) -> None:
        try:
            await asyncio.wait({answering}, timeout=self._options.late_grace)
        finally:
            await _cancelled(answering)
        if answering.cancelled():
            return
        outcome = answering.result()
        if outcome.kind is OutcomeKind.UNKNOWN:
            return  # as it was, or because the exchange failed
        self.late_answers += 1
        _log.info(
            "a late answer", extra={"peer": self._base, "reference_id": exchange.reference_id}
        )
        late(outcome)

    def _too_late(self) -> str:
        return term(
            "It could not be written to {address} within {seconds:g} seconds.",
            address=self._base,
            seconds=self._request_timeout,
        )

    def _in_vain(self, exchange: "_Exchange") -> Outcome:
        """Return the outcome of an exchange whose time is over."""
        why = self._too_late()
        if exchange.may_have_left:
            why = term(
                "No answer from {address} within {seconds:g} seconds.",
                address=self._base,
                seconds=self._request_timeout,
            )
        return exchange.without_answer(why)

    async def _answered(self, exchange: "_Exchange", session: str, request: EspRequest) -> Outcome:
        """Carry out an exchange, and return its outcome whatever fails."""
        try:
            return await self._exchange(exchange, session, request)
        except _Overdue:
            return self._in_vain(exchange)
        except _EXCHANGE_FAILED as error:
            return exchange.without_answer(
                term(
                    "The exchange with {address} failed: {reason}.",
                    address=self._base,
                    reason=_reason(error),
                )
            )
        except Exception as error:  # whatever it is, the request needs an outcome
            return exchange.without_answer(
                term("The console failed to send it: {error}.", error=repr(error))
            )

    async def _exchange(self, exchange: "_Exchange", session: str, request: EspRequest) -> Outcome:
        path = f"/scxml/session/{quote(session, safe='')}/request/"
        async with self._http.stream(
            "POST",
            f"{self._base}{path}{quote(self._options.request_name, safe='')}",
            content=body_of(request, exchange.reference_id),
            headers={"Content-Type": "application/json", **self._affinity.header(session)},
            extensions={"trace": exchange.trace},
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_MOST:
                    return exchange.without_answer(
                        term(
                            "The answer of {address} is longer than {limit:,} bytes.",
                            address=self._base,
                            limit=ANSWER_MOST,
                        )
                    )
        if response.status_code in NO_SESSION:
            self._affinity.forget(session)
        else:
            self._affinity.learn(session, response.headers.get_list("set-cookie"))
        return from_http(
            response.status_code,
            bytes(body),
            reference_id=exchange.reference_id,
            round_trip=asyncio.get_running_loop().time() - exchange.began_at,
            trust_503=self._options.trust_503,
        )

    def _complaint(self, session: object) -> str:
        key = self._options.session_key
        if session is None:
            return term(
                "The chat's user data has no {key}, so its Orchestration session is not "
                "known. Let the feed tell it (docs/orchestration.md).",
                key=key,
            )
        return term(
            "The chat's {key} is no id of an Orchestration session: {session!r}.",
            key=key,
            session=str(session)[:100],
        )


class _Overdue(Exception):
    """The request's time was over before it could be written."""


@dataclass(slots=True)
class _Exchange:
    """One request on its way, whether any of it may have left, and whether all of it has."""

    reference_id: int
    began_at: float
    due: float
    may_have_left: bool = False
    is_out: bool = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Record how far sending is. httpcore calls this at each of its steps. Raises _Overdue if
        it must not begin any more."""
        if event.endswith(_WRITING):
            if asyncio.get_running_loop().time() >= self.due:
                raise _Overdue
            self.may_have_left = True
        elif event.endswith(_WRITTEN):
            self.is_out = True

    def without_answer(self, why: str) -> Outcome:
        if self.may_have_left:
            return nobody_knows(why, self.reference_id)
        return nothing_sent(why, self.reference_id)


def body_of(request: EspRequest, reference_id: int) -> bytes:
    """Return the request for the workflow. It omits the user data, which the session has."""
    parameters = request.request.get("Parameters")
    assert isinstance(parameters, KVList)  # noqa: S101  # every request is built so
    return msgspec.json.encode(
        {
            "service": SERVICE,
            "method": request.method,
            "parameters": {pair.key: pair.value for pair in parameters},
            "interaction_id": request.user_data.get("InteractionId", ""),
            "reference_id": reference_id,
        }
    )


def _security_of(response: httpx.Response) -> str:
    tls = response.extensions["network_stream"].get_extra_info("ssl_object")
    if tls is None:
        return ""
    return term(
        "{version}, {cipher}; the certificate is trusted and of this host.",
        version=tls.version(),
        cipher=tls.cipher()[0],
    )


def _reason(error: Exception) -> str:
    """Return a description of an error. httpx's own errors wrap the system's, and may be empty."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return term(
                "its TLS certificate is not trusted ({verify_message})",
                verify_message=cause.verify_message,
            )
        if isinstance(cause, ConnectionRefusedError):
            return term("it was refused (is Orchestration running there?)")
        cause = cause.__cause__ or cause.__context__
    return str(error).rstrip(".") or type(error).__name__


async def _cancelled(task: "asyncio.Future[Any]") -> None:
    """Cancel a task unless it is done, and wait for its end."""
    task.cancel()
    await asyncio.wait({task})


def _resolve(future: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not future.done():  # its waiter may have been cancelled
        future.set_result(outcome)
