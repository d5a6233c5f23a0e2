"""A short run of what `make torture` does at length."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.java_stand_ins import JAVAC
from tools.torture.faults import HARD, KINDS, SOFT, plan
from tools.torture.processes import ROOT, environment

DEADLINE_SECONDS = 420


@pytest.mark.timeout(DEADLINE_SECONDS + 30)
def test_a_short_torture(tmp_path: Path) -> None:
    """With a JDK one of its Chat Servers is reached through Java in the workers.

    Repeat a failed one with the command that it prints; draw others by TORTURE_SEED."""
    seed = os.environ.get("TORTURE_SEED", "68")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tools.torture", "--faults", "9", "--deliveries", "700"),
            *("--pause", "1", "--minutes", "3", "--pace", "30", "--only-measure-takeover"),
            *("--request-timeout", "2", "--seed", seed),
            *(["--psdk"] if JAVAC else []),
        ],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stderr}\n{done.stdout}"


def test_a_seed_draws_the_same_faults_again() -> None:
    assert plan(7, 50, pause=1) == plan(7, 50, pause=1)
    assert plan(7, 50, pause=1) != plan(8, 50, pause=1)


def test_every_kind_of_fault_comes_in_its_turn() -> None:
    drawn = [planned.kind for planned in plan(7, 2 * len(SOFT), pause=1)]
    assert set(drawn[: 2 * len(HARD) : 2]) == set(HARD)
    assert set(drawn[1::2]) == set(SOFT)
    assert {*HARD, *SOFT} == set(KINDS)
