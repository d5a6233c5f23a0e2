"""The customers that come and go, against real simulators and a feed that only listens."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from console.demo import outage
from console.demo.feed import Feed, FeedFailed, FeedRejected
from console.demo.traffic import (
    LONGEST_WAIT,
    OUTAGE_CHATS,
    OUTAGE_STEP,
    TEST_CHAT,
    Traffic,
)
from console.interactions.feed.events import parse_event
from tests.support.simulators import Simulator

WANTED = 12


class Listener(Feed):
    """Keeps what it is told, after the console's own check of it; `failure` is raised once."""

    def __init__(self, left: Iterable[str] = ()) -> None:
        super().__init__("http://127.0.0.1:9/", "")
        self.left = list(left)
        self.told: list[dict[str, Any]] = []
        self.failure: FeedFailed | None = None

    def tell(self, events: Iterable[dict[str, Any]]) -> None:
        events = list(events)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        for event in events:
            parse_event(event)
        self.told += events

    def live_chats(self, chat_servers: Iterable[str]) -> list[str]:
        assert set(chat_servers) == {"chat-east", "chat-west"}
        return self.left

    def live(self) -> set[str]:
        """Who is on the board by what was told."""
        last = {event["interaction"]["id"]: event["type"] for event in self.told}
        return {chat for chat, kind in last.items() if kind == "upsert"}


@pytest.fixture
def simulators(start_simulator: Callable[..., Simulator]) -> dict[str, Simulator]:
    return {name: start_simulator(name) for name in ("chat-east", "chat-west")}


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def traffic(simulators: dict[str, Simulator], listener: Listener) -> Traffic:
    ports = {name: simulator.control_port for name, simulator in simulators.items()}
    return Traffic(listener, ports, wanted=WANTED, random=Random(7))


def open_sessions(simulators: dict[str, Simulator]) -> set[str]:
    return {
        session["interaction_id"]
        for simulator in simulators.values()
        for session in simulator.control("sessions")["sessions"]
        if session["is_open"]
    }


def test_it_opens_as_many_as_wanted_and_tells_the_feed(
    traffic: Traffic, listener: Listener, simulators: dict[str, Simulator]
) -> None:
    traffic.begin()

    assert len(listener.live()) == WANTED + 1  # the test chat
    marked = [event["interaction"]["id"] for event in listener.told if event["interaction"]["test"]]
    assert marked == [TEST_CHAT]
    assert listener.live() == open_sessions(simulators)
    waits = [
        datetime.now(UTC) - datetime.fromisoformat(event["interaction"]["received_at"])
        for event in listener.told
    ]
    assert all(timedelta() <= wait < LONGEST_WAIT + timedelta(minutes=1) for wait in waits)


def test_ghosts_of_an_earlier_run_are_stopped(traffic: Traffic, listener: Listener) -> None:
    listener.left = ["ghost1", "ghost2"]

    traffic.begin()

    stopped = [event["interaction"]["id"] for event in listener.told if event["type"] == "stopped"]
    assert stopped == ["ghost1", "ghost2"]


def test_each_step_one_goes_and_one_comes(
    traffic: Traffic, listener: Listener, simulators: dict[str, Simulator]
) -> None:
    traffic.begin()
    for _ in range(10):
        before = listener.live()
        traffic.step()
        assert len(before - listener.live()) == 1
        assert len(listener.live() - before) == 1
        assert listener.live() == open_sessions(simulators)


def test_an_ended_chat_says_offline(traffic: Traffic, listener: Listener) -> None:
    traffic.begin()
    traffic.step()

    ended = next(event for event in listener.told if event["type"] == "stopped")
    assert ended["interaction"]["user_data"]["IsOnline"] == "0"


def test_both_sides_talk(traffic: Traffic, simulators: dict[str, Simulator]) -> None:
    traffic.begin()
    for _ in range(10):
        traffic.step()

    roles = {
        entry["role"]
        for chat in traffic.chats
        for entry in simulators[chat.chat_server].transcript(chat.interaction_id)
    }
    assert roles == {"customer", "agent"}


def test_what_the_console_missed_it_is_told_the_next_time(
    traffic: Traffic, listener: Listener, simulators: dict[str, Simulator]
) -> None:
    traffic.begin()
    listener.failure = FeedFailed("restarting")
    with pytest.raises(FeedFailed):
        traffic.step()
    assert listener.live() != open_sessions(simulators)

    traffic.step()

    assert listener.live() == open_sessions(simulators)


def test_what_is_rejected_is_not_told_for_ever(traffic: Traffic, listener: Listener) -> None:
    traffic.begin()
    listener.failure = FeedRejected("wrong")
    with pytest.raises(FeedRejected):
        traffic.step()
    told = len(listener.told)

    traffic.step()

    assert len(listener.told) - told <= 3


def test_during_an_outage_a_queue_fills_and_empties_afterwards(
    traffic: Traffic, listener: Listener, simulators: dict[str, Simulator]
) -> None:
    ports = {name: simulator.control_port for name, simulator in simulators.items()}
    traffic.begin()
    outage.switch(ports, on=True)
    assert outage.is_on(ports)
    for _step in range(30):
        traffic.step()
    assert len(traffic.chats) > WANTED + OUTAGE_CHATS - OUTAGE_STEP
    queues = [chat.customer.queue for chat in traffic.chats]
    assert queues.count(outage.QUEUE) > OUTAGE_CHATS / 2
    outage.switch(ports, on=False)
    for _step in range(60):
        traffic.step()
    assert len(traffic.chats) <= WANTED
    assert open_sessions(simulators) >= {chat.interaction_id for chat in traffic.chats}
    assert simulators["chat-west"].control("faults")["faults"]["latency"] == 0
