import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.esp import InvalidRequest, KVList, Pair, ProtocolError, ValueType
from console.esp.messages import (
    Event3rdServerFault,
    Event3rdServerResponse,
    Limits,
    Message,
    Ping,
    Request3rdServer,
)
from console.esp.wire import Decoder, encode
from tests.esp.test_wire import LITERAL

PING = b'\x00\x00\x00\x26{"messageName":"Ping","ReferenceId":7}'


def decoded(*pieces: bytes, limits: Limits | None = None) -> list[Message]:
    decoder = Decoder(limits or Limits())
    messages: list[Message] = []
    for piece in pieces:
        decoder.feed(piece)
        messages.extend(decoder.messages())
    decoder.finish()
    return messages


def test_a_literal_frame() -> None:
    assert encode(Ping(7)) == PING
    assert decoded(PING) == [Ping(7)]


@pytest.mark.parametrize(("body", "message"), LITERAL)
def test_a_frame_is_a_length_and_a_body(body: bytes, message: Message) -> None:
    frame = struct.pack(">I", len(body)) + body
    assert encode(message) == frame
    assert decoded(frame) == [message]


@pytest.mark.parametrize(("body", "message"), LITERAL)
def test_a_frame_cut_anywhere_waits_for_the_rest(body: bytes, message: Message) -> None:
    frame = encode(message)
    for cut in range(1, len(frame)):
        decoder = Decoder()
        decoder.feed(frame[:cut])
        assert list(decoder.messages()) == []
        with pytest.raises(ProtocolError, match="middle of a frame"):
            decoder.finish()
        decoder.feed(frame[cut:])
        assert list(decoder.messages()) == [message]
        decoder.finish()


def test_byte_by_byte() -> None:
    stream = b"".join(encode(message) for _, message in LITERAL)
    pieces = [bytes([byte]) for byte in stream]
    assert decoded(*pieces) == [message for _, message in LITERAL]


def test_many_frames_in_one_piece_and_a_bit_of_the_next() -> None:
    assert decoded(PING * 3 + PING[:5], PING[5:]) == [Ping(7)] * 4


def test_nothing_in_nothing_out() -> None:
    assert decoded() == []
    assert decoded(b"", b"") == []


def test_a_length_over_the_cap_is_refused_before_the_body_comes() -> None:
    with pytest.raises(ProtocolError, match="1048577 bytes was announced; at most 1048576"):
        decoded((1024 * 1024 + 1).to_bytes(4, "big"))


def test_a_length_at_the_cap_is_waited_for() -> None:
    decoder = Decoder()
    decoder.feed((1024 * 1024).to_bytes(4, "big"))
    assert list(decoder.messages()) == []


def test_the_cap_can_be_set() -> None:
    assert decoded(PING, limits=Limits(frame_bytes=38)) == [Ping(7)]
    with pytest.raises(ProtocolError, match="38 bytes was announced; at most 37"):
        decoded(PING, limits=Limits(frame_bytes=37))
    assert encode(Ping(7), Limits(frame_bytes=38)) == PING
    with pytest.raises(InvalidRequest, match="takes 38 bytes; at most 37") as caught:
        encode(Ping(7), Limits(frame_bytes=37))
    assert caught.value.code == "too_large"


def test_the_largest_frame_goes_through() -> None:
    overhead = len(encode(Event3rdServerFault(7, KVList.of({"a": ""})))) - 4
    largest = Event3rdServerFault(7, KVList.of({"a": "x" * (1024 * 1024 - overhead)}))
    frame = encode(largest)
    assert frame[:4] == b"\x00\x10\x00\x00"
    assert decoded(frame[:700_000], frame[700_000:]) == [largest]


def test_an_empty_frame_is_no_message() -> None:
    with pytest.raises(ProtocolError):
        decoded(b"\x00\x00\x00\x00")


def test_good_frames_before_a_broken_one_are_not_lost() -> None:
    decoder = Decoder()
    decoder.feed(PING + PING + b"\x00\x00\x00\x02{}" + PING)
    messages = decoder.messages()
    assert [next(messages), next(messages)] == [Ping(7), Ping(7)]
    with pytest.raises(ProtocolError):
        next(messages)


def test_after_a_broken_frame_nothing_is_believed_any_more() -> None:
    decoder = Decoder()
    decoder.feed(b"\x00\x00\x00\x02{}")
    for _ in range(2):
        with pytest.raises(ProtocolError, match="Malformed"):
            list(decoder.messages())
        decoder.feed(PING)
    decoder.finish()  # says nothing new


def test_a_reader_that_stops_in_between_loses_nothing() -> None:
    decoder = Decoder()
    decoder.feed(PING + encode(Ping(8)))
    for message in decoder.messages():
        assert message == Ping(7)
        break
    assert list(decoder.messages()) == [Ping(8)]


keys = st.text(st.characters(max_codepoint=127), max_size=8) | st.sampled_from(["a", "b"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = (
    st.builds(Pair.of, keys, texts)
    | st.builds(Pair.of, keys, st.integers(-(2**31), 2**31 - 1))
    | st.builds(Pair.of, keys, st.sampled_from([-(2**31), -1, 0, 2**31 - 1]))
    | st.builds(Pair.of, keys, st.binary(max_size=20))
    | st.builds(lambda key, text: Pair(key, ValueType.UTF, text), keys, texts)
)
kvlists = st.recursive(
    st.lists(scalars, max_size=5).map(KVList),
    lambda inner: st.lists(scalars | st.builds(Pair.of, keys, inner), max_size=5).map(KVList),
    max_leaves=8,
)
references = st.integers(-(2**31), 2**31 - 1)
messages = st.one_of(
    st.builds(Request3rdServer, references, kvlists, kvlists),
    st.builds(Event3rdServerResponse, references, kvlists, st.none() | kvlists),
    st.builds(Event3rdServerFault, references, st.none() | kvlists),
    st.builds(Ping, references),
)
without_haste = settings(deadline=None, database=None, max_examples=100)


@without_haste
@given(st.lists(messages, max_size=4), st.data())
def test_whatever_is_sent_arrives(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(*pieces) == sent


@without_haste
@given(st.binary(max_size=200))
def test_whatever_arrives_is_a_message_or_a_protocol_error(noise: bytes) -> None:
    for stream in (noise, len(noise).to_bytes(4, "big") + noise):
        with contextlib.suppress(ProtocolError):
            decoded(stream)


@without_haste
@given(messages, st.data())
def test_one_changed_byte_never_surprises(message: Message, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        decoded(bytes(frame))
