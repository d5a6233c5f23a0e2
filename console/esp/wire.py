"""One message as a JSON object and back: the body of a frame (docs/domain.md section 5).

The structs below are the format; msgspec checks names, types and ranges while it parses. Unknown
fields are ignored, so that a newer peer can add some. A field given twice is refused, because two
readers could use different ones.
"""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from console.esp.errors import InvalidRequest, ProtocolError
from console.esp.messages import (
    DEFAULT_LIMITS,
    INT_MAX,
    INT_MIN,
    Event3rdServerFault,
    Event3rdServerResponse,
    KVList,
    Limits,
    Message,
    Pair,
    Ping,
    Pong,
    Request3rdServer,
    ValueType,
)
from console.text.sentences import term

Int32: TypeAlias = Annotated[int, Meta(ge=INT_MIN, le=INT_MAX)]
Lists = TypeVar("Lists")  # KVList when encoding, parsed pairs when decoding


class StrPair(Struct, tag_field="type", tag="str", gc=False):
    key: str
    value: str


class UtfPair(Struct, tag_field="type", tag="utf", gc=False):
    key: str
    value: str


class IntPair(Struct, tag_field="type", tag="int", gc=False):
    key: str
    value: Int32


class BytesPair(Struct, tag_field="type", tag="byte[]", gc=False):
    key: str
    value: bytes


class ListPair(Struct, tag_field="type", tag="kvlist", gc=False):
    key: str
    value: "list[AnyPair]"


AnyPair: TypeAlias = StrPair | UtfPair | IntPair | BytesPair | ListPair

_TYPES: dict[type, ValueType] = {
    StrPair: ValueType.STR,
    UtfPair: ValueType.UTF,
    IntPair: ValueType.INT,
    BytesPair: ValueType.BYTES,
}


class _WireMessage(
    Struct,
    tag_field="messageName",
    rename={
        "message_id": "messageId",
        "reference_id": "ReferenceId",
        "request": "Request",
        "user_data": "UserData",
    },
):
    pass


class WireRequest(_WireMessage, Generic[Lists], tag="Request3rdServer"):
    message_id: Literal[500]
    reference_id: Int32
    request: Lists
    user_data: Lists


class WireResponse(_WireMessage, Generic[Lists], tag="Event3rdServerResponse"):
    message_id: Literal[501]
    reference_id: Int32
    request: Lists
    user_data: Lists | UnsetType = UNSET


class WireFault(_WireMessage, Generic[Lists], tag="Event3rdServerFault"):
    message_id: Literal[502]
    reference_id: Int32
    request: Lists | UnsetType = UNSET


class WirePing(_WireMessage, tag="Ping"):
    reference_id: Int32


class WirePong(_WireMessage, tag="Pong"):
    reference_id: Int32


_Parsed: TypeAlias = (
    WireRequest[list[AnyPair]]
    | WireResponse[list[AnyPair]]
    | WireFault[list[AnyPair]]
    | WirePing
    | WirePong
)

_PAIR_BYTES = 33  # of the shortest pair: {"key":"","type":"int","value":0}

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[_Parsed] = msgspec.json.Decoder(_Parsed)


def encode_body(message: Message) -> bytes:
    """Return the canonical JSON of a message: no blanks, fields in the documented order."""
    return _encoder.encode(_to_wire(message))


