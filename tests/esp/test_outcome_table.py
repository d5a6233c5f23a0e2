"""What may become of a request, over real TCP to a simulator in a process of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.esp import Client, EspRequest, KVList, NotConnected, Outcome, OutcomeKind, build_notice
from tests.esp.support import (
    APP_NAME,
    LATER,
    NEVER,
    SimulatorProcess,
    a_message,
    framed,
    read_frame,
    run,
    serving,
    simulator_process,
)
from tests.support.network import free_port

ACCEPTED, REFUSED = OutcomeKind.ACCEPTED, OutcomeKind.REFUSED
NOT_SENT, UNKNOWN = OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN


async def outcome_of(url: str, request: EspRequest, request_timeout: float = 5.0) -> Outcome:
    async with Client(url, request_timeout=request_timeout) as client:
        with contextlib.suppress(NotConnected):
            await client.connect()
        return await client.request(request)


def a_notice(notice_type: str, text: str = "") -> EspRequest:
    user_data = KVList.of({"InteractionId": "notice"})
    return build_notice(app_name=APP_NAME, notice_type=notice_type, text=text, user_data=user_data)


@pytest.mark.parametrize(
    "request_",
    [
        a_message(),
        a_message(text="Grüße 👋", nickname="Büro", visibility="VIP", tenant_id=1),
        a_message(user_data=KVList.of([("InteractionId", "x"), ("b", b"\xff"), ("b", {"n": 1})])),
        a_notice("USER_CUSTOM"),
        a_notice("USER_PUSHED_URL", "https://www.example.com/"),
    ],
)
def test_accepted(simulator: SimulatorProcess, request_: EspRequest) -> None:
    outcome = run(outcome_of(simulator.url, request_))
    assert outcome.kind is ACCEPTED
    assert (outcome.reference_id, outcome.fault_code, outcome.detail) == (1, "", "")
    assert outcome.answer == [{"key": "Service", "type": "str", "value": "Chat"}]
    assert outcome.round_trip is not None


@pytest.mark.parametrize(
    ("faults", "request_", "code", "text"),
    [
        ({"refuse_every": 1}, a_message(), "refused_on_demand", "was told to refuse"),
        ({}, a_message(app_name="Other"), "unknown_application", "AppName is 'Other'"),
        ({}, a_message(user_data=KVList()), "no_interaction_id", "no InteractionId"),
    ],
)
def test_refused(
    simulator: SimulatorProcess,
    faults: dict[str, Any],
    request_: EspRequest,
    code: str,
    text: str,
) -> None:
    simulator.set_faults(**faults)
    outcome = run(outcome_of(simulator.url, request_))
    assert (outcome.kind, outcome.reference_id, outcome.fault_code) == (REFUSED, 1, code)
    assert text in outcome.fault_text
    assert outcome.fault_text in outcome.detail
    assert outcome.answer is not None
    assert [pair["key"] for pair in outcome.answer] == ["FaultCode", "FaultString"]


def test_refused_without_a_word() -> None:
    async def fault(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_frame(reader)
        writer.write(
            framed(
                {
                    "messageName": "Event3rdServerFault",
                    "messageId": 502,
                    "ReferenceId": asked["ReferenceId"],
                }
            )
        )
        await reader.read()

    async def ask() -> Outcome:
        async with serving(fault) as port:
            return await outcome_of(f"esp+json://127.0.0.1:{port}", a_message())

    outcome = run(ask())
    assert (outcome.kind, outcome.answer, outcome.fault_code) == (REFUSED, None, "")
    assert "without saying why" in outcome.detail


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        (lambda simulator: f"esp+json://127.0.0.1:{free_port()}", "it was refused"),
        (lambda simulator: f"esp+json://[::1]:{free_port()}", "No connection to [::1]"),
        (lambda simulator: f"esp+json+tls://127.0.0.1:{simulator.port}", "No connection to"),
    ],
    ids=["nobody listens", "nobody listens there either", "no TLS there"],
)
def test_not_sent(
    simulator: SimulatorProcess, address: Callable[[SimulatorProcess], str], detail: str
) -> None:
    outcome = run(outcome_of(address(simulator), a_message()))
    assert (outcome.kind, outcome.reference_id) == (NOT_SENT, None)
    assert detail in outcome.detail
    assert outcome.detail.endswith(".")


def test_not_sent_because_the_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown_name(*args: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    outcome = run(outcome_of("esp+json://chat1.invalid:4801", a_message()))
    assert outcome.kind is NOT_SENT
    assert outcome.detail == (
        "No connection to chat1.invalid:4801: the host name cannot be resolved."
    )


def test_not_sent_while_nobody_listens_and_accepted_after(simulator: SimulatorProcess) -> None:
    simulator.set_faults(not_listening=True)
    assert run(outcome_of(simulator.url, a_message())).kind is NOT_SENT
    simulator.set_faults(not_listening=False)
    assert run(outcome_of(simulator.url, a_message())).kind is ACCEPTED


def test_not_sent_after_close(simulator: SimulatorProcess) -> None:
    async def ask() -> tuple[Outcome, Outcome]:
        client = Client(simulator.url)
        assert (await client.request(a_message())).kind is ACCEPTED
        await client.close()
        return await client.request(a_message()), await client.submit(a_message())

    requested, submitted = run(ask())
    assert (requested.kind, requested.detail) == (NOT_SENT, "The client was closed.")
    assert submitted.kind is NOT_SENT


@pytest.mark.parametrize(
    ("fault", "timeout", "carried_out", "detail"),
    [
        ("silent_every", LATER, True, "No answer"),
        ("drop_every", NEVER, True, "closed the connection"),
        ("cut_every", NEVER, True, "in the middle of a frame"),
        ("drop_before_every", NEVER, False, "closed the connection"),
        ("garbage_every", NEVER, True, "did not keep to the protocol"),
    ],
)
def test_unknown(
    simulator: SimulatorProcess, fault: str, timeout: float, carried_out: bool, detail: str
) -> None:
    """Whether it was carried out is what the client cannot know."""
    simulator.set_faults(**{fault: 1})
    outcome = run(outcome_of(simulator.url, a_message(fault), timeout))
    assert (outcome.kind, outcome.reference_id, outcome.answer) == (UNKNOWN, 1, None)
    assert detail in outcome.detail
    assert outcome.detail.endswith("It may have been carried out or not.")
    journalled = [
        line["answer"] for line in simulator.journalled() if line["interaction_id"] == fault
    ]
    assert journalled == (["none"] if carried_out else [])


def test_unknown_because_nothing_is_read(simulator: SimulatorProcess) -> None:
    simulator.set_faults(half_open=True)
    outcome = run(outcome_of(simulator.url, a_message(), LATER))
    assert outcome.kind is UNKNOWN


@pytest.mark.processes
def test_unknown_because_the_server_was_killed(tmp_path: Path) -> None:
    with simulator_process(tmp_path / "journal", "--silent-every", "1") as simulator:

        async def ask() -> Outcome:
            async with Client(simulator.url, request_timeout=NEVER) as client:
                waiting = asyncio.ensure_future(client.request(a_message()))
                while not await asyncio.to_thread(simulator.journalled):
                    await asyncio.sleep(0.01)
                simulator.kill()
                return await waiting

        outcome = run(ask())
    assert outcome.kind is UNKNOWN
    assert outcome.detail.endswith("It may have been carried out or not.")
