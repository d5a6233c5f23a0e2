"""A client reads responses without the user data that they echo, and judges them no differently."""

import json
import random
from typing import Any

import msgspec
import pytest

from console.esp import KVList, ProtocolError
from console.esp.messages import (
    Event3rdServerFault,
    Event3rdServerResponse,
    Limits,
    Message,
    Pair,
    Ping,
    Pong,
    Request3rdServer,
    ValueType,
)
from console.esp.protocol import ClientProtocol
from console.esp.wire import decode_body, encode, encode_body, skim_body
from tests.esp.support import a_message

USER_DATA = KVList.of(
    [
        ("InteractionId", "0001aB3"),
        ("Subject", "Grüße 👋"),
        ("b", b"\x00\xff"),
        ("n", -5),
        ("twice", "1"),
        ("twice", {"deeper": {"still": "x", "ü"[:0] + "u": "ü"}}),
        ("quoted", 'say "kvlist", \\ and \n'),
    ]
)
RESPONSE = Event3rdServerResponse(7, KVList.of({"Service": "Chat", "list": {"a": 1}}), USER_DATA)
LIMITS = Limits(frame_bytes=1024, depth=4, pairs=20)


def judged(decode: Any, body: bytes, limits: Limits) -> Message | str:
    """The message without the user data of a response, or what is wrong."""
    try:
        message: Message = decode(body, limits)
    except ProtocolError as error:
        return str(error)
    if isinstance(message, Event3rdServerResponse):
        return msgspec.structs.replace(message, user_data=None)
    return message


def test_the_user_data_is_left_out() -> None:
    body = encode_body(RESPONSE)
    assert decode_body(body) == RESPONSE
    assert skim_body(body) == msgspec.structs.replace(RESPONSE, user_data=None)


@pytest.mark.parametrize(
    "message",
    [
        Event3rdServerResponse(7, USER_DATA),
        Event3rdServerFault(7),
        Event3rdServerFault(7, USER_DATA),
        Request3rdServer(7, USER_DATA, USER_DATA),
        Ping(7),
        Pong(7),
    ],
)
def test_all_others_are_whole(message: Message) -> None:
    assert skim_body(encode_body(message)) == message


def changed(rng: random.Random, body: bytes) -> bytes:
    """A body with something wrong, or something else that is right."""
    field = rng.choice([b'"ReferenceId":8', b'"UserData":[]', b'"Request":[]', b'"Later":1'])
    pair = rng.choice(
        [
            b'{"type":"str","key":"a","value":"\xc3\xbc"}',
            b'{"type":"utf","key":"\xc3\xbc","value":""}',
            b'{"type":"utf","key":"a","value":"\\ud800"}',
            b'{"type":"str","key":"\\u00fc","value":""}',
            b'{"type":"int","key":"a","value":2147483648}',
            b'{"type":"int","key":"a","value":1e1}',
            b'{"type":"int","key":"a","value":1,"value":2}',
            b'{"type":"kvlist","key":"a","value":[{"type":"str","key":"\xc3\xbc","value":""}]}',
            b'{"type":"kvlist","key":"a","value":[{"type":"str","key":"b","value":"\xc3\xbc"}]}',
            b'{"type":"kvlist","key":"a","value":[{"type":"kvlist","key":"b","value":['
            b'{"type":"kvlist","key":"c","value":[{"type":"kvlist","key":"d","value":[]}]}]}]}',
            b'{"type":"str","key":"a","value":""}',
            b'{"type":"int","key":"a","value":0}',
        ]
    )
    place = rng.randrange(len(body))
    return rng.choice(
        [
            body[:-1] + b"," + field + b"}",
            body[:1] + field + b"," + body[1:],
            body.replace(b'"UserData":[', b'"UserData":[' + pair + b",", 1),
            body.replace(b'"Request":[', b'"Request":[' + pair + b",", 1),
            body[:place] + bytes([rng.randrange(256)]) + body[place + 1 :],
            body[:place] + body[place + 1 :],
            body[:place] + b" " + body[place:],
            json.dumps(json.loads(body), indent=rng.choice([None, 1])).encode(),
            body.replace(b'"UserData":[', b'"UserData":[' + (pair + b",") * 12, 1),
        ]
    )


@pytest.mark.parametrize("limits", [Limits(), LIMITS], ids=["usual limits", "small limits"])
def test_nothing_is_judged_differently(limits: Limits) -> None:
    rng, body = random.Random(1500), encode_body(RESPONSE)
    verdicts = set()
    for _ in range(4_000):
        one = changed(rng, body)
        if rng.random() < 0.3:
            one = changed(rng, one) if _is_json(one) else one
        wanted = judged(decode_body, one, limits)
        assert judged(skim_body, one, limits) == wanted, one
        verdicts.add(type(wanted).__name__)
    assert verdicts == {"str", "Event3rdServerResponse"}


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "pair",
    [
        Pair("a", ValueType.INT, 0),
        Pair("", ValueType.STR, ""),
        Pair("", ValueType.UTF, ""),
        Pair("", ValueType.BYTES, b""),
        Pair("", ValueType.KVLIST, KVList()),
    ],
)
def test_the_smallest_pairs_are_counted_all_the_same(pair: Pair) -> None:
    limits = Limits(pairs=20)
    allowed, too_many = (
        encode_body(Event3rdServerResponse(7, KVList(), KVList([pair] * number)))
        for number in (20, 21)
    )
    assert isinstance(judged(skim_body, allowed, limits), Event3rdServerResponse)
    assert judged(skim_body, too_many, limits) == judged(decode_body, too_many, limits)
    assert "at most 20 are allowed" in str(judged(skim_body, too_many, limits))


def test_a_client_skims() -> None:
    client = ClientProtocol()
    client.send_request(a_message())
    (answer,) = client.receive_data(encode(msgspec.structs.replace(RESPONSE, reference_id=1)))
    assert answer == Event3rdServerResponse(1, RESPONSE.request)
