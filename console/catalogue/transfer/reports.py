"""The expected or actual result of an import, row by row, in django-import-export's terms."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from import_export.results import RowResult

from console.errors import ConsoleError
from console.text.sentences import Sentence, as_parts, plain_params

# Of a refusal that no service has a code for.
INVALID_CELL = "invalid_cell"
SHOWN = 300  # characters of a text in a report


class Outcome(StrEnum):
    CREATED = RowResult.IMPORT_TYPE_NEW
    CHANGED = RowResult.IMPORT_TYPE_UPDATE
    UNCHANGED = RowResult.IMPORT_TYPE_SKIP
    REFUSED = RowResult.IMPORT_TYPE_INVALID


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row can't be imported, and what to do. `column` is "" if it concerns the whole row."""

    column: str
    message: Sentence


@dataclass(frozen=True, slots=True)
class Change:
    column: str
    before: str
    after: str


@dataclass(slots=True)
class RowReport:
    """One row of the file. `number` is the spreadsheet's row; in JSON, the record's position."""

    number: int
    name: str
    changes: list[Change] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    is_new: bool = False

    @property
    def outcome(self) -> Outcome:
        if self.refusals:
            return Outcome.REFUSED
        if self.is_new:
            return Outcome.CREATED
        return Outcome.CHANGED if self.changes else Outcome.UNCHANGED

    def refuse(self, column: str, message: Sentence) -> None:
        self.refusals.append(Refusal(column, message))

    def refuse_by(self, error: ConsoleError, column: str = "") -> None:
        """Refuse the row with a service's error about its content."""
        locale = error.details.get("locale")
        self.refuse(f"body:{locale}" if locale else column, error.said)

    def compare(self, before: dict[str, str], after: dict[str, str]) -> bool:
        """Record the differences in the columns of `after`, and return whether there are any."""
        found = [
            Change(name, shown(before.get(name, "")), shown(value))
            for name, value in after.items()
            if before.get(name, "") != value
        ]
        self.changes += found
        return bool(found)

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.number,
            "name": self.name,
            "outcome": self.outcome.name.lower(),
            "changes": [
                {"column": each.column, "before": each.before, "after": each.after}
                for each in self.changes
            ],
            "refusals": [
                {
                    "column": each.column,
                    "code": each.message.code or INVALID_CELL,
                    "message": str(each.message),
                    "params": plain_params(each.message.params),
                }
                for each in self.refusals
            ],
        }

    def to_keep(self) -> dict[str, Any]:
        """As `to_json`, with what it takes to word the refusals later."""
        refusals = [
            {"column": each.column, "message": str(each.message), "said": as_parts(each.message)}
            for each in self.refusals
        ]
        return self.to_json() | {"refusals": refusals}


def shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def counts(rows: Iterable[RowReport]) -> dict[str, int]:
    """Return the number of rows by outcome."""
    found = Counter(row.outcome for row in rows)
    return {outcome.name.lower(): found[outcome] for outcome in Outcome}
