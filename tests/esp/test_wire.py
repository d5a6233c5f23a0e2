"""One message as JSON: literal bytes both ways, and everything that must be refused."""

import json
from typing import Any

import pytest

from console.esp import InvalidRequest, KVList, Pair, ProtocolError, ValueType
from console.esp.messages import (
    Event3rdServerFault,
    Event3rdServerResponse,
    Limits,
    Message,
    MessageId,
    Ping,
    Pong,
    Request3rdServer,
)
from console.esp.wire import decode_body, encode, encode_body

LITERAL: list[tuple[bytes, Message]] = [
    (
        b'{"messageName":"Request3rdServer","messageId":500,"ReferenceId":7,"Request":['
        b'{"key":"Service","type":"str","value":"Chat"},'
        b'{"key":"Parameters","type":"kvlist","value":['
        b'{"key":"MessageText","type":"utf","value":"\xe2\x80\xa6"}]}],'
        b'"UserData":[{"key":"InteractionId","type":"str","value":"0001aB3"},'
        b'{"key":"n","type":"int","value":-2147483648},'
        b'{"key":"n","type":"int","value":2147483647},'
        b'{"key":"b","type":"byte[]","value":"AP8="}]}',
        Request3rdServer(
            7,
            KVList.of([("Service", "Chat"), ("Parameters", {"MessageText": "…"})]),
            KVList.of(
                [
                    ("InteractionId", "0001aB3"),
                    ("n", -(2**31)),
                    ("n", 2**31 - 1),
                    ("b", b"\x00\xff"),
                ]
            ),
        ),
    ),
    (
        b'{"messageName":"Event3rdServerResponse","messageId":501,"ReferenceId":7,'
        b'"Request":[{"key":"Service","type":"str","value":"Chat"}]}',
        Event3rdServerResponse(7, KVList.of({"Service": "Chat"})),
    ),
    (
        b'{"messageName":"Event3rdServerResponse","messageId":501,"ReferenceId":7,'
        b'"Request":[],"UserData":[{"key":"a","type":"utf","value":"plain"}]}',
        Event3rdServerResponse(7, KVList(), KVList([Pair("a", ValueType.UTF, "plain")])),
    ),
    (
        b'{"messageName":"Event3rdServerFault","messageId":502,"ReferenceId":7,'
        b'"Request":[{"key":"FaultCode","type":"int","value":1}]}',
        Event3rdServerFault(7, KVList.of({"FaultCode": 1})),
    ),
    (
        b'{"messageName":"Event3rdServerFault","messageId":502,"ReferenceId":-1}',
        Event3rdServerFault(-1),
    ),
    (b'{"messageName":"Ping","ReferenceId":2147483647}', Ping(2147483647)),
    (b'{"messageName":"Pong","ReferenceId":0}', Pong(0)),
]


@pytest.mark.parametrize(("body", "message"), LITERAL)
def test_literal_bytes_out(body: bytes, message: Message) -> None:
    assert encode_body(message) == body


@pytest.mark.parametrize(("body", "message"), LITERAL)
def test_literal_bytes_in(body: bytes, message: Message) -> None:
    decoded = decode_body(body)
    assert decoded == message
    assert type(decoded) is type(message)


@pytest.mark.parametrize(("body", "message"), LITERAL)
def test_another_order_and_blanks_and_escapes_are_the_same_message(
    body: bytes, message: Message
) -> None:
    fields = json.loads(body)
    backwards = dict(reversed(fields.items()))
    assert decode_body(json.dumps(backwards, indent=1, ensure_ascii=True).encode()) == message


@pytest.mark.parametrize(("body", "_message"), LITERAL)
def test_every_beginning_of_a_message_is_refused(body: bytes, _message: Message) -> None:
    for end in range(len(body)):
        with pytest.raises(ProtocolError):
            decode_body(body[:end])


def test_the_ids_are_those_of_the_documentation() -> None:
    assert [int(member) for member in MessageId] == [500, 501, 502]


def test_a_field_that_the_format_does_not_know_is_ignored() -> None:
    assert decode_body(b'{"messageName":"Ping","ReferenceId":7,"Later":{"x":[null]}}') == Ping(7)


