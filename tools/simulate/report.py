"""What a simulation prints at its end."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tools.simulate.day import DayResult

LINES_SHOWN = 40


@dataclass
class Total:
    """The sum of the days. Its digest is that of their traces, in the order of the days."""

    days: int = 0
    hours: float = 0.0
    idle_hours: float = 0.0
    deliveries: int = 0
    lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    violation: DayResult | None = None
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, day: DayResult) -> None:
        self.days += 1
        self.hours += day.hours
        self.idle_hours += day.idle_hours
        self.deliveries += day.deliveries
        self.lines += day.lines
        self.outcomes.update(day.outcomes)
        self.faults.update(day.faults)
        self._digest.update(day.digest.encode())
        if day.violation:
            self.violation = day

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def report(total: Total, seed: str, seconds: float) -> Iterable[str]:
    """Return the lines of the report."""
    yield f"seed        {seed}"
    yield f"simulated   {total.hours:,.0f} h, nothing was due for {total.idle_hours:,.0f} h of it"
    yield f"deliveries  {total.deliveries:,}"
    for name, number in sorted(total.outcomes.items(), key=lambda pair: -pair[1]):
        yield f"              {name} {number:,}"
    yield f"faults      {total.faults.total():,}"
    for name, number in sorted(total.faults.items()):
        yield f"              {name} {number:,}"
    yield f"violations  {0 if total.violation is None else 1}"
    yield f"trace       {total.digest} ({total.lines:,} lines)"
    yield f"took        {seconds:.0f} s"
    if total.violation is not None:
        yield from _violation(total.violation)


def _violation(day: DayResult) -> Iterable[str]:
    yield ""
    yield f"VIOLATION in second {day.moment:.6f} of the day {day.seed}: {day.violation}"
    yield from (f"  {line}" for line in day.last[-LINES_SHOWN:])
    yield f"Again: make simulate SEED={day.seed}"
