from typing import Any

import pytest

from console.esp.messages import Event3rdServerFault, Event3rdServerResponse, KVList
from console.esp.outcomes import (
    Outcome,
    OutcomeKind,
    from_answer,
    nobody_knows,
    not_sent,
    nothing_sent,
    plain,
)


def test_a_response_is_accepted() -> None:
    answer = Event3rdServerResponse(7, KVList.of({"Service": "Chat"}), KVList.of({"a": 1}))
    assert from_answer(answer, 0.25) == Outcome(
        OutcomeKind.ACCEPTED,
        7,
        answer=[{"key": "Service", "type": "str", "value": "Chat"}],
        round_trip=0.25,
    )


@pytest.mark.parametrize(
    ("fields", "code", "text", "detail"),
    [
        ({"FaultCode": 5, "FaultString": "gone"}, "5", "gone", ": gone (fault code 5)"),
        ({"FaultCode": "E5", "FaultString": "größer"}, "E5", "größer", ": größer (fault code E5)"),
        ({"FaultString": "gone"}, "", "gone", ": gone"),
        ({"FaultCode": 0}, "0", "", " without saying why. (fault code 0)"),
        ({"FaultCode": b"5", "FaultString": KVList()}, "", "", " without saying why."),
        ({}, "", "", " without saying why."),
    ],
)
def test_a_fault_is_refused(fields: dict[str, Any], code: str, text: str, detail: str) -> None:
    request = KVList.of(fields)
    outcome = from_answer(Event3rdServerFault(7, request))
    assert (outcome.kind, outcome.reference_id) == (OutcomeKind.REFUSED, 7)
    assert (outcome.fault_code, outcome.fault_text) == (code, text)
    assert outcome.detail == f"The Chat Server refused the request{detail}"
    assert outcome.answer == plain(request)


def test_a_fault_may_carry_nothing() -> None:
    outcome = from_answer(Event3rdServerFault(7))
    assert (outcome.kind, outcome.answer) == (OutcomeKind.REFUSED, None)


def test_without_an_answer() -> None:
    assert not_sent("Why.") == Outcome(OutcomeKind.NOT_SENT, None, detail="Why.", why="Why.")
    assert nothing_sent("Why.", 7) == Outcome(
        OutcomeKind.NOT_SENT, 7, detail="Why. Nothing was sent.", why="Why."
    )
    assert nobody_knows("Why.", 7) == Outcome(
        OutcomeKind.UNKNOWN, 7, detail="Why. It may have been carried out or not.", why="Why."
    )


@pytest.mark.parametrize(
    ("outcome", "is_answer"),
    [
        (from_answer(Event3rdServerResponse(7, KVList())), True),
        (from_answer(Event3rdServerFault(7)), True),
        (nobody_knows("Why."), False),
        (nothing_sent("Why."), False),
        (Outcome(OutcomeKind.UNKNOWN, 7, answer=[]), False),
    ],
)
def test_what_is_an_answer_does_not_depend_on_its_contents(
    outcome: Outcome, is_answer: bool
) -> None:
    assert outcome.is_answer is is_answer


def test_a_raw_answer_is_plain_json_data() -> None:
    kvlist = KVList.of([("b", b"\x00\xff"), ("l", {"n": -1}), ("b", "ü")])
    assert plain(kvlist) == [
        {"key": "b", "type": "byte[]", "value": "AP8="},
        {"key": "l", "type": "kvlist", "value": [{"key": "n", "type": "int", "value": -1}]},
        {"key": "b", "type": "utf", "value": "ü"},
    ]