A_REQUEST: dict[str, Any] = {
    "messageName": "Request3rdServer",
    "messageId": 500,
    "ReferenceId": 7,
    "Request": [],
    "UserData": [],
}
A_RESPONSE: dict[str, Any] = {
    "messageName": "Event3rdServerResponse",
    "messageId": 501,
    "ReferenceId": 7,
    "Request": [],
}
A_FAULT = {"messageName": "Event3rdServerFault", "messageId": 502, "ReferenceId": 7}
A_PING = {"messageName": "Ping", "ReferenceId": 7}
EACH = [A_REQUEST, A_RESPONSE, A_FAULT, A_PING, {**A_PING, "messageName": "Pong"}]
MANDATORY = [(message, field) for message in EACH for field in message]


def body_of(message: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**message, **changes}, separators=(",", ":")).encode()


@pytest.mark.parametrize("message", EACH)
def test_the_examples_themselves_are_good(message: dict[str, Any]) -> None:
    assert decode_body(body_of(message))


@pytest.mark.parametrize(("message", "field"), MANDATORY)
def test_a_missing_field(message: dict[str, Any], field: str) -> None:
    body = body_of({name: value for name, value in message.items() if name != field})
    with pytest.raises(ProtocolError):
        decode_body(body)


@pytest.mark.parametrize(("message", "field"), MANDATORY)
def test_a_field_that_is_null(message: dict[str, Any], field: str) -> None:
    with pytest.raises(ProtocolError):
        decode_body(body_of(message, **{field: None}))


@pytest.mark.parametrize(("message", "field"), MANDATORY)
def test_a_field_given_twice(message: dict[str, Any], field: str) -> None:
    again = json.dumps({field: message[field]}, separators=(",", ":")).encode()
    with pytest.raises(ProtocolError):
        decode_body(body_of(message)[:-1] + b"," + again[1:])


def test_a_field_given_twice_in_disguise() -> None:
    with pytest.raises(ProtocolError, match="given twice"):
        decode_body(b'{"messageName":"Ping","ReferenceId":7,"Reference\\u0049d":8}')


