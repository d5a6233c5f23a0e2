import pytest

from console.esp import InvalidRequest, KVList, ProtocolError
from console.esp.messages import (
    Event3rdServerFault,
    Event3rdServerResponse,
    Limits,
    Message,
    Ping,
    Pong,
    Request3rdServer,
)
from console.esp.protocol import MAX_UNSENT_PONGS, ClientProtocol, ServerProtocol
from console.esp.wire import Decoder, encode
from tests.esp.support import a_message

NOTHING = KVList()


def only_message(data: bytes) -> Message:
    decoder = Decoder()
    decoder.feed(data)
    (message,) = decoder.messages()
    decoder.finish()
    return message


def accepted(reference_id: int) -> bytes:
    return encode(Event3rdServerResponse(reference_id, NOTHING))


def test_a_request_goes_out_with_a_reference_id() -> None:
    client, request = ClientProtocol(), a_message()
    reference_id, frame = client.send_request(request)
    assert only_message(frame) == Request3rdServer(reference_id, request.request, request.user_data)
    assert reference_id == 1


def test_answers_in_any_order_are_paired() -> None:
    client = ClientProtocol()
    ids = [client.send_request(a_message())[0] for _ in range(3)]
    assert ids == [1, 2, 3]
    fault = Event3rdServerFault(2)
    answers = list(client.receive_data(accepted(3) + encode(fault) + accepted(1)))
    assert [answer.reference_id for answer in answers] == [3, 2, 1]
    assert answers[1] == fault


def test_a_second_answer_is_dropped_and_told() -> None:
    strays: list[int] = []
    client = ClientProtocol(on_stray=strays.append)
    client.send_request(a_message())
    other, _ = client.send_request(a_message())
    received = client.receive_data(accepted(1) + accepted(1) + accepted(other))
    assert [answer.reference_id for answer in received] == [1, other]
    assert strays == [1]


def test_an_answer_to_nothing_is_dropped_and_told() -> None:
    strays: list[int] = []
    client = ClientProtocol(on_stray=strays.append)
    assert list(client.receive_data(accepted(7) + encode(Event3rdServerFault(8)))) == []
    assert strays == [7, 8]


def test_an_answer_to_nothing_needs_nobody_to_be_told() -> None:
    assert list(ClientProtocol().receive_data(accepted(7))) == []


def test_an_answer_that_nobody_waits_for_any_more_comes_once() -> None:
    strays: list[int] = []
    client = ClientProtocol(on_stray=strays.append)
    client.send_request(a_message())
    client.give_up(1)
    received = client.receive_data(accepted(1) + accepted(1))
    assert [answer.reference_id for answer in received] == [1]
    assert strays == [1]


def test_what_is_forgotten_is_not_awaited() -> None:
    strays: list[int] = []
    client = ClientProtocol(on_stray=strays.append)
    for _ in range(2):
        client.send_request(a_message())
    client.give_up(1)
    client.forget(1)
    client.forget(2)
    assert list(client.receive_data(accepted(1) + accepted(2))) == []
    assert strays == [1, 2]


def test_reference_ids_start_again_and_step_over_those_in_use() -> None:
    client = ClientProtocol()
    client._last_reference_id = 2**31 - 3
    first, given_up = client.send_request(a_message())[0], client.send_request(a_message())[0]
    assert (first, given_up) == (2**31 - 2, 2**31 - 1)
    assert client.send_request(a_message())[0] == 1
    assert only_message(client.send_ping()) == Ping(2)
    client._last_reference_id = 2**31 - 3
    client.give_up(given_up)
    assert client.send_request(a_message())[0] == 3


def test_a_request_over_the_limits_changes_nothing() -> None:
    client = ClientProtocol(Limits(frame_bytes=600))
    with pytest.raises(InvalidRequest, match="at most 600"):
        client.send_request(a_message(text="x" * 600))
    assert client.send_request(a_message())[0] == 1


def test_a_client_answers_a_ping() -> None:
    client = ClientProtocol()
    assert list(client.receive_data(encode(Ping(7)) + encode(Ping(8)))) == []
    assert client.data_to_send() == encode(Pong(7)) + encode(Pong(8))
    assert client.data_to_send() == b""


def test_a_client_waits_for_its_pong() -> None:
    client = ClientProtocol()
    assert not client.awaits_pong
    ping = only_message(client.send_ping())
    assert client.awaits_pong
    assert list(client.receive_data(encode(Pong(ping.reference_id)))) == []
    assert not client.awaits_pong


@pytest.mark.parametrize(
    "message", [Request3rdServer(1, NOTHING, NOTHING)], ids=["Request3rdServer"]
)
def test_what_a_server_must_not_send(message: Message) -> None:
    with pytest.raises(ProtocolError, match=f"unexpected {type(message).__name__}"):
        list(ClientProtocol().receive_data(encode(message)))


def test_a_pong_with_another_number_is_not_the_one() -> None:
    strays: list[int] = []
    client = ClientProtocol(on_stray=strays.append)
    client.send_ping()
    assert list(client.receive_data(encode(Pong(99)))) == []
    assert client.awaits_pong
    assert list(client.receive_data(encode(Pong(1)) + encode(Pong(1)))) == []
    assert not client.awaits_pong
    assert strays == [99, 1]


@pytest.mark.parametrize("make", [ClientProtocol, ServerProtocol])
def test_a_flood_of_pings_ends(make: type[ClientProtocol] | type[ServerProtocol]) -> None:
    protocol = make()
    list(protocol.receive_data(encode(Ping(7)) * MAX_UNSENT_PONGS))
    with pytest.raises(ProtocolError, match="does not read the Pongs"):
        list(protocol.receive_data(encode(Ping(7))))


@pytest.mark.parametrize("make", [ClientProtocol, ServerProtocol])
def test_the_end_of_the_stream(make: type[ClientProtocol] | type[ServerProtocol]) -> None:
    protocol = make()
    protocol.receive_eof()
    list(protocol.receive_data(b"\x00"))
    with pytest.raises(ProtocolError, match="middle of a frame"):
        protocol.receive_eof()


def test_a_server_gets_the_requests_and_answers_pings() -> None:
    server, request = ServerProtocol(), Request3rdServer(7, KVList.of({"a": 1}), NOTHING)
    assert list(server.receive_data(encode(Ping(5)) + encode(request))) == [request]
    assert server.data_to_send() == encode(Pong(5))


def test_a_server_answers() -> None:
    server, some = ServerProtocol(), KVList.of({"a": 1})
    assert server.send_response(7, some) == encode(Event3rdServerResponse(7, some))
    assert server.send_fault(7) == encode(Event3rdServerFault(7))
    assert server.send_fault(7, some) == encode(Event3rdServerFault(7, some))


@pytest.mark.parametrize("message", [Pong(1), Event3rdServerFault(1)], ids=["Pong", "Fault"])
def test_what_a_client_must_not_send(message: Message) -> None:
    with pytest.raises(ProtocolError, match="unexpected"):
        list(ServerProtocol().receive_data(encode(message)))


def test_the_limits_hold_for_both_sides() -> None:
    limits = Limits(frame_bytes=100)
    for protocol in (ClientProtocol(limits), ServerProtocol(limits)):
        with pytest.raises(ProtocolError, match="at most 100"):
            list(protocol.receive_data(b"\x00\x00\x00\x65"))
    with pytest.raises(InvalidRequest, match="at most 100"):
        ServerProtocol(limits).send_fault(1, KVList.of({"FaultString": "x" * 100}))
