"""`make drill` itself, with few deliveries: what docs/backup.md says of it."""

import re
import subprocess
import sys

import pytest

from tools.bench.world import ROOT

pytestmark = pytest.mark.processes

NUMBER = 2000


@pytest.mark.timeout(1200)
def test_nothing_is_lost_and_all_that_was_given_away_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.drill", "--deliveries", str(NUMBER)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "Nothing was lost without a word, and nothing went out twice." in done.stdout
    read = re.findall(r"Go reads \S+: [0-9]+ leaves are in the tree", done.stdout)
    assert len(read) == 2 or "not read by Go" in done.stdout
