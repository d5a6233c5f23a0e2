"""What a comparison finds, as sentences that name the place."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

from console.text.sentences import Sentence, wording

# So many differences are named; all are counted.
NAMED_MOST = 50
SHOWN_LENGTH = 120

Params = dict[str, Any]

WORDS = {
    "differs": wording(
        "state_field_differs", "{thing}: {field} is {stands}, and entry {seq} says {told}."
    ),
    "differs_in_sum": wording(
        "state_differs_in_sum", "{thing}: {field} is {stands}, and its entries say {told}."
    ),
    "untold": wording("state_untold", "{thing} stands in the database, and no entry tells of it."),
    "without_row": wording(
        "state_without_row",
        "{thing} stands in the database, and its entries do not tell what every entry of this kind "
        "has told since entry {since}.",
    ),
    "gone": wording(
        "state_gone", "{thing} is gone, and no entry says so: entry {seq} tells of it."
    ),
    "came_back": wording(
        "state_came_back",
        "{thing} stands in the database, and entry {seq} says that it was deleted.",
    ),
    "end_untold": wording(
        "state_end_untold", "{thing} is {stands}, and no entry tells how it ended."
    ),
    "ended_again": wording(
        "state_ended_again", "{thing} has ended, and entry {seq} ends it once more."
    ),
    "erasure_untold": wording("state_erasure_untold", "{thing} is erased, and no entry says so."),
}
UNPROVED = {
    "older": wording(
        "state_older",
        "{kind}, {n:,}: not proved, since the entries are from before entry {since}, the first "
        "that tells whole rows.",
    ),
    "archived": wording(
        "state_archived", "{kind}, {n:,}: not proved, since the entries are in archives."
    ),
    "erased": wording(
        "state_erased", "{kind}, {n:,}: the texts are erased, so they are not proved."
    ),
    "lacks": wording(
        "state_lacks", "{kind}, {n:,}: not proved in part, since the entries do not tell all of it."
    ),
}


@dataclass(frozen=True)
class Finding:
    """A difference, by the code of its words and their parameters."""

    code: str
    params: Params

    @property
    def sentence(self) -> Sentence:
        shown = {name: _shown(value) for name, value in self.params.items()}
        return WORDS[self.code](**shown)


def finding(code: str, thing: str, **params: Any) -> Finding:
    return Finding(code, {"thing": thing, **params})


def _shown(value: Any) -> Any:
    """Return a value as a sentence shows it: a number as it is, anything else as short text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value if isinstance(value, str) and value else json.dumps(value, sort_keys=True)
    return text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 1]}…"


@dataclass
class Part:
    """What one part of a comparison found. `last` is the key up to which it went; None at the
    end."""

    last: int | None = None
    compared: int = 0
    found: list[Finding] = field(default_factory=list)
    unproved: Counter[str] = field(default_factory=Counter)

    def unprove(self, code: str, kind: str, n: int = 1) -> None:
        if n:
            self.unproved[f"{code}:{kind}"] += n


@dataclass(frozen=True)
class Known:
    """What a comparison knows of the ledger: the last archived entry, and the first one that tells
    whole rows (one after the newest, if none does)."""

    sealed: int
    since: int


class Comparison(Protocol):
    """Compares one kind of things, in parts by a growing key."""

    name: str
    label: str

    def part(self, after: int, known: Known) -> Part: ...


COMPARISONS: dict[str, Comparison] = {}


def compare_also(comparison: Comparison) -> None:
    """Add a comparison of an app above. It calls this when it is set up."""
    COMPARISONS[comparison.name] = comparison


def unproved_sentences(unproved: Counter[str], known: Known) -> list[Sentence]:
    found = []
    for key in sorted(unproved):
        code, _colon, kind = key.partition(":")
        found.append(UNPROVED[code](kind=kind, n=unproved[key], since=known.since))
    return found
