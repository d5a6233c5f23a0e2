"""What became of a request is said as the SDK's answers and exceptions allow, and no better
(docs/transports.md)."""

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Any

import pytest

from tests.esp.psdk.servers import (
    answering,
    answers_once_and_goes,
    answers_once_and_waits,
    beside,
    goes_at_once,
    hangs_up_while_it_is_written_to,
)
from tests.esp.support import SimulatorProcess, framed, read_frame, silence
from tests.support.java_stand_ins import JavaProcess, needs_java
from tests.support.network import free_port

pytestmark = needs_java

MESSAGE = {"text": "Hello"}
NOBODY_KNOWS = "It may have been carried out or not."
# A thread has begun with a request within this time on a busy machine too.
BEGUN_SECONDS = 1.0


def ask(java: JavaProcess, url: str, **arguments: Any) -> dict[str, Any]:
    arguments = {"requests": [MESSAGE], **arguments}
    (outcome,) = java.play("ask", url=url, **arguments)
    return dict(outcome)


def asked(java: JavaProcess, server: Any, query: str = "", **arguments: Any) -> dict[str, Any]:
    with beside(server) as port:
        return ask(java, f"psdk://127.0.0.1:{port}{query}", **arguments)


# --- Answers -------------------------------------------------------------------------------------


def test_a_fault_with_its_code_and_text(simulator: SimulatorProcess, java: JavaProcess) -> None:
    simulator.set_faults(refuse_every=1)
    outcome = ask(java, simulator.url.replace("esp+json", "psdk"))
    assert (outcome["kind"], outcome["fault_code"]) == ("refused", "refused_on_demand")
    assert outcome["fault_text"] in outcome["detail"]
    assert [pair["key"] for pair in outcome["answer"]] == ["FaultCode", "FaultString"]


def test_a_fault_without_a_request(java: JavaProcess) -> None:
    outcome = asked(java, answering(502))
    assert (outcome["kind"], outcome["answer"]) == ("refused", None)
    assert "without saying why" in outcome["detail"]


@pytest.mark.parametrize(("message_id", "kind"), [(501, "accepted"), (502, "refused")])
def test_an_answer_that_cannot_be_read_is_one_all_the_same(
    java: JavaProcess, message_id: int, kind: str
) -> None:
    strange = [{"key": "Half", "type": "double", "value": 1}]
    outcome = asked(java, answering(message_id, strange))
    assert (outcome["kind"], outcome["answer"]) == (kind, None)
    assert "can't be read" in outcome["detail"]


def test_an_answer_may_carry_every_type_and_a_key_twice(java: JavaProcess) -> None:
    request = [
        {"key": "a", "type": "str", "value": "x"},
        {"key": "a", "type": "utf", "value": "Ж👋"},
        {"key": "a", "type": "int", "value": -5},
        {"key": "b", "type": "byte[]", "value": "AP+A"},
        {"key": "c", "type": "kvlist", "value": [{"key": "d", "type": "str", "value": ""}]},
    ]
    outcome = asked(java, answering(501, request))
    assert (outcome["kind"], outcome["answer"]) == ("accepted", request)


def test_an_answer_that_esp_does_not_have_says_nothing(java: JavaProcess) -> None:
    outcome = asked(java, answering(600, []))
    assert outcome["kind"] == "unknown"
    assert "with the id 600" in outcome["detail"]


# --- None ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        ("before=ChannelNotOpenedException", "not_sent"),
        ("before=ChannelClosedOnSendException", "unknown"),
        ("after=ChannelClosedOnRequestException", "unknown"),
        ("after=ProtocolTimeoutException", "unknown"),
        ("after=RegistrationException", "unknown"),
        ("after=ProtocolException", "unknown"),
        ("before=ProtocolException", "unknown"),
        ("before=IllegalStateException", "unknown"),
        ("after=OutOfMemoryError", "unknown"),
    ],
)
def test_exceptions(java: JavaProcess, wish: str, kind: str) -> None:
    """Also those of which one may guess that nothing was written: the documents don't say so."""
    outcome = asked(java, answering(501, []), f"?sdk.stand-in.{wish}")
    assert (outcome["kind"], outcome["answer"]) == (kind, None)
    assert wish.partition("=")[2] in outcome["detail"]
    assert outcome["detail"].endswith(NOBODY_KNOWS) == (kind == "unknown")
    assert outcome["reference_id"] == 1


