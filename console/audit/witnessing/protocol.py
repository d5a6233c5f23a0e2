"""What the console says to a witness, and what an answer means (c2sp.org/tlog-witness). Pure."""

import base64
import re
from collections.abc import Sequence
from typing import NamedTuple

from console.audit.tlog import notes
from console.audit.tlog.notes import BadNote, Note, Signature, Verifier
from console.text.sentences import Sentence, wording

SIZE_TYPE = "text/x.tlog.size"
MOST_SECONDS_AHEAD = 300

AHEAD = wording(
    "witness_ahead",
    "It has cosigned {known:,} entries of this log, and here are only {size:,}. Entries were lost "
    "here, or another console adds to the same log.",
)
FORKED = wording(
    "witness_forked",
    "It refuses what is here as the continuation of the {known:,} entries that it cosigned. The "
    "ledger was rewritten, or another console adds to the same log.",
)
UNKNOWN_LOG = wording(
    "witness_unknown_log",
    "It does not know the log {origin}. Give its operator the verifier key of the log.",
)
UNKNOWN_KEY = wording(
    "witness_unknown_key",
    "It does not trust the key that signs the log. Give its operator the present verifier key of "
    "the log.",
)
REFUSES = wording("witness_refuses", "It answers with status {status}: {words}")
NO_WITNESS = wording("witness_answers_otherwise", "It does not answer as a witness does.")
NO_COSIGNATURE = wording(
    "witness_invalid_cosignature", "It answers without a valid cosignature by its key."
)
WRONG_CLOCK = wording(
    "witness_clock", "Its cosignature has a time that is {seconds:,} seconds ahead of this clock."
)
RESTLESS = wording("witness_restless", "It names another size each time that it is asked.")
UNREACHABLE = wording("witness_unreachable", "It can't be reached: {error}")
NO_ADDRESS = wording("witness_no_address", "The policy has no address for it, so nobody asks it.")
# These say that there are two histories.
CONTRADICTIONS = {AHEAD.code, FORKED.code}


class Answer(NamedTuple):
    """A response, or in `error` why there is none."""

    status: int = 0
    text: str = ""
    kind: str = ""
    error: str = ""


class Cosigned(NamedTuple):
    """A valid cosignature: its line, and its time in seconds since 1970."""

    signature: Signature
    at: int


class OtherSize(NamedTuple):
    """The witness has cosigned another size last."""

    size: int


def request_body(old: int, proof: Sequence[bytes], note: str) -> bytes:
    hashes = [base64.b64encode(each).decode() for each in proof]
    return "\n".join([f"old {old}", *hashes, "", note]).encode()


def without_cosignatures(note: Note, origin: str) -> str:
    """Return a note with the signatures by the log's name alone."""
    own = [each for each in note.signatures if each.name == origin]
    return notes.written(note.text, own)


def judged(
    answer: Answer, key: Verifier, text: str, *, old: int, size: int, now: float
) -> Cosigned | OtherSize | Sentence:
    """Return what an answer means: a cosignature over the checkpoint's `text`, another size to
    begin from, or what is wrong. `old` is the size from which it was proved."""
    if answer.error:
        return UNREACHABLE(error=answer.error)
    if answer.status == 200:
        return _cosigned(answer.text, key, text, now)
    if answer.status == 409:
        return _other_size(answer, size)
    if answer.status == 404:
        return UNKNOWN_LOG(origin=text.partition("\n")[0])
    if answer.status == 403:
        return UNKNOWN_KEY()
    if answer.status == 422 and old > 0:
        return FORKED(known=old)
    words = "".join(each for each in answer.text[:200] if each.isprintable() or each == " ")
    return REFUSES(status=answer.status, words=words)


def _cosigned(said: str, key: Verifier, text: str, now: float) -> Cosigned | Sentence:
    """Lines of others are ignored; one that claims to be of this key has to fit."""
    found = None
    try:
        for line in said.removesuffix("\n").split("\n")[: notes.MOST_SIGNATURES]:
            signature = notes.parse_signature(line)
            if (signature.name, signature.key_id) == (key.name, key.key_id):
                at = key.verify(text, signature.value)
                found = Cosigned(signature, at or 0)
    except BadNote:
        return NO_COSIGNATURE()
    if found is None or found.at == 0:
        return NO_COSIGNATURE()
    if found.at > now + MOST_SECONDS_AHEAD:
        return WRONG_CLOCK(seconds=round(found.at - now))
    return found


def _other_size(answer: Answer, size: int) -> OtherSize | Sentence:
    text = answer.text.removesuffix("\n")
    if answer.kind.partition(";")[0].strip() != SIZE_TYPE or not re.fullmatch(
        r"0|[1-9][0-9]{0,18}", text
    ):
        return NO_WITNESS()
    return AHEAD(known=int(text), size=size) if int(text) > size else OtherSize(int(text))
