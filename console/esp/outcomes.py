"""The outcome of one request. The one rule: never claim more than is known."""

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from console.esp.messages import Answer, Event3rdServerResponse, KVList
from console.text.sentences import term

# How long transports wait for an answer after its request ended as unknown, in seconds.
DEFAULT_LATE_GRACE = 60.0

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[list[dict[str, Any]]] = msgspec.json.Decoder(list[dict[str, Any]])


class OutcomeKind(StrEnum):
    """ACCEPTED: answered 501. REFUSED: answered 502. NOT_SENT: not one byte was handed to the
    network. UNKNOWN: it may have been carried out or not, and nobody can tell."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


_ANSWERS = (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED)


class Outcome(Struct, frozen=True, gc=False):
    """`retryable` is False if the request itself can never be sent. `detail` is a sentence for
    people. `why` is its cause alone, without what that means for this request: it may be said of
    other requests, too. `answer` is the raw KV list as JSON data (bytes as base64); `round_trip` is
    in seconds."""

    kind: OutcomeKind
    reference_id: int | None
    fault_code: str = ""
    fault_text: str = ""
    detail: str = ""
    answer: list[dict[str, Any]] | None = None
    round_trip: float | None = None
    retryable: bool = True
    why: str = ""

    @property
    def is_answer(self) -> bool:
        """Whether the request was answered, with or without contents."""
        return self.kind in _ANSWERS


def from_answer(answer: Answer, round_trip: float | None = None) -> Outcome:
    """Return an answer's outcome: 501 is accepted, 502 refused, with the fault's code and text."""
    if isinstance(answer, Event3rdServerResponse):
        return Outcome(
            OutcomeKind.ACCEPTED,
            answer.reference_id,
            answer=plain(answer.request),
            round_trip=round_trip,
        )
    request = answer.request
    code = _fault_field(request, "FaultCode")
    text = _fault_field(request, "FaultString")
    return Outcome(
        OutcomeKind.REFUSED,
        answer.reference_id,
        fault_code=code,
        fault_text=text,
        detail=_refusal_sentence(code, text),
        answer=None if request is None else plain(request),
        round_trip=round_trip,
    )


def not_sent(why: str, reference_id: int | None = None, *, retryable: bool = True) -> Outcome:
    """Return the outcome of a request that did not reach the network and may be `retryable`. The
    reason itself must say so."""
    return Outcome(OutcomeKind.NOT_SENT, reference_id, detail=why, retryable=retryable, why=why)


def nothing_sent(why: str, reference_id: int | None = None, *, retryable: bool = True) -> Outcome:
    """As `not_sent`, for a reason that does not say so."""
    said = term("{why} Nothing was sent.", why=why)
    return Outcome(OutcomeKind.NOT_SENT, reference_id, detail=said, retryable=retryable, why=why)


def nobody_knows(why: str, reference_id: int | None = None) -> Outcome:
    """Return the outcome of a request that was handed to the network without an answer."""
    said = term("{why} It may have been carried out or not.", why=why)
    return Outcome(OutcomeKind.UNKNOWN, reference_id, detail=said, why=why)


def plain(kvlist: KVList) -> list[dict[str, Any]]:
    """Return a KV list as JSON data: `[{"key", "type", "value"}, …]`, bytes as base64."""
    return _decoder.decode(_encoder.encode(kvlist))


def _fault_field(request: KVList | None, key: str) -> str:
    value = None if request is None else request.get(key)
    return str(value) if isinstance(value, str | int) else ""


def _refusal_sentence(code: str, text: str) -> str:
    sentence = (
        term("The Chat Server refused the request: {text}", text=text)
        if text
        else term("The Chat Server refused the request without saying why.")
    )
    return (
        term("{sentence} (fault code {code})", sentence=sentence, code=code) if code else sentence
    )