def test_no_answer_in_time(java: JavaProcess) -> None:
    outcome = asked(java, silence, seconds=BEGUN_SECONDS)
    assert (outcome["kind"], outcome["reference_id"]) == ("unknown", 1)
    assert outcome["detail"].endswith(NOBODY_KNOWS)


def test_no_answer_in_time_although_the_sdk_waits_on(java: JavaProcess) -> None:
    outcome = asked(java, silence, "?sdk.stand-in.before-sleep=2500", seconds=BEGUN_SECONDS)
    assert outcome["kind"] == "unknown"
    assert "within 1 seconds" in outcome["detail"]


def test_each_request_has_its_own_time(java: JavaProcess) -> None:
    with beside(answers_once_and_waits) as port:
        url = f"psdk://127.0.0.1:{port}?sdk.stand-in.before-sleep=1"
        first, second, took = java.play("late_silence", url=url)
    assert (first, second) == ("accepted", "unknown")
    assert took > 1.5


def test_closed_while_it_was_written(java: JavaProcess) -> None:
    """A request that is longer than what the system takes at once."""
    long = {"text": "x" * 4_000_000}
    outcome = asked(java, hangs_up_while_it_is_written_to, requests=[long])
    assert outcome["kind"] == "unknown"
    # Whether it is noticed while it is written, or just after, is for the two systems to say.
    assert "closed the connection" in outcome["detail"]


def test_closed_between_two_requests(java: JavaProcess) -> None:
    with beside(answers_once_and_goes) as port:
        played = java.play("stays_open", url=f"psdk://127.0.0.1:{port}")
    was_open, security, is_open, first, second, detail = played
    assert (was_open, security, is_open) == (True, "", False)
    assert (first, second) == ("accepted", "not_sent")
    assert "closed the connection" in detail


def test_closed_before_anything_was_sent(java: JavaProcess) -> None:
    with beside(goes_at_once) as port:
        played = java.play("goes_while_idle", url=f"psdk://127.0.0.1:{port}")
    kind, detail, is_open, after, why = played
    assert (kind, is_open, after) == ("not_sent", False, "not_sent")
    assert "is not open" in detail
    assert "closed the connection" in why


def test_what_waits_when_the_channel_fails_is_not_sent(java: JavaProcess) -> None:
    """One thread: the second request waits for it, and then there is nothing to send it on."""
    with beside(goes_at_once) as port:
        kinds = java.play("few_threads", url=f"psdk://127.0.0.1:{port}", most=1, seconds=5.0)
    assert kinds[0] in ("not_sent", "unknown")
    assert kinds[1:] == ["not_sent", "not_sent"]


def test_what_waits_when_the_peer_is_seen_to_have_gone_is_not_sent(java: JavaProcess) -> None:
    with beside(goes_at_once) as port:
        url = f"psdk://127.0.0.1:{port}?sdk.stand-in.before-sleep=500"
        kinds = java.play("gone_meanwhile", url=url)
    assert kinds == ["not_sent", "not_sent"]


def test_what_waits_for_a_thread_until_its_time_is_over_is_not_sent(java: JavaProcess) -> None:
    with beside(silence) as port:
        url = f"psdk://127.0.0.1:{port}?sdk.stand-in.before-sleep=2500"
        kinds = java.play("few_threads", url=url, most=2, seconds=BEGUN_SECONDS)
    assert kinds == ["unknown", "unknown", "not_sent", "not_sent"]


def test_no_thread_to_be_had(simulator: SimulatorProcess, java: JavaProcess) -> None:
    kind, detail = java.play("no_threads", url=simulator.url.replace("esp+json", "psdk"))
    assert kind == "not_sent"
    assert detail.endswith("Nothing was sent.")


