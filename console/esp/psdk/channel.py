"""A `Channel` over one channel of the SDK: many requests in flight, each on a waiting thread.

Only the SDK's `request` is documented with its result and exceptions. So each request in flight has
a thread that only waits in Java. The guarantees are those of `EspConnection`: one outcome a
request, by its deadline at the latest, and NOT_SENT only if the SDK was never told to send it, or
says that it did not.

If somebody wants to know a late answer, Java waits for it beyond the deadline.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import SimpleQueue

from console.esp import jvm
from console.esp.connection import HELD_UP_SECONDS
from console.esp.messages import DEFAULT_LIMITS
from console.esp.outcomes import (
    DEFAULT_LATE_GRACE,
    Outcome,
    nobody_knows,
    not_sent,
    nothing_sent,
)
from console.esp.psdk.sdk import Opened, Sdk
from console.esp.requests import EspRequest
from console.text.sentences import term

# Requests beyond that wait for a thread, and count as not sent until then.
THREADS_MOST = 256
GOODBYE_SECONDS = 1.0
# How long Java may take, after a standstill, to read what has come.
READING_SECONDS = 0.2

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Call:
    reference_id: int
    request: EspRequest
    settle: Callable[[Outcome], None]
    late: Callable[[Outcome], None] | None
    due: float
    has_begun: bool = False  # Java was told to send it
    is_over: bool = False  # it must not begin any more
    is_back: bool = False  # Java waits for it no more


class PsdkChannel:
    """A channel made by `transports.psdk.open_channel`; times are in seconds."""

    def __init__(
        self,
        sdk: Sdk,
        opened: Opened,
        peer: str,
        *,
        request_timeout: float,
        late_grace: float = DEFAULT_LATE_GRACE,
        tls_host: str = "",
    ) -> None:
        self._sdk = sdk
        self._opened = opened
        self._peer = peer
        self._tls_host = tls_host
        self._request_timeout = request_timeout
        self._late_grace = late_grace
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, _Call] = {}
        self._given_up: dict[int, _Call] = {}  # Java waits on for their answers
        self._listens_until = float("inf")
        self.stray_answers = 0  # the SDK drops them
        self.late_answers = 0
        self._reference_ids = count(1)
        self._waiting: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()
        self._refusal = ""  # why requests are refused; empty if open
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
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

    def submit(
        self, request: EspRequest, *, since: float | None = None
    ) -> "asyncio.Future[Outcome]":
        """Send a request; see `Channel.submit`."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
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
        complaint = DEFAULT_LIMITS.complaint((request.request, request.user_data))
        if complaint:
            settle(
                not_sent(
                    term("It is too large to be sent: {complaint}.", complaint=complaint),
                    retryable=False,
                )
            )
            return
        now = self._loop.time()
        due = self._request_timeout + (now if since is None else min(since, now))
        if due <= now:
            settle(nothing_sent(self._too_late()))
            return
        call = _Call(next(self._reference_ids), request, settle, late, due)
        self._calls[call.reference_id] = call
        if self._threads < min(len(self._calls), THREADS_MOST):
            self._start_thread()
        self._waiting.put(call)
        self._wake_by(due)

    async def close(self, *, listen: float = 0.0) -> None:
        """Accept no new requests, wait for those in flight, and close; see `Channel.close`."""
        self._refusal = self._refusal or term(
            "The connection to {peer} was closed.", peer=self._peer
        )
        self._listens_until = min(self._listens_until, self._loop.time() + listen)
        self._changed.set()
        if self._goodbye is None:
            self._goodbye = asyncio.ensure_future(self._close())
        await asyncio.shield(self._goodbye)

    async def _close(self) -> None:
        while self._calls:
            self._changed.clear()
            await self._changed.wait()
        while self._given_up and self._listens_until > self._loop.time():
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._listens_until):
                    await self._changed.wait()
        self._given_up.clear()
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
            jvm.post(self._loop, self._finish, call, self._carry_out(call))

    def _carry_out(self, call: _Call) -> Outcome | None:
        if call.is_over:
            return None
        try:
            return self._sdk.ask(
                self._opened.protocol,
                call.request,
                call.reference_id,
                partial(self._begin, call),
                self._peer,
            )
        except BaseException as error:  # whatever it is, Java may have been told to send before it
            why = term("The console failed while sending: {error}.", error=repr(error))
            outcome = nobody_knows if call.has_begun else nothing_sent
            return outcome(why, call.reference_id)

    def _begin(self, call: _Call) -> float:
        """Return the seconds to wait for the answer; none if it must not be sent any more."""
        with self._lock:
            left = call.due - self._loop.time()
            if call.is_over or left <= 0:
                return 0.0
            call.has_begun = True
            return left if call.late is None else left + self._late_grace

    # Outcomes

    def _finish(self, call: _Call, outcome: Outcome | None) -> None:
        """Take what a thread brings. Where it has no outcome, the deadline ends the request."""
        call.is_back = True
        if outcome is not None and self._calls.pop(call.reference_id, None) is not None:
            if not outcome.is_answer and outcome.retryable:
                self._fail(outcome.why)  # otherwise it says nothing about the connection
            call.settle(outcome)
        elif self._given_up.pop(call.reference_id, None) is not None:
            self._came_late(call, outcome)
        self._changed.set()

    def _came_late(self, call: _Call, outcome: Outcome | None) -> None:
        if call.late is not None and outcome is not None and outcome.is_answer:
            self.late_answers += 1
            _log.info(
                "a late answer", extra={"peer": self._peer, "reference_id": call.reference_id}
            )
            call.late(outcome)

    def _fail(self, why: str) -> None:
        """Mark the channel as useless. Requests that Java has are still waited for."""
        self._refusal = self._refusal or why
        self._loop.call_soon(self._end_unbegun)

    def _end_unbegun(self) -> None:
        for call in list(self._calls.values()):
            if self._must_not_begin(call):
                self._end(call, nothing_sent(self._refusal, call.reference_id))

    def _must_not_begin(self, call: _Call) -> bool:
        """Keep a request from being sent. Return whether that came in time."""
        with self._lock:
            call.is_over = True
            return not call.has_begun

    def _end(self, call: _Call, outcome: Outcome) -> None:
        del self._calls[call.reference_id]
        self._changed.set()
        call.settle(outcome)

    # Time

    def _too_late(self) -> str:
        return term(
            "It could not be written to {peer} within {seconds:g} seconds.",
            peer=self._peer,
            seconds=self._request_timeout,
        )

    def _wake_by(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_time)

    def _on_time(self) -> None:
        """End requests whose timeout has passed, whatever Java does. After a standstill Java first
        gets a moment for answers that have come in time and were not read."""
        now = self._loop.time()
        if self._timer is not None and now > self._timer.when() + HELD_UP_SECONDS:
            self._timer = self._loop.call_at(now + READING_SECONDS, self._end_what_is_due)
        else:
            self._end_what_is_due()

    def _end_what_is_due(self) -> None:
        self._timer = None
        now = self._loop.time()
        for call in list(self._calls.values()):
            if call.due > now:
                self._wake_by(call.due)
            else:
                self._expire(call)

    def _expire(self, call: _Call) -> None:
        words = {"peer": self._peer, "seconds": self._request_timeout}
        if self._must_not_begin(call):
            outcome = nothing_sent(self._too_late(), call.reference_id)
            refusal = term("A request waited for {seconds:g} seconds to be written.", **words)
        else:
            why = term("No answer from {peer} within {seconds:g} seconds.", **words)
            outcome = nobody_knows(why, call.reference_id)
            refusal = term(
                "{peer} left a request without an answer for {seconds:g} seconds.", **words
            )
            if call.late is not None and not call.is_back:
                self._given_up[call.reference_id] = call
        self._fail(refusal)
        self._end(call, outcome)


def _resolve(future: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not future.done():  # its waiter may have been cancelled
        future.set_result(outcome)