def decode_body(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Message:
    """Parse and check one body. Raises ProtocolError."""
    try:
        message = _from_wire(_decoder.decode(body))
        if complaint := limits.complaint(lists_of(message)):
            raise ProtocolError(term("Message over the limit: {complaint}", complaint=complaint))
        if encode_body(message) != body:  # canonical JSON can't repeat a field
            json.loads(body.decode(), object_pairs_hook=_refuse_repeated_fields)
    except (msgspec.DecodeError, ValueError) as error:
        raise ProtocolError(term("Malformed message: {error}", error=str(error)[:200])) from error
    except RecursionError as error:
        raise ProtocolError(term("Malformed message: nested far too deeply")) from error
    return message


def skim_body(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Message:
    """As `decode_body`, but without the user data of a response, which is checked and left out.

    Making pairs is most of the work, and a client needs none of those that a response echoes.
    """
    try:
        wire = _decoder.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return decode_body(body, limits)  # which says what is wrong
    if type(wire) is not WireResponse or not _is_plain(wire, body, limits):
        return decode_body(body, limits)
    return Event3rdServerResponse(wire.reference_id, _kvlist(wire.request))


def _is_plain(wire: WireResponse[list[AnyPair]], body: bytes, limits: Limits) -> bool:
    """Return whether nothing can be wrong with a response, as far as that is seen at once."""
    return (
        _is_small(body, limits)
        and len(_encoder.encode(wire)) == len(body)  # in JSON this short no field is repeated
        and _has_ascii_keys(wire.request)
        and (wire.user_data is UNSET or _has_ascii_keys(wire.user_data))
    )


def _is_small(body: bytes, limits: Limits) -> bool:
    """Return whether a message this short can't have too many pairs or levels."""
    return len(body) <= limits.pairs * _PAIR_BYTES and body.count(b'"kvlist"') < limits.depth


def _has_ascii_keys(pairs: list[AnyPair]) -> bool:
    """Return whether keys, and values of plain strings, are ASCII."""
    for pair in pairs:
        if not pair.key.isascii():
            return False
        if type(pair) is StrPair:
            if not pair.value.isascii():
                return False
        elif type(pair) is ListPair and not _has_ascii_keys(pair.value):
            return False
    return True


def lists_of(message: Message) -> tuple[KVList | None, ...]:
    """Return the KV lists of a message, for counting."""
    if isinstance(message, Request3rdServer | Event3rdServerResponse):
        return message.request, message.user_data
    if isinstance(message, Event3rdServerFault):
        return (message.request,)
    return ()


def _to_wire(message: Message) -> _WireMessage:
    if isinstance(message, Request3rdServer):
        return WireRequest(500, message.reference_id, message.request, message.user_data)
    if isinstance(message, Event3rdServerResponse):
        user_data = UNSET if message.user_data is None else message.user_data
        return WireResponse(501, message.reference_id, message.request, user_data)
    if isinstance(message, Event3rdServerFault):
        request = UNSET if message.request is None else message.request
        return WireFault(502, message.reference_id, request)
    return (WirePing if isinstance(message, Ping) else WirePong)(message.reference_id)


def _from_wire(wire: _Parsed) -> Message:
    if isinstance(wire, WireRequest):
        return Request3rdServer(wire.reference_id, _kvlist(wire.request), _kvlist(wire.user_data))
    if isinstance(wire, WireResponse):
        user_data = None if wire.user_data is UNSET else _kvlist(wire.user_data)
        return Event3rdServerResponse(wire.reference_id, _kvlist(wire.request), user_data)
    if isinstance(wire, WireFault):
        request = None if wire.request is UNSET else _kvlist(wire.request)
        return Event3rdServerFault(wire.reference_id, request)
    return (Ping if isinstance(wire, WirePing) else Pong)(wire.reference_id)


def _kvlist(pairs: list[AnyPair]) -> KVList:
    return KVList.of_pairs(
        [
            Pair(pair.key, ValueType.KVLIST, _kvlist(pair.value))
            if isinstance(pair, ListPair)
            else Pair(pair.key, _TYPES[type(pair)], pair.value)
            for pair in pairs
        ]
    )


def _refuse_repeated_fields(fields: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise ProtocolError(term("Malformed message: a field is given twice"))


_LENGTH = struct.Struct(">I")


def encode(message: Message, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return one whole frame.

    Raises InvalidRequest for a message over the limits: the peer would close the connection because
    of it, and every other request in flight would be lost with it.
    """
    body = encode_body(message)
    if not _is_small(body, limits) and (complaint := limits.complaint(lists_of(message))):
        raise InvalidRequest(
            "too_large", term("The request is over the limit: {complaint}.", complaint=complaint)
        )
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

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        decode: Callable[[bytes, Limits], Message] = decode_body,
    ) -> None:
        self._limits = limits
        self._decode = decode
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
                yield self._decode(body, self._limits)
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