@pytest.mark.parametrize(
    ("method", "kind", "said"),
    [("to_java", "not_sent", "a defect"), ("ask", "not_sent", "has no attribute 'ask'")],
)
def test_a_defect_of_the_console(
    simulator: SimulatorProcess, java: JavaProcess, method: str, kind: str, said: str
) -> None:
    url = simulator.url.replace("esp+json", "psdk")
    found, detail = java.play("broken_sdk", url=url, method=method)
    assert found == kind
    assert said in detail


def test_what_is_too_large_is_not_tried_again(
    simulator: SimulatorProcess, java: JavaProcess
) -> None:
    (outcome,) = java.play("too_large", url=simulator.url.replace("esp+json", "psdk"))
    assert (outcome["kind"], outcome["retryable"]) == ("not_sent", False)
    assert "nested" in outcome["detail"]


def test_what_the_sdk_can_not_build_is_not_tried_again_and_stops_nobody_else(
    simulator: SimulatorProcess, java: JavaProcess
) -> None:
    url = simulator.url.replace("esp+json", "psdk")
    requests = [{"text": "stand-in.refused"}, MESSAGE]
    refused, after = java.play("ask", url=url, requests=requests)
    assert (refused["kind"], refused["retryable"]) == ("not_sent", False)
    assert "IllegalArgumentException: as wished" in refused["detail"]
    # By the same channel: another one would count anew.
    assert (after["kind"], after["reference_id"]) == ("accepted", 2)


def test_an_sdk_that_lacks_something_is_no_fault_of_the_request(
    simulator: SimulatorProcess, java: JavaProcess
) -> None:
    url = simulator.url.replace("esp+json", "psdk")
    (outcome,) = java.play("ask", url=url, requests=[{"text": "stand-in.lacking"}])
    assert (outcome["kind"], outcome["retryable"]) == ("not_sent", True)
    assert "NoSuchMethodError: as wished" in outcome["detail"]


# --- Opening and closing -------------------------------------------------------------------------


def test_nobody_listens(java: JavaProcess) -> None:
    outcome = ask(java, f"psdk://127.0.0.1:{free_port()}")
    assert (outcome["kind"], outcome["reference_id"]) == ("not_sent", None)
    assert "it was refused (is the Chat Server running there?)" in outcome["detail"]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("RegistrationException", "it refuses the console (as wished)"),
        ("ProtocolTimeoutException", "it did not answer in time"),
        ("ProtocolException", "the SDK says ProtocolException: as wished"),
        ("NullPointerException", "the SDK says NullPointerException: as wished"),
    ],
)
def test_not_opened(java: JavaProcess, wish: str, said: str) -> None:
    outcome = asked(java, silence, f"?sdk.stand-in.open={wish}")
    assert outcome["kind"] == "not_sent"
    assert said in outcome["detail"]


def test_an_opening_that_takes_too_long_is_given_up(java: JavaProcess) -> None:
    with beside(silence) as port:
        url = f"psdk://127.0.0.1:{port}?sdk.stand-in.open-sleep=1200"
        said, took = java.play("opening_is_given_up", url=url, seconds=0.1)
    assert said == f"No connection to 127.0.0.1:{port} within 0.1 seconds."
    assert took < 1.2


def test_an_opening_that_fails_late_concerns_nobody(java: JavaProcess) -> None:
    with beside(silence) as port:
        query = "?sdk.stand-in.open-sleep=900&sdk.stand-in.open=ProtocolException"
        url = f"psdk://127.0.0.1:{port}{query}"
        said, _took = java.play("opening_is_given_up", url=url, seconds=0.1)
    assert "within 0.1 seconds" in said


def test_a_goodbye_that_takes_long_is_not_waited_for(java: JavaProcess) -> None:
    with beside(silence) as port:
        url = f"psdk://127.0.0.1:{port}?sdk.stand-in.close-sleep=2500"
        assert 0.9 < java.play("closes_slowly", url=url) < 2.4


def test_a_goodbye_that_fails_concerns_nobody(java: JavaProcess) -> None:
    outcome = asked(java, answering(501, []), "?sdk.stand-in.close=IllegalStateException")
    assert outcome["kind"] == "accepted"


