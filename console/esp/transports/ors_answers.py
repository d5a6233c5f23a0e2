"""What an answer of Orchestration Server's REST interface means (docs/orchestration.md). No I/O.

A workflow that took the request answers 200 with JSON:

    {"outcome": "accepted" | "refused" | "not_sent" | "unknown",
     "fault_code"?: text or number, "fault_text"?: text}

The meaning of all other answers depends on who must have sent them, and on what that one can know:

    status              outcome     because
    200, such JSON      as it says  the workflow knows the outcome of its own request
    200, anything else  unknown     the workflow ran, and did not say what the outcome was
    301 307 308         not sent    the address is another server's: nobody took the request
    401 403 407         not sent    the console's credentials are wrong, for every chat
    404 410             refused     no such session, so no workflow ran; a retry would not help
    408                 unknown     part of the request had arrived
    429 503             not sent    too busy to take it (503: unless settings say not to trust it)
    other 4xx           refused     this request is not accepted, and a retry would not help
    all else            unknown     500, 502, 504: it may have been passed on before it failed
"""

from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from console.esp.messages import KVList
from console.esp.outcomes import Outcome, OutcomeKind, plain
from console.text.sentences import term

BODY_KEPT = 4096  # characters of an answer that are stored for people to read

MOVED = {301, 307, 308}
CREDENTIALS_WRONG = {401, 403, 407}
NO_SESSION = {404, 410}
BUSY = {429, 503}
TIMED_OUT = 408

_NOBODY_KNOWS = term("It may have been carried out or not.")
_NOT_PASSED_ON = term("Nothing was sent to the Chat Server.")


class _WorkflowAnswer(Struct):
    outcome: Literal["accepted", "refused", "not_sent", "unknown"]
    fault_code: str | int = ""
    fault_text: str = ""


_decoder = msgspec.json.Decoder(_WorkflowAnswer)


def from_http(
    status: int, body: bytes, *, reference_id: int, round_trip: float, trust_503: bool = True
) -> Outcome:
    """Return the outcome of a request that got a whole answer."""
    kind, code, text, why, meaning = _judged(status, body, trust_503=trust_503)
    kept = body.decode("utf-8", "replace")[:BODY_KEPT]
    return Outcome(
        kind,
        reference_id,
        fault_code=code,
        fault_text=text,
        detail=term("{why} {meaning}", why=why, meaning=meaning) if meaning else why,
        answer=plain(KVList.of({"HTTPStatus": status, "Body": kept})),
        round_trip=round_trip,
        why=why,
    )


def trouble_of(status: int) -> str:
    """Return why a server with this answer can't be used at the moment; empty if it can."""
    if status in CREDENTIALS_WRONG:
        return term(
            "Orchestration refuses the console's credentials (HTTP {status}). Correct "
            "CONSOLE_ORS_USERNAME, CONSOLE_ORS_PASSWORD or the client certificate.",
            status=status,
        )
    if status in BUSY:
        return term("Orchestration is too busy to take requests (HTTP {status}).", status=status)
    if status in MOVED:
        return term(
            "Orchestration is not at this address (HTTP {status}, a redirect). Correct the "
            "Chat Server's address.",
            status=status,
        )
    return ""


class _Judgement(NamedTuple):
    """`why` is the cause; `meaning` what it means for this request, if `why` does not say so."""

    kind: OutcomeKind
    code: str = ""
    text: str = ""
    why: str = ""
    meaning: str = ""


def _judged(status: int, body: bytes, *, trust_503: bool) -> _Judgement:
    if status == 200:
        return _judged_by_workflow(body)
    if status in NO_SESSION:
        why = term(
            "Orchestration has no such session (HTTP {status}): the chat has ended, or the feed "
            "told an old session.",
            status=status,
        )
        return _Judgement(OutcomeKind.REFUSED, "no_session", "", why, _NOT_PASSED_ON)
    if (trouble := trouble_of(status)) and (trust_503 or status != 503):
        return _Judgement(OutcomeKind.NOT_SENT, "", "", trouble, _NOT_PASSED_ON)
    if 400 <= status < 500 and status != TIMED_OUT:
        why = term("Orchestration refused the request (HTTP {status}).", status=status)
        return _Judgement(OutcomeKind.REFUSED, f"http_{status}", "", why, _NOT_PASSED_ON)
    why = term("Orchestration answered HTTP {status}.", status=status)
    return _Judgement(OutcomeKind.UNKNOWN, "", "", why, _NOBODY_KNOWS)


def _judged_by_workflow(body: bytes) -> _Judgement:
    try:
        answer = _decoder.decode(body)
    except (msgspec.DecodeError, ValueError):
        why = term(
            "The workflow's answer is not the JSON with an outcome that docs/orchestration.md "
            "asks for."
        )
        return _Judgement(OutcomeKind.UNKNOWN, "", "", why, _NOBODY_KNOWS)
    code, text = str(answer.fault_code), answer.fault_text
    kind = OutcomeKind(answer.outcome)
    if kind is OutcomeKind.ACCEPTED:
        return _Judgement(kind)
    said = f"{text or 'without saying why'}{f' (fault code {code})' if code else ''}"
    sentence = {
        OutcomeKind.REFUSED: term("It was refused, says the workflow: {said}", said=said),
        OutcomeKind.NOT_SENT: term("The workflow could not send it: {said}", said=said),
        OutcomeKind.UNKNOWN: term(
            "The workflow does not know what became of it: {said}", said=said
        ),
    }
    return _Judgement(kind, code, text, sentence[kind])
