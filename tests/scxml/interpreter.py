"""SCION, an SCXML interpreter of others', in a process of its own.

`make test` installs it by npm (.ci/install-interpreters); where it can't, what needs it is skipped.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "docs" / "examples"


@dataclass(frozen=True)
class Said:
    states: list[str]
    logged: list[str]
    posts: list[dict[str, Any]]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What was logged under the label `notice`."""
        return [json.loads(line.removeprefix("notice ")) for line in self.logged]


class Interpreter:
    """One machine that runs. It does a step for each event, and tells what came of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.first = self._said()

    def tell(self, event: str, data: object = None) -> Said:
        return self._do(event=event, data=data)

    def advance(self, seconds: float) -> Said:
        """By its own clock."""
        return self._do(advance=1000 * seconds)

    def _do(self, **command: object) -> Said:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._said()

    def _said(self) -> Said:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.communicate(timeout=10)[1]
        return Said(**json.loads(line))


def can_interpret() -> bool:
    return shutil.which("node") is not None and (HERE / "node_modules").exists()


@contextmanager
def interpreting(name: str) -> Iterator[Interpreter]:
    """Run one of docs/examples."""
    if not can_interpret():
        pytest.skip("no Node.js, or no interpreter: run .ci/install-interpreters")
    with subprocess.Popen(
        ["node", str(HERE / "interpret.js"), str(EXAMPLES / name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Interpreter(process)
        finally:
            process.kill()
