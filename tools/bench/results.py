"""What a measure answers: a row of two figures, their ratio, and the goal that it is held to."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any, NamedTuple

COLUMNS = ("", "first", "second", "unit", "ratio", "goal", "met")


class Pair(NamedTuple):
    """One round: what is measured, and what stands beside it."""

    first: float
    second: float

    @property
    def ratio(self) -> float:
        return self.first / self.second


@dataclass(frozen=True)
class Goal:
    """A range for the ratio, or for the first figure itself where `of` says so."""

    least: float | None = None
    most: float | None = None
    of: str = "ratio"

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return f"{self.of} {self.least:g} to {self.most:g}"
        if self.least is not None:
            return f"{self.of} ≥ {self.least:,g}"
        return f"{self.of} ≤ {self.most:,g}"

    def is_met(self, *, first: float, ratio: float) -> bool:
        value = first if self.of == "first" else ratio
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


@dataclass(frozen=True)
class Row:
    """Medians in `unit`; `ratio` is the median of the rounds' own ratios.

    Without figures, `note` says why there are none; `is_failed` where there should be some.
    """

    measure: str
    title: str
    unit: str = ""
    first: float | None = None
    second: float | None = None
    ratio: float | None = None
    goal: str = ""
    is_met: bool | None = None
    is_failed: bool = False
    note: str = ""
    rounds: Sequence[Pair] = ()
    details: dict[str, Any] = field(default_factory=dict)


def row(
    measure: str,
    title: str,
    rounds: Sequence[Pair],
    *,
    unit: str,
    goal: Goal | None = None,
    over: Callable[[Iterable[float]], float] = statistics.median,
    note: str = "",
    **details: Any,
) -> Row:
    """The row of some rounds. `over` is the median, or `max` where it is the worst that counts."""
    first = over(pair.first for pair in rounds)
    ratio = over(pair.ratio for pair in rounds)
    return Row(
        measure,
        title,
        unit,
        first,
        over(pair.second for pair in rounds),
        ratio,
        str(goal or ""),
        goal.is_met(first=first, ratio=ratio) if goal else None,
        note=note,
        rounds=rounds,
        details=details,
    )


def percentile_95(seconds: Sequence[float]) -> float:
    """By nearest rank: one that was measured."""
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]


def table(rows: Sequence[Row]) -> str:
    """For a terminal; notes stand below the row that they are of."""
    cells = [COLUMNS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = [_line(cells[0], widths)]
    for each, line in zip(rows, cells[1:], strict=True):
        lines.append(_line(line, widths))
        if each.note:
            lines.append(indent(each.note, "    "))
    return "\n".join(lines)


def _cells(each: Row) -> Sequence[str]:
    without = "not taken" if each.is_failed else "left out" if each.ratio is None else ""
    met = {True: "yes", False: "no", None: without}
    return (
        each.title,
        _figure(each.first, 1),
        _figure(each.second, 1),
        each.unit,
        _figure(each.ratio, 3),
        each.goal,
        met[each.is_met],
    )


def _figure(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:,.{places}f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = {0, 3, 5, 6}
    return "  ".join(
        f"{cell:{width}}" if column in texts else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def write_json(path: Path, rows: Sequence[Row], **facts: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {**facts, "rows": [asdict(each) for each in rows]}
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")
