"""A `Channel` over one channel of the SDK: many requests in flight, each on a waiting thread.

Only the SDK's `request` is documented with its result and exceptions. So each request in flight has
a thread that only waits in Java. The guarantees are those of `EspConnection`: one outcome a
request, by its deadline at the latest, and NOT_SENT only if the SDK was never told to send it, or
says that it did not.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import SimpleQueue

from console.esp import jvm
from console.esp.messages import DEFAULT_LIMITS
from console.esp.outcomes import Outcome, OutcomeKind, nobody_knows, not_sent, nothing_sent
from console.esp.psdk.sdk import Opened, Sdk
from console.esp.requests import EspRequest
from console.text.sentences import term

# Requests beyond that wait for a thread, and count as not sent until then.
THREADS_MOST = 256
GOODBYE_SECONDS = 1.0


@dataclass(slots=True)
class _Call:
    reference_id: int
    request: EspRequest
    settle: Callable[[Outcome], None]
    submitted_at: float
    has_begun: bool = False  # Java was told to send it
    is_over: bool = False  # it must not begin any more


class PsdkChannel:
    """A channel made by `transports.psdk.open_channel`; times are in seconds."""

    def __init__(
        self, sdk: Sdk, opened: Opened, peer: str, *, request_timeout: float, tls_host: str = ""
    ) -> None:
        self._sdk = sdk
        self._opened = opened
        self._peer = peer
        self._tls_host = tls_host
        self._request_timeout = request_timeout
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, _Call] = {}
        self._reference_ids = count(1)
        self._waiting: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()
        self._refusal = ""  # why requests are refused; empty if open
        self._failure = ""  # why waiting requests are not sent any more
        self._timer: asyncio.TimerHandle | None = None
        self._settled = asyncio.Event()
        self._goodbye: asyncio.Task[None] | None = None

    # The channel

    @property
    def is_open(self) -> bool:
        """Whether new requests are accepted."""
        if not self._refusal and self._opened.is_closed():
            self._fail(term("{peer} closed the connection.", peer=self._peer))
        return not self._refusal

    @property
    def security(self) -> str:
        """Return a description of TLS, as far as the SDK provides it; empty without TLS."""
        return term(
            "Java trusts the certificate, and it is for {tls_host}.", tls_host=self._tls_host
        ) * bool(self._tls_host)

    def submit(self, request: EspRequest) -> "asyncio.Future[Outcome]":
        """Send a request; see `Channel.submit`."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self.send(request, partial(_resolve, future))
        return future

    def send(self, request: EspRequest, settle: Callable[[Outcome], None]) -> None:
        """Send a request; see `Channel.send`."""
        if self._refusal:
            settle(not_sent(self._refusal))
            return
        complaint = DEFAULT_LIMITS.complaint((request.request, request.user_data))
        if complaint:
            settle(
                not_sent(
                    term("It is too large to be sent: {complaint}.", complaint=complaint),
                    retryable=False,
                )
            )
            return
        call = _Call(next(self._reference_ids), request, settle, self._loop.time())
        self._calls[call.reference_id] = call
        if self._threads < min(len(self._calls), THREADS_MOST):
            self._start_thread()
        self._waiting.put(call)
        if self._timer is None:
            self._timer = self._loop.call_at(self._due(call), self._on_time)

    async def close(self) -> None:
        """Accept no new requests, wait for those in flight (up to their deadlines), and close."""
        self._refusal = self._refusal or term(
            "The connection to {peer} was closed.", peer=self._peer
        )
        if self._goodbye is None:
            self._goodbye = asyncio.ensure_future(self._close())
        await asyncio.shield(self._goodbye)

    async def _close(self) -> None:
        while self._calls:
            self._settled.clear()
            await self._settled.wait()
        for _ in range(self._threads):
            self._waiting.put(None)
        closing = jvm.in_thread(self._opened.close, "psdk goodbye")
        # How long it takes is not documented, and nobody needs to wait for it.
        await asyncio.wait({asyncio.ensure_future(closing)}, timeout=GOODBYE_SECONDS)

    # Threads that wait in Java

    def _start_thread(self) -> None:
        """Start a thread. If the machine has none left, existing ones serve, perhaps too late."""
        name = f"psdk {self._peer} {self._threads + 1}"
        with suppress(RuntimeError):
            jvm.aside(self._serve, name)
            self._threads += 1

    def _serve(self) -> None:
        while (call := self._waiting.get()) is not None:
            outcome = self._carry_out(call)
            if outcome is not None:
                jvm.post(self._loop, self._finish, call, outcome)

    def _carry_out(self, call: _Call) -> Outcome | None:
        with self._lock:
            if call.is_over:
                return None
            if self._failure:
                return not_sent(
                    term("{why} Nothing was sent.", why=self._failure), call.reference_id
                )
            call.has_begun = True
        seconds = self._due(call) - self._loop.time()
        try:
            return self._sdk.ask(
                self._opened.protocol, call.request, call.reference_id, seconds, self._peer
            )
        except BaseException as error:  # whatever it is, Java may have been told to send before it
            why = term("The console failed while sending: {error}.", error=repr(error))
            return nobody_knows(why, call.reference_id)

    # Outcomes

    def _finish(self, call: _Call, outcome: Outcome) -> None:
        if self._calls.pop(call.reference_id, None) is None:
            return  # its deadline had passed
        answered = outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED)
        if not answered and outcome.retryable:  # otherwise it says nothing about the connection
            self._fail(outcome.detail)
        self._settle(call, outcome)

    def _fail(self, why: str) -> None:
        """Mark the channel as useless. Requests that Java has are still waited for."""
        self._refusal = self._refusal or why
        self._failure = self._failure or why

    def _settle(self, call: _Call, outcome: Outcome) -> None:
        call.settle(outcome)
        if not self._calls:
            self._settled.set()

    def _due(self, call: _Call) -> float:
        return call.submitted_at + self._request_timeout

    def _on_time(self) -> None:
        """End requests whose timeout has passed, whatever Java does."""
        self._timer = None
        why = term(
            "No answer from {peer} within {seconds:g} seconds.",
            peer=self._peer,
            seconds=self._request_timeout,
        )
        for call in list(self._calls.values()):
            if self._due(call) > self._loop.time():
                self._timer = self._loop.call_at(self._due(call), self._on_time)
                return
            with self._lock:
                call.is_over = True
            del self._calls[call.reference_id]
            self._fail(why)
            if call.has_begun:
                self._settle(call, nobody_knows(why, call.reference_id))
            else:
                self._settle(call, nothing_sent(why, call.reference_id))


def _resolve(future: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not future.done():  # its waiter may have been cancelled
        future.set_result(outcome)
