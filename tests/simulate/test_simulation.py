"""The simulation itself: a seed is a run, nothing is violated, and what is planted is found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.simulate.day import DayResult, simulate_day
from tools.simulate.planted import FOUND_BY, PLANTED
from tools.simulate.report import Total, report
from tools.simulate.running import DAY_HOURS

ROOT = Path(__file__).resolve().parents[2]
SEED = 15
HOURS = 12.0
DAYS_MOST = 10


def test_nothing_is_violated_in_a_short_run() -> None:
    """`make simulate` does the same for longer."""
    total = Total()
    for number in range(3):
        total.add(simulate_day(f"{SEED}/{number}", HOURS))
    said = "\n".join(report(total, str(SEED), 0.0))
    assert total.violation is None, said
    assert total.hours >= 3 * HOURS
    assert total.deliveries > 1_000
    assert total.faults.total() > 100
    assert total.outcomes.total() == total.deliveries
    assert "violations  0" in said


def test_a_seed_is_a_run_to_the_byte() -> None:
    first, again = (simulate_day("7/3", 4.0, keeps_lines=True) for _ in range(2))
    assert first.last == again.last
    assert first.digest == again.digest
    assert simulate_day("7/4", 4.0).digest != first.digest


@pytest.mark.processes
def test_neither_processes_nor_hashes_change_it() -> None:
    """In two other processes, with other hashes of texts. The second day is short, so that one of
    them is done long before the other."""
    days = [("7/0", 6.0), ("7/1", 1.0)]
    here = Total()
    for seed, hours in days:
        here.add(simulate_day(seed, hours))
    assert here.deliveries > 1_000
    order = ["--hours", "7", "--day-hours", "6", "--seed", "7", "--processes", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.simulate", *order],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "2", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (there,) = (line for line in done.stdout.splitlines() if line.startswith("trace"))
    assert there in report(here, "7", 0.0)


@pytest.mark.parametrize("name", sorted(FOUND_BY))
def test_a_planted_mistake_is_found(name: str) -> None:
    """The day that is known to find it is the first: a change of the engine moves it to another."""
    run, _, first = FOUND_BY[name][0].partition("/")
    days = [FOUND_BY[name], *((f"{run}/{int(first) + n}", DAY_HOURS) for n in range(DAYS_MOST))]
    with PLANTED[name]():
        each = ((seed, simulate_day(seed, hours)) for seed, hours in days)
        seed, found = next((seed, day) for seed, day in each if day.violation)
    said = "\n".join(report(_total(found), seed, 0.0))
    assert found.violation in said
    assert f"make simulate SEED={seed}" in said


def test_each_planted_mistake_has_its_seed() -> None:
    assert set(FOUND_BY) == set(PLANTED)


def _total(day: DayResult) -> Total:
    total = Total()
    total.add(day)
    return total
