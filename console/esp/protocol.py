"""Both sides of an ESP connection as state machines without I/O.

The caller passes in received bytes and writes the bytes that must go out. Answers are yielded one
by one, so that whole answers before a broken frame are not lost with it.
"""

from collections.abc import Callable, Iterator

from console.esp.errors import ProtocolError
from console.esp.messages import (
    DEFAULT_LIMITS,
    INT_MAX,
    Answer,
    Event3rdServerFault,
    Event3rdServerResponse,
    KVList,
    Limits,
    Message,
    Ping,
    Pong,
    Request3rdServer,
)
from console.esp.requests import EspRequest
from console.esp.wire import Decoder, encode, skim_body
from console.text.sentences import term

MAX_UNSENT_PONGS = 10_000


class _Peer:
    """What both sides share: framing, and answering Ping with Pong."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._decoder = Decoder(limits)
        self._pongs: list[bytes] = []

    def data_to_send(self) -> bytes:
        """Return bytes that must go out now (Pongs), each only once."""
        data = b"".join(self._pongs)
        self._pongs.clear()
        return data

    def receive_eof(self) -> None:
        """Note that the peer sends nothing more. Raises ProtocolError inside a frame."""
        self._decoder.finish()

    def _answer_ping(self, ping: Ping) -> None:
        if len(self._pongs) >= MAX_UNSENT_PONGS:
            raise ProtocolError(term("The peer sends Pings and does not read the Pongs."))
        self._pongs.append(encode(Pong(ping.reference_id)))


class ClientProtocol(_Peer):
    """The client's side: numbers requests and pairs answers with them.

    An answer or a Pong that nobody awaits is dropped: it harms none that somebody does. `on_stray`
    gets its reference id.
    """

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        *,
        on_stray: Callable[[int], None] = lambda reference_id: None,
    ) -> None:
        super().__init__(limits)
        self._decoder = Decoder(limits, skim_body)
        self._on_stray = on_stray
        self._last_reference_id = 0
        self._pending: set[int] = set()
        self._given_up: set[int] = set()
        self._pings: set[int] = set()

    @property
    def awaits_pong(self) -> bool:
        """Whether a Ping was sent and its Pong has not come."""
        return bool(self._pings)

    def send_request(self, request: EspRequest) -> tuple[int, bytes]:
        """Return the request's reference id and frame.

        Raises InvalidRequest if it is over the limits; then nothing has changed.
        """
        reference_id = self._free_reference_id()
        frame = encode(
            Request3rdServer(reference_id, request.request, request.user_data), self._limits
        )
        self._last_reference_id = reference_id
        self._pending.add(reference_id)
        return reference_id, frame

    def send_ping(self) -> bytes:
        """Return the frame of a keep-alive."""
        self._last_reference_id = self._free_reference_id()
        self._pings.add(self._last_reference_id)
        return encode(Ping(self._last_reference_id))

    def give_up(self, reference_id: int) -> None:
        """Await an answer no longer in time. It is returned all the same if it comes."""
        self._pending.remove(reference_id)
        self._given_up.add(reference_id)

    def forget(self, reference_id: int) -> None:
        """Await no answer at all; one that comes is a stray one."""
        self._pending.discard(reference_id)
        self._given_up.discard(reference_id)

    def await_answer(self, reference_id: int) -> None:
        """Await an answer again, because the one that came can't have been the request's."""
        self._pending.add(reference_id)

    def receive_data(self, data: bytes) -> Iterator[Answer]:
        """Return the answers that `data` completes, late ones as well. The iterator may raise
        ProtocolError."""
        self._decoder.feed(data)
        return self._answers()

    def _answers(self) -> Iterator[Answer]:
        for message in self._decoder.messages():
            answer = self._received(message)
            if answer is not None:
                yield answer

    def _received(self, message: Message) -> Answer | None:
        if isinstance(message, Event3rdServerResponse | Event3rdServerFault):
            return self._paired(message)
        if isinstance(message, Ping):
            self._answer_ping(message)
        elif isinstance(message, Pong):
            self._received_pong(message.reference_id)
        else:
            raise ProtocolError(
                term("An unexpected {name} came from the server.", name=type(message).__name__)
            )
        return None

    def _received_pong(self, reference_id: int) -> None:
        if reference_id in self._pings:
            self._pings.remove(reference_id)
        else:
            self._on_stray(reference_id)

    def _paired(self, answer: Answer) -> Answer | None:
        for awaited in (self._pending, self._given_up):
            if answer.reference_id in awaited:
                awaited.remove(answer.reference_id)
                return answer
        self._on_stray(answer.reference_id)
        return None

    def _free_reference_id(self) -> int:
        """Return the next free id: positive and within signed 32 bits, then from 1 again."""
        candidate = self._last_reference_id
        while True:
            candidate = candidate % INT_MAX + 1
            if not (
                candidate in self._pending
                or candidate in self._given_up
                or candidate in self._pings
            ):
                return candidate


class ServerProtocol(_Peer):
    """The server's side, for the simulator and for gateways."""

    def receive_data(self, data: bytes) -> Iterator[Request3rdServer]:
        """Return the requests that `data` completes. The iterator may raise ProtocolError."""
        self._decoder.feed(data)
        return self._requests()

    def send_response(self, reference_id: int, request: KVList) -> bytes:
        """Return the frame that accepts a request."""
        return encode(Event3rdServerResponse(reference_id, request), self._limits)

    def send_fault(self, reference_id: int, request: KVList | None = None) -> bytes:
        """Return the frame that refuses a request."""
        return encode(Event3rdServerFault(reference_id, request), self._limits)

    def _requests(self) -> Iterator[Request3rdServer]:
        for message in self._decoder.messages():
            if isinstance(message, Request3rdServer):
                yield message
            elif isinstance(message, Ping):
                self._answer_ping(message)
            else:
                raise ProtocolError(
                    term("An unexpected {name} came from a client.", name=type(message).__name__)
                )