def test_a_close_waits_for_what_was_submitted(
    simulator: SimulatorProcess, java: JavaProcess
) -> None:
    simulator.set_faults(latency=0.05)
    played = java.play("graceful_close", url=simulator.url.replace("esp+json", "psdk"))
    assert played == {"kinds": ["accepted"], "after": "not_sent"}


# --- Deadlines and late answers ------------------------------------------------------------------


def answering_after(seconds: float, message_id: int) -> Any:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        asked = await read_frame(reader)
        await asyncio.sleep(seconds)
        answer = {"messageId": message_id, "ReferenceId": asked["ReferenceId"], "Request": []}
        writer.write(framed(answer))
        await reader.read()

    return handle


@pytest.mark.parametrize(("message_id", "kind"), [(501, "accepted"), (502, "refused")])
def test_a_late_answer_is_told(java: JavaProcess, message_id: int, kind: str) -> None:
    with beside(answering_after(1.5, message_id)) as port:
        played = java.play(
            "late", url=f"psdk://127.0.0.1:{port}", seconds=BEGUN_SECONDS, listen=[20.0]
        )
    (settled, unknown), (late, outcome) = played["told"]
    assert (settled, unknown["kind"], late, outcome["kind"]) == ("settled", "unknown", "late", kind)
    assert outcome["round_trip"] > 1.0
    assert played["counted"] == [1, 0]
    assert played["took"] < 15
    assert played["refused"] == (
        f"127.0.0.1:{port} left a request without an answer for 1 seconds. Nothing was sent."
    )


@pytest.mark.parametrize("listen", [[0.0], [0.1], [20.0, 0.1]])
def test_closing_waits_for_it_no_longer_than_it_is_told(
    java: JavaProcess, listen: list[float]
) -> None:
    with beside(answering_after(5.0, 501)) as port:
        played = java.play(
            "late", url=f"psdk://127.0.0.1:{port}", seconds=BEGUN_SECONDS, listen=listen
        )
    assert [how for how, _outcome in played["told"]] == ["settled"]
    assert played["took"] < 4


def test_an_answer_in_time_counts_after_a_standstill(java: JavaProcess) -> None:
    with beside(answering_after(0.3, 501)) as port:
        assert java.play("standstill", url=f"psdk://127.0.0.1:{port}")["kind"] == "accepted"


def test_after_the_grace_nobody_waits(java: JavaProcess) -> None:
    with beside(silence) as port:
        played = java.play(
            "late", url=f"psdk://127.0.0.1:{port}", seconds=BEGUN_SECONDS, listen=[40.0], grace=0.2
        )
    assert [how for how, _outcome in played["told"]] == ["settled"]
    assert played["took"] < 20


def test_nobody_waits_for_what_java_gave_up_during_a_standstill(java: JavaProcess) -> None:
    """The event loop hears that Java waits no more before it looks at the clock."""
    with beside(silence) as port:
        played = java.play(
            "late",
            url=f"psdk://127.0.0.1:{port}",
            seconds=BEGUN_SECONDS,
            listen=[40.0],
            grace=0.2,
            still=BEGUN_SECONDS + 1.0,
        )
    assert [how for how, _outcome in played["told"]] == ["settled"]
    assert played["took"] < 20


def test_what_is_past_its_deadline_before_it_is_built_is_not_sent(java: JavaProcess) -> None:
    came = bytearray()

    async def keeping(reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(65536):
            came.extend(data)

    with beside(keeping) as port:
        kind, detail = java.play("slow_to_build", url=f"psdk://127.0.0.1:{port}")
    assert (kind, bytes(came)) == ("not_sent", b"")
    assert detail == (
        f"It could not be written to 127.0.0.1:{port} within 0.2 seconds. Nothing was sent."
    )


def test_what_was_spent_before_counts(java: JavaProcess) -> None:
    with beside(silence) as port:
        played = java.play("since", url=f"psdk://127.0.0.1:{port}", seconds=30.0)
    assert played == ["unknown", "not_sent", "waits"]
