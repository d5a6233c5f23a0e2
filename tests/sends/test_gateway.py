"""The worker's channels, and what becomes of those that take nothing more."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from console.esp.messages import Event3rdServerFault, Event3rdServerResponse, KVList
from console.esp.outcomes import Outcome, OutcomeKind, from_answer, nobody_knows, nothing_sent
from console.interactions.models import ChatServer
from console.sends.engine.gateway import LISTENING_MOST, Gateway, ending
from console.sends.engine.outcomes import ClaimedDelivery, Ending
from console.sends.models import DeliveryStatus, Reason
from tests.esp.support import a_message, read_frame, response, run, serving, silence, until

UNKNOWN, ACCEPTED = OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED


def a_server(port: int) -> ChatServer:
    return ChatServer(
        pk=1,
        name="chat1",
        url=f"esp+json://127.0.0.1:{port}",
        connect_timeout_seconds=5.0,
        request_timeout_seconds=0.15,
    )


async def gives_up(gateway: Gateway, server: ChatServer, told: list[OutcomeKind]) -> Any:
    """A channel with a request that was given up on it."""
    channel = await gateway.channel(server)
    settled: list[Outcome] = []
    channel.send(a_message(), settled.append, late=lambda outcome: told.append(outcome.kind))
    await until(lambda: bool(settled))
    assert settled[0].kind is UNKNOWN
    return channel


def played(scene: Callable[[Gateway, ChatServer], Awaitable[None]], handler: Any = silence) -> None:
    async def play() -> None:
        async with serving(handler) as port:
            gateway = Gateway()
            try:
                await scene(gateway, a_server(port))
            finally:
                await gateway.close()

    run(play())


def test_late_answers_come_beside_the_next_channel() -> None:
    may_answer = asyncio.Event()

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        frame = await read_frame(reader)
        await may_answer.wait()
        writer.write(response(frame["ReferenceId"]))
        await reader.read()

    async def scene(gateway: Gateway, server: ChatServer) -> None:
        told: list[OutcomeKind] = []
        first = await gives_up(gateway, server, told)
        server.request_timeout_seconds = 20.0  # nothing is given up on this one
        second = await gateway.channel(server)
        assert second is not first
        assert second is await gateway.channel(server)
        may_answer.set()
        assert (await second.submit(a_message())).kind is ACCEPTED
        await until(lambda: told == [ACCEPTED])
        await until(lambda: gateway._leaving == {1: []})

    played(scene, answer)


def test_only_some_listen() -> None:
    async def scene(gateway: Gateway, server: ChatServer) -> None:
        told: list[OutcomeKind] = []
        for _ in range(LISTENING_MOST + 3):
            await gives_up(gateway, server, told)
        await gateway.channel(server)
        await until(lambda: len(gateway._leaving[1]) == LISTENING_MOST)
        await until(lambda: len(gateway._goodbyes) == LISTENING_MOST)
        assert told == []

    played(scene)


def test_the_end_does_not_wait_for_late_answers() -> None:
    """Each would be listened for for a minute; the test's own bound is shorter."""

    async def scene(gateway: Gateway, server: ChatServer) -> None:
        for _ in range(2):
            await gives_up(gateway, server, [])

    played(scene)


def a_delivery() -> ClaimedDelivery:
    texts = dict.fromkeys(
        ("method", "chat_server_name", "body", "body_salt", "visibility", "nickname"), ""
    )
    return ClaimedDelivery(
        claim=None,
        id=1,
        send_id=1,
        interaction_id="0001aB3",
        attempts=1,
        message_type="",
        kind="",
        last_detail="",
        user_data={},
        **texts,
    )


@pytest.mark.parametrize(
    ("outcome", "is_answered"),
    [
        (from_answer(Event3rdServerResponse(1, KVList())), True),
        (from_answer(Event3rdServerFault(1, KVList.of({"FaultCode": 1}))), True),
        (from_answer(Event3rdServerFault(1)), True),  # without a Request
        (nobody_knows("Why."), False),
        (Outcome(UNKNOWN, 1, answer=[]), False),  # a proxy answered, not the Chat Server
    ],
)
def test_what_counts_as_an_answer_is_its_kind(outcome: Outcome, is_answered: bool) -> None:
    ended = ending(a_delivery(), outcome)
    assert ended is not None
    assert ended.is_answered is is_answered


def test_what_did_not_leave_is_not_answered() -> None:
    assert ending(a_delivery(), nothing_sent("Why.")) is None
    assert not Ending(a_delivery(), DeliveryStatus.FAILED, Reason.NOT_SENT).is_answered
    assert not Ending(a_delivery(), DeliveryStatus.SKIPPED, Reason.OFFLINE).is_answered
