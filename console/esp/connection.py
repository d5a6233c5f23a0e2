"""One connection that speaks the open framing: the channel of `esp+json` addresses.

Guarantees that every submitted request gets exactly one outcome, by its deadline at the latest, and
NOT_SENT only if none of its bytes were handed to the network.

A request costs two dictionary entries: no task, and one timer for them all. As the timeout is the
same for all, the oldest entry is always the next one due.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from console.esp.errors import InvalidRequest, NotConnected, ProtocolError
from console.esp.messages import DEFAULT_LIMITS, Answer, Limits
from console.esp.outcomes import Outcome, from_answer, nobody_knows, not_sent, nothing_sent
from console.esp.protocol import ClientProtocol
from console.esp.requests import EspRequest
from console.text.sentences import sentence_of, term

DEFAULT_PING_INTERVAL = 30.0

_NEVER = float("inf")


@dataclass(slots=True)
class _Call:
    settle: Callable[[Outcome], None]
    submitted_at: float


class EspConnection(asyncio.Protocol):
    """A `Channel`; times are in seconds. Made by `transports.esp_json.open_channel`."""

    def __init__(
        self,
        peer: str,
        *,
        request_timeout: float,
        ping_interval: float = DEFAULT_PING_INTERVAL,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._peer = peer
        self._request_timeout = request_timeout
        self._ping_interval = ping_interval
        self._loop = asyncio.get_running_loop()
        self._protocol = ClientProtocol(limits)
        self._calls: dict[int, _Call] = {}
        self._unwritten: dict[int, bytes] = {}
        self._flush_is_due = False
        self._write_paused = False
        self._transport: asyncio.Transport | None = None
        # Why nothing is taken; empty if open.
        self._refusal: str = term("Not connected to {peer} yet.", peer=peer)
        self._closed = asyncio.Event()
        self._heard_at = self._loop.time()
        self._pong_due = _NEVER
        self._pong_came: asyncio.Future[str] | None = None  # why none comes; empty if it came
        self._timer: asyncio.TimerHandle | None = None

    # The channel

    @property
    def is_open(self) -> bool:
        """Whether new requests are accepted."""
        return not self._refusal

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
        try:
            reference_id, frame = self._protocol.send_request(request)
        except InvalidRequest as error:
            settle(not_sent(sentence_of(error), retryable=False))
            return
        now = self._loop.time()
        self._calls[reference_id] = _Call(settle, now)
        self._unwritten[reference_id] = frame
        if not self._flush_is_due:  # all requests of one turn of the loop go out in one write
            self._flush_is_due = True
            self._loop.call_soon(self._flush)
        self._wake_by(now + self._request_timeout)

    @property
    def security(self) -> str:
        """Return a description of the TLS session; empty without TLS."""
        tls = self._transport and self._transport.get_extra_info("ssl_object")
        if not tls:
            return ""
        certificate = tls.getpeercert() or {}
        until = certificate.get("notAfter", "a time that was not checked")
        return term(
            "{version} with {cipher}; the certificate is good until {until}.",
            version=tls.version(),
            cipher=tls.cipher()[0],
            until=until,
        )

    async def round_trip(self) -> float:
        """Return the seconds of a Ping and its Pong, which change nothing. Raises NotConnected."""
        began = self._loop.time()
        if self._refusal or self._transport is None:
            raise NotConnected(self._refusal)
        if self._pong_came is None:
            self._pong_came = self._loop.create_future()
            if not self._protocol.awaits_pong:
                self._ping(self._transport, began)
        if refusal := await asyncio.shield(self._pong_came):
            raise NotConnected(refusal)
        return self._loop.time() - began

    async def close(self) -> None:
        """Accept no new requests, wait for those in flight (up to their deadlines), and close."""
        self._stop_taking(term("The connection to {peer} was closed.", peer=self._peer))
        await self._closed.wait()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._refusal = ""
        self._heard_at = self._loop.time()
        self._wake_by(self._heard_at + self._ping_interval)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        try:
            for answer in self._protocol.receive_data(data):
                self._settle_by(answer)
        except ProtocolError as error:
            self._fail(
                term(
                    "{peer} did not keep to the protocol: {error}",
                    peer=self._peer,
                    error=sentence_of(error),
                )
            )
            return
        if not self._protocol.awaits_pong:
            self._pong_due = _NEVER
            self._end_round_trip("")
        self._wake_by(self._ping_at(self._heard_at))
        self._flush()
        self._close_if_done()

    def eof_received(self) -> None:
        try:
            self._protocol.receive_eof()
        except ProtocolError as error:
            self._fail(
                term(
                    "{peer} closed the connection: {error}",
                    peer=self._peer,
                    error=sentence_of(error),
                )
            )
        else:
            self._fail(term("{peer} closed the connection.", peer=self._peer))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(
            term(
                "The connection to {peer} was lost{why}.",
                peer=self._peer,
                why=term(": {error}", error=exc) if exc else "",
            )
        )
        if self._timer is not None:
            self._timer.cancel()
        self._closed.set()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._flush()

    # Writing

    def _flush(self) -> None:
        self._flush_is_due = False
        if self._transport is None or self._write_paused:
            return  # what is still unwritten counts as NOT_SENT
        data = self._protocol.data_to_send() + b"".join(self._unwritten.values())
        self._unwritten.clear()
        if data:
            self._transport.write(data)

    # Outcomes

    def _settle_by(self, answer: Answer) -> None:
        call = self._calls.pop(answer.reference_id)
        call.settle(from_answer(answer, self._heard_at - call.submitted_at))

    def _settle_without_answer(self, reference_id: int, why: str) -> None:
        call = self._calls.pop(reference_id)
        if self._unwritten.pop(reference_id, None) is not None:
            call.settle(nothing_sent(why, reference_id))
        else:
            call.settle(nobody_knows(why, reference_id))

    # Closing

    def _stop_taking(self, why: str) -> None:
        self._refusal = self._refusal or why
        self._end_round_trip(self._refusal)
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._refusal and not self._calls and self._transport is not None:
            if self._transport.get_write_buffer_size():
                self._transport.abort()  # the peer does not read the rest, so waiting is useless
            else:
                self._transport.close()

    def _fail(self, why: str) -> None:
        """End every request in flight and the connection, which is of no use any more."""
        self._refusal = self._refusal or why
        self._end_round_trip(self._refusal)
        for reference_id in list(self._calls):
            self._settle_without_answer(reference_id, why)
        if self._transport is not None:
            self._transport.abort()

    # Time

    def _wake_by(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        if when < _NEVER:
            self._timer = self._loop.call_at(when, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._expire_calls(now)
        self._keep_alive(now)
        self._wake_by(self._next_event(now))

    def _expire_calls(self, now: float) -> None:
        why = term(
            "No answer from {peer} within {seconds:g} seconds.",
            peer=self._peer,
            seconds=self._request_timeout,
        )
        for reference_id, call in list(self._calls.items()):
            if call.submitted_at + self._request_timeout > now:
                break
            self._refusal = self._refusal or why
            self._protocol.give_up(reference_id)
            self._settle_without_answer(reference_id, why)
        self._close_if_done()

    def _keep_alive(self, now: float) -> None:
        if now >= self._pong_due:
            self._pong_due = _NEVER
            self._stop_taking(term("{peer} did not answer a keep-alive.", peer=self._peer))
        elif now >= self._ping_at(now) and self._transport is not None:
            self._ping(self._transport, now)

    def _ping(self, transport: asyncio.Transport, now: float) -> None:
        self._pong_due = now + self._request_timeout
        self._wake_by(self._pong_due)
        transport.write(self._protocol.send_ping())

    def _end_round_trip(self, refusal: str) -> None:
        waiting, self._pong_came = self._pong_came, None
        if waiting is not None:
            waiting.set_result(refusal)

    def _ping_at(self, now: float) -> float:
        if self._refusal or self._protocol.awaits_pong:
            return _NEVER
        quiet_since = now if self._calls else self._heard_at
        return quiet_since + self._ping_interval

    def _next_event(self, now: float) -> float:
        oldest = next(iter(self._calls.values()), None)
        due = oldest.submitted_at + self._request_timeout if oldest else _NEVER
        return min(due, self._pong_due, self._ping_at(now))


def _resolve(future: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not future.done():  # its waiter may have been cancelled
        future.set_result(outcome)
