"""What an outcome says is exactly what is known of its own request.

Each sentence that the library can say of a request is brought about here, or found in its source.
"""

import ast
import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console import esp
from console.esp import Outcome, OutcomeKind
from console.esp.connection import EspConnection
from console.esp.messages import Event3rdServerFault, Event3rdServerResponse, KVList
from console.esp.outcomes import from_answer, nobody_knows, not_sent, nothing_sent
from console.esp.transports.ors_answers import from_http
from console.text.sentences import Sentence
from tests.esp.channels import FakeTransport, connected
from tests.esp.support import a_message, framed, pass_time, response, run_with_clock
from tests.support.source_code import tree_of

NOT_SENT, UNKNOWN = OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN
NOTHING = "Nothing was sent"
PERHAPS = "may have been carried out"
LIBRARY = Path(esp.__file__).parent
BODIES = [
    b"",
    b"no JSON",
    b'{"outcome": "accepted"}',
    b'{"outcome": "refused"}',
    b'{"outcome": "refused", "fault_code": 7, "fault_text": "no"}',
    b'{"outcome": "not_sent", "fault_text": "no Chat Server"}',
    b'{"outcome": "unknown", "fault_text": "timed out"}',
]


def check(outcome: Outcome) -> None:
    said = outcome.detail
    if outcome.kind is UNKNOWN:
        assert NOTHING not in said, said
    elif outcome.kind is NOT_SENT or outcome.kind is OutcomeKind.REFUSED:
        assert PERHAPS not in said, said
    else:
        assert said == ""
    if outcome.kind in (NOT_SENT, UNKNOWN):
        # It is said of other requests, too: as why a Chat Server rests, or this one is refused.
        assert outcome.why
        assert NOTHING not in outcome.why
        assert PERHAPS not in outcome.why
    assert type(said) is Sentence or said == ""


# --- Over the open framing -----------------------------------------------------------------------

Scene = Callable[[EspConnection, FakeTransport], None]
ENDS: dict[str, Scene] = {
    "lost": lambda connection, _: connection.connection_lost(None),
    "reset": lambda connection, _: connection.connection_lost(ConnectionResetError("reset")),
    "hung up": lambda connection, _: connection.eof_received(),
    "hung up in a frame": lambda connection, _: (
        connection.data_received(response(1)[:9]),
        connection.eof_received(),
    )[0],
    "garbage": lambda connection, _: connection.data_received(framed(b"{}")),
    "time": lambda connection, _: None,
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("buffered", [0, 1, 300, 10_000])
@pytest.mark.parametrize("is_paused", [False, True])
def test_how_a_connection_ends(end: str, buffered: int, is_paused: bool) -> None:
    """Requests on the wire, half on it, in the transport, unwritten; late ones; refused ones."""

    async def play() -> list[Outcome]:
        connection, transport = connected(request_timeout=100)
        loop = asyncio.get_running_loop()
        futures = [connection.submit(a_message()) for _ in range(3)]
        await pass_time(0)
        transport.buffered = buffered
        if is_paused:
            connection.pause_writing()
        futures += [connection.submit(a_message()) for _ in range(2)]
        futures.append(connection.submit(a_message(), since=loop.time() - 100))
        ENDS[end](connection, transport)
        await pass_time(100)
        futures.append(connection.submit(a_message()))
        connection.connection_lost(None)
        futures.append(connection.submit(a_message()))
        return [future.result() for future in futures]

    outcomes = run_with_clock(play())
    assert len(outcomes) == 8
    for outcome in outcomes:
        check(outcome)
    # The last three were never handed to anybody.
    assert {outcome.kind for outcome in outcomes[-3:]} == {NOT_SENT}
    assert all(outcome.detail.endswith(f"{NOTHING}.") for outcome in outcomes[-3:])
    for outcome in outcomes:
        assert ("No answer" in outcome.detail) <= (outcome.kind is UNKNOWN)


def test_a_keep_alive_without_an_answer() -> None:
    async def play() -> Outcome:
        connection, _transport = connected(request_timeout=100, ping_interval=30)
        await pass_time(30)
        await pass_time(100)
        outcome = await connection.submit(a_message())
        connection.connection_lost(None)
        return outcome

    check(run_with_clock(play()))


def test_what_cannot_be_built() -> None:
    async def play() -> Outcome:
        connection, _transport = connected()
        outcome = await connection.submit(a_message(text="x" * 2_000_000))
        connection.connection_lost(None)
        return outcome

    outcome = run_with_clock(play())
    check(outcome)
    assert not outcome.retryable


# --- Answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trust_503", [True, False])
@pytest.mark.parametrize("body", BODIES)
def test_every_status_of_http(body: bytes, trust_503: bool) -> None:
    for status in range(100, 600):
        check(from_http(status, body, reference_id=1, round_trip=0.1, trust_503=trust_503))


@pytest.mark.parametrize(
    "answer",
    [
        Event3rdServerResponse(1, KVList()),
        Event3rdServerFault(1),
        Event3rdServerFault(1, KVList.of({"FaultCode": 5})),
        Event3rdServerFault(1, KVList.of({"FaultString": "gone"})),
        Event3rdServerFault(1, KVList.of({"FaultCode": 5, "FaultString": "gone"})),
    ],
)
def test_answers(answer: Event3rdServerResponse | Event3rdServerFault) -> None:
    check(from_answer(answer))


# --- The source ----------------------------------------------------------------------------------


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(LIBRARY)}:{node.lineno}", node


def test_only_two_places_say_what_becomes_of_a_request() -> None:
    """So no reason can have either in itself, and be said of another request."""
    saying = {
        (where.partition(":")[0], node.args[0].value)
        for where, node in calls()
        if isinstance(node.func, ast.Name)
        and node.func.id == "term"
        and isinstance(node.args[0], ast.Constant)
        and (NOTHING in node.args[0].value or PERHAPS in node.args[0].value)
    }
    assert saying == {
        ("outcomes.py", "{why} Nothing was sent."),
        ("outcomes.py", "{why} It may have been carried out or not."),
        ("transports/ors_answers.py", "Nothing was sent to the Chat Server."),
        ("transports/ors_answers.py", "It may have been carried out or not."),
    }


def test_all_outcomes_are_made_by_a_few() -> None:
    makers = {
        where.partition(":")[0]
        for where, node in calls()
        if isinstance(node.func, ast.Name) and node.func.id == "Outcome"
    }
    assert makers == {"outcomes.py", "transports/ors_answers.py"}


@pytest.mark.parametrize("make", [not_sent, nothing_sent, nobody_knows])
def test_they_keep_the_cause_apart(make: Callable[[str], Outcome]) -> None:
    assert make("It went wrong.").why == "It went wrong."
