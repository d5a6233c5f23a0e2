import asyncio
from typing import Any

import pytest

from console.esp import (
    Channel,
    Client,
    InvalidAddress,
    NotConnected,
    Outcome,
    OutcomeKind,
)
from console.esp import client as client_module
from console.esp.connection import EspConnection
from tests.esp.channels import FakeTransport, connected
from tests.esp.support import (
    NEVER,
    SOON,
    SimulatorProcess,
    a_message,
    pass_time,
    run,
    run_with_clock,
    serving,
    silence,
)
from tests.support.network import free_port

ACCEPTED, NOT_SENT, UNKNOWN = OutcomeKind.ACCEPTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN


def test_a_bad_address_is_refused_at_once() -> None:
    with pytest.raises(InvalidAddress, match="must begin with"):
        Client("http://chat1:1")


def test_connecting_says_why_it_failed() -> None:
    async def connect() -> None:
        async with Client(f"esp+json://127.0.0.1:{free_port()}") as client:
            await client.connect()

    with pytest.raises(NotConnected, match="it was refused"):
        run(connect())


def test_a_closed_client_does_not_connect() -> None:
    async def connect(url: str) -> None:
        client = Client(url)
        await client.close()
        await client.connect()

    with pytest.raises(NotConnected, match="The client was closed"):
        run(connect("esp+json://127.0.0.1:1"))


def test_submitting_needs_a_connection(simulator: SimulatorProcess) -> None:
    async def send() -> tuple[Outcome, Outcome]:
        async with Client(simulator.url) as client:
            before = await client.submit(a_message())
            await client.connect()
            return before, await client.submit(a_message())

    before, after = run(send())
    assert (before.kind, before.detail) == (NOT_SENT, "There is no connection. Connect first.")
    assert after.kind is ACCEPTED


def test_requests_at_the_same_time_share_one_connection(simulator: SimulatorProcess) -> None:
    connections = simulator.ask("stats")["stats"]["connections_total"]

    async def send() -> list[Outcome]:
        async with Client(simulator.url) as client:
            return await asyncio.gather(*(client.request(a_message()) for _ in range(20)))

    outcomes = run(send())
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert sorted(outcome.reference_id or 0 for outcome in outcomes) == list(range(1, 21))
    assert simulator.ask("stats")["stats"]["connections_total"] == connections + 1


def test_after_a_loss_it_connects_again(simulator: SimulatorProcess) -> None:
    async def send() -> list[OutcomeKind]:
        async with Client(simulator.url) as client:
            kinds = [(await client.request(a_message())).kind]
            await asyncio.to_thread(simulator.set_faults, drop_every=1)
            kinds.append((await client.request(a_message())).kind)
            await asyncio.to_thread(simulator.set_faults, drop_every=0)
            kinds.append((await client.request(a_message())).kind)
        return kinds

    assert run(send()) == [ACCEPTED, UNKNOWN, ACCEPTED]


def test_after_a_timeout_it_connects_again(simulator: SimulatorProcess) -> None:
    async def send() -> list[OutcomeKind]:
        async with Client(simulator.url, request_timeout=SOON) as client:
            await client.connect()
            await asyncio.to_thread(simulator.set_faults, silent_every=1)
            kinds = [(await client.request(a_message())).kind]
        async with Client(simulator.url) as client:
            await asyncio.to_thread(simulator.set_faults, silent_every=0)
            kinds.append((await client.request(a_message())).kind)
        return kinds

    assert run(send()) == [UNKNOWN, ACCEPTED]


def test_closing_waits_for_what_is_in_flight(simulator: SimulatorProcess) -> None:
    simulator.set_faults(latency=0.05)

    async def send() -> "asyncio.Future[Outcome]":
        async with Client(simulator.url) as client:
            await client.connect()
            return client.submit(a_message())

    assert run(send()).result().kind is ACCEPTED


def test_the_deadline_holds_while_connecting() -> None:
    async def send() -> Outcome:
        async with serving(silence) as port:
            url = f"esp+json+tls://127.0.0.1:{port}"
            async with Client(url, connect_timeout=NEVER, request_timeout=SOON) as client:
                return await client.request(a_message())

    outcome = run(send())
    assert (outcome.kind, outcome.detail) == (NOT_SENT, "No connection within 0.15 seconds.")


def test_the_time_to_connect_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel counts from when the client was asked, not from when it got the request."""
    opened: list[tuple[EspConnection, FakeTransport]] = []

    async def slow_channel(url: str, **options: Any) -> Channel:
        await asyncio.sleep(60)
        opened.append(connected(request_timeout=100))
        return opened[-1][0]

    async def send() -> tuple[Outcome, Outcome]:
        async with Client("esp+json://chat1:1", request_timeout=100) as client:
            waiting = asyncio.ensure_future(client.request(a_message()))
            await pass_time(0)
            await pass_time(60)
            connection, _transport = opened[0]
            assert client._channel is connection
            await pass_time(39)
            assert not waiting.done()
            await pass_time(1)
            connection.connection_lost(None)
            return await waiting, await client.submit(a_message())

    monkeypatch.setattr(client_module, "open_channel", slow_channel)
    unanswered, next_one = run_with_clock(send())
    assert (unanswered.kind, next_one.kind) == (UNKNOWN, NOT_SENT)
    assert unanswered.detail == (
        "No answer from chat1:1 within 100 seconds. It may have been carried out or not."
    )


class SlowChannel:
    """Takes requests and has nothing to say."""

    is_open = True
    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[SlowChannel]:
    """The channels that clients opened."""

    async def slow_channel(url: str, **options: Any) -> Any:
        channels.append(SlowChannel())
        return channels[-1]

    channels: list[SlowChannel] = []
    monkeypatch.setattr(client_module, "open_channel", slow_channel)
    return channels


def test_two_that_gave_up_on_the_same_channel_let_go_of_it_once(
    simulator: SimulatorProcess,
) -> None:
    async def send() -> list[OutcomeKind]:
        async with Client(simulator.url, request_timeout=1.0) as client:
            await client.connect()
            await asyncio.to_thread(simulator.set_faults, silent_every=1, times=2)
            outcomes = await asyncio.gather(*(client.request(a_message()) for _ in range(2)))
            outcomes += await asyncio.gather(*(client.request(a_message()) for _ in range(2)))
        return [outcome.kind for outcome in outcomes]

    before = simulator.ask("stats")["stats"]["connections_total"]
    assert run(send()) == [UNKNOWN, UNKNOWN, ACCEPTED, ACCEPTED]
    assert simulator.ask("stats")["stats"]["connections_total"] == before + 2


def test_a_channel_that_takes_nothing_more_is_closed_too(opened: list[SlowChannel]) -> None:
    async def connect_twice() -> None:
        async with Client("esp+json://chat1:1") as client:
            await client.connect()
            opened[0].is_open = False
            await client.connect()

    run(connect_twice())
    assert [channel.is_closed for channel in opened] == [True, True]
