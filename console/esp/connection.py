"""One connection that speaks the open framing: the channel of `esp+json` addresses.

Guarantees that every submitted request gets exactly one outcome, by its deadline at the latest, and
NOT_SENT only if none of its bytes were handed to the network. What is past its deadline is not
written any more.

A request costs two dictionary entries: no task, and one timer for them all.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

from console.esp.errors import InvalidRequest, NotConnected, ProtocolError
from console.esp.messages import DEFAULT_LIMITS, Answer, Limits
from console.esp.outcomes import (
    DEFAULT_LATE_GRACE,
    Outcome,
    from_answer,
    nobody_knows,
    not_sent,
    nothing_sent,
)
from console.esp.protocol import ClientProtocol
from console.esp.requests import EspRequest
from console.text.sentences import sentence_of, term

DEFAULT_PING_INTERVAL = 30.0
# Of so many requests late answers are waited for.
GIVEN_UP_MOST = 1000
# The most bytes that one write gives to the transport, which keeps what the network does not take.
WRITE_MOST = 64 * 1024
# Answers that nobody awaits get one line of the log in this time.
STRAY_LINE_SECONDS = 10.0
# A timer that is so late was held up: the process stood still, or has much to do.
HELD_UP_SECONDS = 0.05

_NEVER = float("inf")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Call:
    """A request. `begins_at` and `ends_at` are its place in all that was given to the transport."""

    reference_id: int
    settle: Callable[[Outcome], None]
    late: Callable[[Outcome], None] | None
    sent_at: float
    due: float
    frame: bytes
    begins_at: int = -1
    ends_at: int = -1
    is_over: bool = False
    listens_until: float = 0.0


class _StrayAnswers:
    """Counts answers that nobody awaits, and logs them: in a flood, one line for many."""

    def __init__(self, peer: str, loop: asyncio.AbstractEventLoop) -> None:
        self._peer = peer
        self._loop = loop
        self._logged = 0
        self._quiet_until = 0.0
        self.number = 0

    def note(self, reference_id: int) -> None:
        self.number += 1
        now = self._loop.time()
        if now >= self._quiet_until:
            self._quiet_until = now + STRAY_LINE_SECONDS
            self.log(reference_id)

    def log(self, reference_id: int | None) -> None:
        """Write one line for all since the last one, if there were any."""
        dropped = self.number - self._logged
        if dropped:
            self._logged = self.number
            _log.warning(
                "answers that nobody awaits",
                extra={"peer": self._peer, "reference_id": reference_id, "dropped": dropped},
            )


class EspConnection(asyncio.Protocol):
    """A `Channel`; times are in seconds. Made by `transports.esp_json.open_channel`."""

    def __init__(
        self,
        peer: str,
        *,
        request_timeout: float,
        ping_interval: float = DEFAULT_PING_INTERVAL,
        late_grace: float = DEFAULT_LATE_GRACE,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._peer = peer
        self._request_timeout = request_timeout
        self._ping_interval = ping_interval
        self._late_grace = late_grace
        self._loop = asyncio.get_running_loop()
        self._strays = _StrayAnswers(peer, self._loop)
        self._protocol = ClientProtocol(limits, on_stray=self._strays.note)
        self._calls: dict[int, _Call] = {}
        self._due_of_last = 0.0
        self._is_in_order = True  # whether the oldest call is the next one due
        self._unwritten: deque[_Call] = deque()
        self._given_up: dict[int, _Call] = {}
        self._listens_until = _NEVER
        self._flush_is_due = False
        self._write_paused = False
        self._has_tls = False
        self._given_to_transport = 0  # bytes
        self._transport: asyncio.Transport | None = None
        # Why nothing is taken; empty if open.
        self._refusal: str = term("Not connected to {peer} yet.", peer=peer)
        self._closed = asyncio.Event()
        self._heard_at = self._loop.time()
        self._pong_due = _NEVER
        self._pong_came: asyncio.Future[str] | None = None  # why none comes; empty if it came
        self._timer: asyncio.TimerHandle | None = None
        self.late_answers = 0

    # The channel

    @property
    def is_open(self) -> bool:
        """Whether new requests are accepted."""
        return not self._refusal

    @property
    def stray_answers(self) -> int:
        """The number of answers that nobody awaits; see `Channel.stray_answers`."""
        return self._strays.number

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
        now = self._loop.time()
        due = self._request_timeout + (now if since is None else min(since, now))
        if due <= now:
            settle(self._too_late_to_write(None))
            return
        try:
            reference_id, frame = self._protocol.send_request(request)
        except InvalidRequest as error:
            settle(not_sent(sentence_of(error), retryable=False))
            return
        call = _Call(reference_id, settle, late, now, due, frame)
        self._is_in_order = not self._calls or (self._is_in_order and due >= self._due_of_last)
        self._due_of_last = due
        self._calls[reference_id] = call
        self._unwritten.append(call)
        if not self._flush_is_due:  # all requests of one turn of the loop go out in one write
            self._flush_is_due = True
            self._loop.call_soon(self._flush)
        self._wake_by(due)

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

    async def close(self, *, listen: float = 0.0) -> None:
        """Accept no new requests, wait for those in flight, and close; see `Channel.close`."""
        self._listens_until = min(self._listens_until, self._loop.time() + listen)
        self._stop_taking(term("The connection to {peer} was closed.", peer=self._peer))
        if self._given_up:
            self._wake_by(self._listens_until)
        await self._closed.wait()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._has_tls = self._transport.get_extra_info("ssl_object") is not None
        # What the network does not take stays here, where it can still be kept back. A transport
        # with TLS is full at its limit, others beyond it.
        self._transport.set_write_buffer_limits(high=1 if self._has_tls else 0)
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
        self._given_up.clear()
        self._strays.log(None)
        self._closed.set()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._flush()

    # Writing

    def _flush(self) -> None:
        self._flush_is_due = False
        while self._transport is not None and not self._write_paused:
            data = self._next_to_write()
            if not data:
                return
            self._write(self._transport, data)
        # What is still unwritten counts as NOT_SENT.

    def _next_to_write(self) -> bytes:
        """Return the next part of what must go out. A request past its deadline is ended."""
        parts = [self._protocol.data_to_send()]
        place = self._given_to_transport + len(parts[0])
        most = place + WRITE_MOST
        now = self._loop.time()
        while self._unwritten and place < most:
            call = self._unwritten.popleft()
            if call.is_over:
                continue
            if call.due <= now:
                self._end_unwritten(call)
                continue
            call.begins_at = place
            parts.append(call.frame)
            place += len(call.frame)
            call.ends_at = place
        return b"".join(parts)

    def _write(self, transport: asyncio.Transport, data: bytes) -> None:
        self._given_to_transport += len(data)
        transport.write(data)

    def _taken(self) -> int:
        """Return how many of the bytes given to the transport have certainly left it."""
        waiting = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return self._given_to_transport - waiting

    def _may_have_left(self, call: _Call) -> bool:
        """Return whether the network may have a part of the request. Of what TLS has encrypted
        nobody can say which part that is."""
        return 0 <= call.begins_at < (self._given_to_transport if self._has_tls else self._taken())

    # Outcomes

    def _settle_by(self, answer: Answer) -> None:
        call = self._calls.get(answer.reference_id)
        if call is None:
            self._came_late(self._given_up.pop(answer.reference_id), answer)
        elif call.begins_at < 0:  # nobody can answer what has not been written
            self._protocol.await_answer(answer.reference_id)
            self._strays.note(answer.reference_id)
        else:
            del self._calls[answer.reference_id]
            call.settle(from_answer(answer, self._heard_at - call.sent_at))

    def _came_late(self, call: _Call, answer: Answer) -> None:
        self.late_answers += 1
        round_trip = self._heard_at - call.sent_at
        _log.info(
            "a late answer",
            extra={
                "peer": self._peer,
                "reference_id": call.reference_id,
                "round_trip": round(round_trip, 3),
            },
        )
        if call.late is not None:
            call.late(from_answer(answer, round_trip))

    def _settle_without_answer(self, call: _Call, why: str) -> None:
        outcome = nobody_knows if self._may_have_left(call) else nothing_sent
        self._drop(call)
        call.settle(outcome(why, call.reference_id))

    def _end_unwritten(self, call: _Call) -> None:
        self._drop(call)
        call.settle(self._too_late_to_write(call.reference_id))

    def _drop(self, call: _Call) -> None:
        call.is_over = True
        del self._calls[call.reference_id]
        self._protocol.forget(call.reference_id)

    def _too_late_to_write(self, reference_id: int | None) -> Outcome:
        why = term(
            "It could not be written to {peer} within {seconds:g} seconds.",
            peer=self._peer,
            seconds=self._request_timeout,
        )
        return nothing_sent(why, reference_id)

    # Late answers

    def _listen_for(self, call: _Call, now: float) -> None:
        """Remember a request whose answer did not come in time."""
        self._protocol.give_up(call.reference_id)
        call.listens_until = now + self._late_grace
        self._given_up[call.reference_id] = call
        if len(self._given_up) > GIVEN_UP_MOST:
            self._forget(next(iter(self._given_up)))

    def _forget(self, reference_id: int) -> None:
        del self._given_up[reference_id]
        self._protocol.forget(reference_id)

    def _stop_listening(self, now: float) -> None:
        for reference_id, call in list(self._given_up.items()):
            if min(call.listens_until, self._listens_until) > now:
                return
            self._forget(reference_id)

    def _is_listening(self) -> bool:
        return self._listens_until > self._loop.time() and any(
            call.late is not None for call in self._given_up.values()
        )

    # Closing

    def _stop_taking(self, why: str) -> None:
        self._refusal = self._refusal or why
        self._end_round_trip(self._refusal)
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._refusal and not self._calls and self._transport and not self._is_listening():
            if self._transport.get_write_buffer_size():
                self._transport.abort()  # the peer does not read the rest, so waiting is useless
            else:
                self._transport.close()

    def _fail(self, why: str) -> None:
        """End every request in flight and the connection, which is of no use any more."""
        self._refusal = self._refusal or why
        self._end_round_trip(self._refusal)
        for call in list(self._calls.values()):
            self._settle_without_answer(call, why)
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
        """Do what is due. After a standstill answers may have come in time and not been read, as
        the loop then runs timers first: it reads them before this goes on."""
        now = self._loop.time()
        if self._timer is not None and now > self._timer.when() + HELD_UP_SECONDS:
            self._timer = self._loop.call_at(now, self._do_what_is_due)
        else:
            self._do_what_is_due()

    def _do_what_is_due(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._expire_calls(now)
        self._stop_listening(now)
        self._close_if_done()
        self._keep_alive(now)
        self._wake_by(self._next_event(now))

    def _expire_calls(self, now: float) -> None:
        overdue = list(self._overdue(now))
        if not overdue:
            return
        taken = self._taken()
        is_stuck = any(call.ends_at > taken for call in overdue)
        if is_stuck or self._write_paused:
            self._refusal = self._refusal or term(
                "{peer} did not read what was written to it within {seconds:g} seconds.",
                peer=self._peer,
                seconds=self._request_timeout,
            )
        for call in overdue:
            if self._may_have_left(call):
                self._expire(call, now)
            else:
                self._end_unwritten(call)
        if is_stuck:  # the rest of what is overdue waits in the transport, and must not leave it
            self._fail(self._refusal)

    def _overdue(self, now: float) -> Iterator[_Call]:
        for call in self._calls.values():
            if call.due <= now:
                yield call
            elif self._is_in_order:
                return

    def _expire(self, call: _Call, now: float) -> None:
        """End a request that is on the wire, and go on listening for its answer."""
        self._refusal = self._refusal or term(
            "{peer} left a request without an answer for {seconds:g} seconds.",
            peer=self._peer,
            seconds=self._request_timeout,
        )
        del self._calls[call.reference_id]
        self._listen_for(call, now)
        why = term(
            "No answer from {peer} within {seconds:g} seconds.",
            peer=self._peer,
            seconds=self._request_timeout,
        )
        call.settle(nobody_knows(why, call.reference_id))

    def _keep_alive(self, now: float) -> None:
        if now >= self._pong_due:
            self._pong_due = _NEVER
            self._stop_taking(term("{peer} did not answer a keep-alive.", peer=self._peer))
        elif now >= self._ping_at(now) and self._transport is not None:
            self._ping(self._transport, now)

    def _ping(self, transport: asyncio.Transport, now: float) -> None:
        self._pong_due = now + self._request_timeout
        self._wake_by(self._pong_due)
        self._write(transport, self._protocol.send_ping())

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
        return min(self._next_due(), self._next_end(), self._pong_due, self._ping_at(now))

    def _next_due(self) -> float:
        if self._is_in_order:
            oldest = next(iter(self._calls.values()), None)
            return oldest.due if oldest else _NEVER
        return min((call.due for call in self._calls.values()), default=_NEVER)

    def _next_end(self) -> float:
        """Return when the next late answer is not waited for any more."""
        oldest = next(iter(self._given_up.values()), None)
        return min(oldest.listens_until, self._listens_until) if oldest else _NEVER


def _resolve(future: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not future.done():  # its waiter may have been cancelled
        future.set_result(outcome)