def test_a_pair_with_a_field_given_twice() -> None:
    pair = b'{"key":"a","type":"str","value":"1","value":"2"}'
    with pytest.raises(ProtocolError, match="given twice"):
        decode_body(body_of(A_FAULT)[:-1] + b',"Request":[' + pair + b"]}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"Ping"',
        b"{}",
        b"\xef\xbb\xbf" + body_of(A_PING),
        body_of(A_PING).decode().encode("utf-16-be"),
        body_of(A_PING) + b"x",
        body_of(A_PING) + body_of(A_PING),
        body_of(A_PING) + b"\x00",
        b'{"messageName":"\xff","ReferenceId":7}',
        b'{"messageName":"Ping","ReferenceId":7,"Later":"\xff"}',
        b'{"messageName":"Ping","ReferenceId":7,"Later":NaN}',
        b'{"messageName":"Ping","ReferenceId":7,"Later":' + b"1" * 5000 + b"}",
        b'{"messageName":"Ping","ReferenceId":7,"Later":' + b"[" * 500_000,
        body_of(A_PING, messageName="ping"),
        body_of(A_PING, messageName="EventError"),
        body_of(A_PING, messageName=7),
        body_of(A_REQUEST, messageId=501),
        body_of(A_REQUEST, messageId="500"),
        body_of(A_RESPONSE, messageId=502),
        body_of(A_FAULT, messageId=500),
        body_of(A_PING, ReferenceId=2**31),
        body_of(A_PING, ReferenceId=-(2**31) - 1),
        body_of(A_PING, ReferenceId=10**30),
        body_of(A_PING, ReferenceId="7"),
        body_of(A_PING, ReferenceId=7.5),
        body_of(A_PING, ReferenceId=True),
        body_of(A_REQUEST, Request={}),
        body_of(A_REQUEST, UserData="[]"),
        body_of(A_RESPONSE, UserData=None),
        body_of(A_FAULT, Request=None),
    ],
)
def test_a_malformed_message(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_body(body)


@pytest.mark.parametrize(
    "pair",
    [
        None,
        [],
        "pair",
        {},
        {"type": "str", "value": "a"},
        {"key": "a", "value": "a"},
        {"key": "a", "type": "str"},
        {"key": None, "type": "str", "value": "a"},
        {"key": 1, "type": "str", "value": "a"},
        {"key": "ä", "type": "str", "value": "a"},
        {"key": "a", "type": None, "value": "a"},
        {"key": "a", "type": "float", "value": 1.5},
        {"key": "a", "type": "STR", "value": "a"},
        {"key": "a", "type": "str", "value": None},
        {"key": "a", "type": "str", "value": 1},
        {"key": "a", "type": "str", "value": "ä"},
        {"key": "a", "type": "utf", "value": None},
        {"key": "a", "type": "utf", "value": []},
        {"key": "a", "type": "utf", "value": "\ud83d"},
        {"key": "a", "type": "int", "value": "1"},
        {"key": "a", "type": "int", "value": 1.0},
        {"key": "a", "type": "int", "value": False},
        {"key": "a", "type": "int", "value": 2**31},
        {"key": "a", "type": "int", "value": -(2**31) - 1},
        {"key": "a", "type": "byte[]", "value": "A"},
        {"key": "a", "type": "byte[]", "value": "%%%%"},
        {"key": "a", "type": "byte[]", "value": [1, 2]},
        {"key": "a", "type": "kvlist", "value": {}},
        {"key": "a", "type": "kvlist", "value": "[]"},
        {"key": "a", "type": "kvlist", "value": [None]},
    ],
)
def test_a_malformed_pair(pair: Any) -> None:
    for field in ("Request", "UserData"):
        with pytest.raises(ProtocolError):
            decode_body(body_of(A_REQUEST, **{field: [pair]}))


def test_a_complaint_is_short_however_long_its_cause() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_body(body_of(A_PING, messageName="x" * 100_000))
    assert len(str(caught.value)) < 300


def nested_body(levels: int) -> bytes:
    deeper = levels - 1
    inner = b'[{"key":"a","type":"kvlist","value":' * deeper + b"[]" + b"}]" * deeper
    return body_of(A_FAULT)[:-1] + b',"Request":' + inner + b"}"


def nested_list(levels: int) -> KVList:
    made = KVList()
    for _ in range(levels - 1):
        made = KVList([Pair.of("a", made)])
    return made


def test_sixteen_levels_are_allowed_in_and_no_more() -> None:
    assert decode_body(nested_body(16)) == Event3rdServerFault(7, nested_list(16))
    with pytest.raises(ProtocolError, match="nested 17 deep"):
        decode_body(nested_body(17))


@pytest.mark.parametrize("levels", [300, 20_000])
def test_nesting_that_would_exhaust_the_stack(levels: int) -> None:
    with pytest.raises(ProtocolError, match="nested"):
        decode_body(nested_body(levels))


def test_sixteen_levels_are_allowed_out_and_no_more() -> None:
    assert encode(Event3rdServerFault(7, nested_list(16)))
    with pytest.raises(InvalidRequest, match="nested 17 deep"):
        encode(Event3rdServerFault(7, nested_list(17)))


def test_ten_thousand_pairs_are_allowed_and_no_more() -> None:
    """Counted over both lists and all levels."""
    pair = Pair.of("a", "")
    half = KVList([pair] * 4_999)
    inside = KVList([Pair.of("a", half)])
    exact = Request3rdServer(7, inside, KVList([pair] * 5_000))
    assert decode_body(encode_body(exact)) == exact
    assert encode(exact)
    over = Request3rdServer(7, inside, KVList([pair] * 5_001))
    with pytest.raises(ProtocolError, match="10001 pairs; at most 10000"):
        decode_body(encode_body(over))
    with pytest.raises(InvalidRequest, match="10001 pairs; at most 10000") as caught:
        encode(over)
    assert caught.value.code == "too_large"


def test_the_limits_can_be_set() -> None:
    limits = Limits(depth=1, pairs=1)
    with pytest.raises(ProtocolError, match="2 pairs; at most 1"):
        decode_body(encode_body(Event3rdServerFault(7, KVList.of({"a": 1, "b": 2}))), limits)
    with pytest.raises(ProtocolError, match="nested 2 deep; at most 1"):
        decode_body(encode_body(Event3rdServerFault(7, nested_list(2))), limits)
