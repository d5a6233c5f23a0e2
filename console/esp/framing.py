"""Frames: a 4-byte big-endian length and one JSON object (docs/domain.md section 5)."""

import struct
from collections.abc import Iterator

from console.esp.errors import InvalidRequest, ProtocolError
from console.esp.limits import DEFAULT_LIMITS, Limits
from console.esp.messages import Message
from console.esp.wire import decode_body, encode_body, lists_of
from console.text.sentences import term

_LENGTH = struct.Struct(">I")


def encode(message: Message, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return one whole frame.

    Raises InvalidRequest for a message over the limits: the peer would close the connection because
    of it, and every other request in flight would be lost with it.
    """
    if complaint := limits.complaint(lists_of(message)):
        raise InvalidRequest(
            "too_large", term("The request is over the limit: {complaint}.", complaint=complaint)
        )
    body = encode_body(message)
    if len(body) > limits.frame_bytes:
        raise InvalidRequest(
            "too_large",
            term(
                "The request takes {count} bytes; at most {limit} are allowed.",
                count=len(body),
                limit=limits.frame_bytes,
            ),
        )
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Decodes the bytes of a stream into messages, however they are cut into pieces."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._broken: ProtocolError | None = None

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._buffer += data

    def messages(self) -> Iterator[Message]:
        """Yield every whole message so far. Raises ProtocolError, from then on at each call."""
        start = 0
        try:
            while (end := self._end_of_frame(start)) is not None:
                body = bytes(self._buffer[start + _LENGTH.size : end])
                start = end
                yield decode_body(body, self._limits)
        except ProtocolError as error:
            self._broken = error
            raise
        finally:
            del self._buffer[:start]

    def finish(self) -> None:
        """Note the end of the stream. Raises ProtocolError if that was inside a frame."""
        if self._buffer and self._broken is None:
            raise ProtocolError(term("The stream ended in the middle of a frame."))

    def _end_of_frame(self, start: int) -> int | None:
        if self._broken is not None:
            raise self._broken
        if len(self._buffer) - start < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, start)
        if length > self._limits.frame_bytes:
            raise ProtocolError(
                term(
                    "A frame of {length} bytes was announced; at most {limit} are allowed.",
                    length=length,
                    limit=self._limits.frame_bytes,
                )
            )
        end = start + _LENGTH.size + int(length)
        return end if len(self._buffer) >= end else None
