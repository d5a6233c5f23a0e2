"""docs/capacity.md names commands that there are, and the connections that the code has."""

import re

from console.database.budget import WORKER_CONNECTIONS
from tests.support.demos import ROOT
from tools.bench.__main__ import MEASURES

PAGE = (ROOT / "docs" / "capacity.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_its_commands_are_there() -> None:
    commands = re.findall(r"`make (\w+)((?: \w+=\w+)*)`", PAGE)
    assert len(commands) >= 8
    for target, values in commands:
        assert re.search(rf"(?m)^{target}:", MAKEFILE), target
        given = dict(each.split("=") for each in values.split())
        assert set(given.get("ONLY", "").split(",")) <= {*MEASURES, ""}
        for name in given:
            assert re.search(rf"(?m)^{name} \?=", MAKEFILE), name


def test_each_row_says_what_measured_it() -> None:
    table = PAGE.partition("## What each thing takes")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 9
    for row in rows:
        assert len(row) == 5
        assert "`make " in row[-1]


def test_the_connections_are_the_codes() -> None:
    words = " ".join(PAGE.split())
    assert f"21 for each web process, {WORKER_CONNECTIONS} for each worker" in words
    assert f"| {WORKER_CONNECTIONS} at most |" in words
