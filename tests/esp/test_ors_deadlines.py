"""Deadlines and late answers over Orchestration: real TCP, to a stand-in in other threads."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from console.esp import EspRequest, KVList, Outcome, OutcomeKind
from console.esp.transports import open_channel
from console.esp.transports.ors import OrsChannel, _Exchange
from tests.esp.support import LATER, NEVER, SOON, a_message, run, until
from tests.support.orchestration import Orchestration, Session, running_orchestration

ACCEPTED, REFUSED = OutcomeKind.ACCEPTED, OutcomeKind.REFUSED
NOT_SENT, UNKNOWN = OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN


@pytest.fixture
def ors() -> Iterator[Orchestration]:
    with running_orchestration() as started:
        yield started


class Thinking:
    """A workflow that answers when it may."""

    def __init__(self, ors: Orchestration, **answer: Any) -> None:
        self.may_answer = threading.Event()
        self.answer = answer
        self.session = ors.start({}, self)

    def __call__(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.may_answer.wait(20)
        return self.answer


def a_request(session: Session, **changes: Any) -> EspRequest:
    user_data = KVList.of({"InteractionId": "0001aB3", "OrsSessionId": session.id})
    return a_message(**{"user_data": user_data, **changes})


async def channel_to(ors: Orchestration, **options: Any) -> OrsChannel:
    settings = {"connect_timeout": NEVER, "request_timeout": NEVER, **options}
    channel = await open_channel(ors.url, **settings)
    assert isinstance(channel, OrsChannel)
    return channel


class Asked:
    """What became of a request, in the order in which it was told."""

    def __init__(self, channel: OrsChannel, request: EspRequest) -> None:
        self.told: list[tuple[str, Outcome]] = []
        channel.send(
            request,
            lambda outcome: self.told.append(("settled", outcome)),
            late=lambda outcome: self.told.append(("late", outcome)),
        )

    @property
    def kinds(self) -> list[tuple[str, OutcomeKind]]:
        return [(how, outcome.kind) for how, outcome in self.told]


def test_a_loop_that_stands_still_writes_nothing_past_the_deadline(ors: Orchestration) -> None:
    async def send() -> Outcome:
        channel = await channel_to(ors, request_timeout=SOON)
        future = channel.submit(a_request(ors.start({})))
        time.sleep(2 * SOON)  # the loop stands still
        outcome = await future
        await channel.close()
        return outcome

    outcome = run(send())
    assert (outcome.kind, outcome.retryable, len(ors.lines)) == (NOT_SENT, True, 1)  # the help
    address = ors.url.removeprefix("ors+")
    assert outcome.detail == (
        f"It could not be written to {address} within 0.15 seconds. Nothing was sent."
    )


def test_a_process_that_was_stopped_just_before_it_wrote_does_not_write(
    ors: Orchestration, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = _Exchange.trace

    async def stopped(exchange: _Exchange, event: str, info: dict[str, Any]) -> None:
        if event.endswith(".send_request_headers.started"):
            time.sleep(3 * SOON)
        await usual(exchange, event, info)

    async def send() -> Outcome:
        channel = await channel_to(ors, request_timeout=SOON)
        outcome = await channel.submit(a_request(ors.start({})))
        await channel.close()
        return outcome

    monkeypatch.setattr(_Exchange, "trace", stopped)
    outcome = run(send())
    assert (outcome.kind, len(ors.lines)) == (NOT_SENT, 1)  # the help
    assert "It could not be written" in outcome.detail


def test_what_was_spent_before_counts(ors: Orchestration) -> None:
    async def send() -> tuple[Outcome, Outcome]:
        thinking = Thinking(ors)
        channel = await channel_to(ors)
        loop = asyncio.get_running_loop()
        began = loop.time()
        waiting = channel.submit(a_request(thinking.session), since=began - NEVER + LATER)
        spent = await channel.submit(a_request(thinking.session), since=began - NEVER)
        assert channel.is_open  # nothing is wrong with it
        outcome = await waiting
        thinking.may_answer.set()
        await channel.close()
        return spent, outcome

    spent, outcome = run(send())
    assert (spent.kind, outcome.kind, len(ors.asked)) == (NOT_SENT, UNKNOWN, 1)


@pytest.mark.parametrize("said", ["accepted", "refused", "not_sent"])
def test_a_late_answer_is_told(
    ors: Orchestration, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    async def send() -> tuple[Asked, int]:
        thinking = Thinking(ors, outcome=said)
        channel = await channel_to(ors, request_timeout=LATER)
        asked = Asked(channel, a_request(thinking.session))
        await until(lambda: bool(asked.told))
        assert not channel.is_open
        beside = await channel_to(ors)
        assert (await beside.submit(a_request(ors.start({})))).kind is ACCEPTED
        thinking.may_answer.set()
        await channel.close(listen=NEVER)
        await beside.close()
        return asked, channel.late_answers

    with caplog.at_level(logging.INFO, "console.esp.transports.ors"):
        asked, count = run(send())
    assert asked.kinds == [("settled", UNKNOWN), ("late", OutcomeKind(said))]
    late = asked.told[1][1]
    assert late.reference_id == asked.told[0][1].reference_id
    assert late.round_trip is not None
    assert late.round_trip > LATER
    assert count == 1
    assert "a late answer" in [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("faults", [{}, {"cut_after": True}, {"garbage": True}, {"half": True}])
def test_what_tells_nothing_new_is_not_told(ors: Orchestration, faults: dict[str, Any]) -> None:
    async def send() -> tuple[Asked, int]:
        thinking = Thinking(ors, outcome="unknown")
        ors.faults = type(ors.faults)(**faults)
        channel = await channel_to(ors, request_timeout=LATER)
        asked = Asked(channel, a_request(thinking.session))
        await until(lambda: bool(asked.told))
        thinking.may_answer.set()
        await channel.close(listen=NEVER)
        return asked, channel.late_answers

    asked, count = run(send())
    assert (asked.kinds, count) == ([("settled", UNKNOWN)], 0)


def test_an_answer_in_time_is_told_once(ors: Orchestration) -> None:
    async def send() -> Asked:
        channel = await channel_to(ors)
        asked = Asked(channel, a_request(ors.start({})))
        await channel.close(listen=NEVER)
        return asked

    assert run(send()).kinds == [("settled", ACCEPTED)]


@pytest.mark.parametrize("listen", [0.0, 0.05])
def test_closing_does_not_wait_for_late_answers_longer_than_it_is_told(
    ors: Orchestration, listen: float
) -> None:
    async def send() -> Asked:
        thinking = Thinking(ors, outcome="accepted")
        channel = await channel_to(ors, request_timeout=LATER)
        asked = Asked(channel, a_request(thinking.session))
        await channel.close(listen=listen)
        assert len(asked.told) == 1
        thinking.may_answer.set()
        return asked

    assert run(send()).kinds == [("settled", UNKNOWN)]


def test_after_the_grace_nobody_listens(ors: Orchestration) -> None:
    async def send() -> Asked:
        thinking = Thinking(ors, outcome="accepted")
        channel = await channel_to(
            ors, request_timeout=LATER, options={"ors": {"late_grace": SOON}}
        )
        asked = Asked(channel, a_request(thinking.session))
        await channel.close(listen=NEVER)
        thinking.may_answer.set()
        return asked

    assert run(send()).kinds == [("settled", UNKNOWN)]


def test_what_is_written_in_part_goes_no_further(ors: Orchestration) -> None:
    """Its head is out, and of its body what the buffers hold."""

    async def send() -> tuple[Asked, int]:
        ors.faults.reads_nothing = True
        channel = await channel_to(ors, request_timeout=LATER)
        asked = Asked(channel, a_request(ors.start({}), text="x" * 30_000_000))
        await until(lambda: bool(asked.told))
        listening = len(channel._listening)
        await channel.close(listen=NEVER)
        return asked, listening

    asked, listening = run(send())
    assert (asked.kinds, listening) == ([("settled", UNKNOWN)], 0)
