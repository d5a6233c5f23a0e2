"""Programs that start from a process which has loaded the libraries are as others."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import warm_start

pytestmark = pytest.mark.processes

TELL = """
import json, os, sys
print(json.dumps({
    "arguments": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ),
    "parent": os.getppid(), "group": os.getpgrp(), "is_main": __name__ == "__main__",
    "console": [name for name in sys.modules if name.startswith("console")],
    "open": sorted(int(number) for number in os.listdir("/proc/self/fd"))[:-1],
    "read": sys.stdin.read(),
}))
print("wrong", file=sys.stderr)
sys.exit(7)
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(TELL)
    return str(path)


def told(process: "subprocess.Popen[str]", given: str) -> tuple[dict[str, Any], str]:
    out, error = process.communicate(given, timeout=60)
    return json.loads(out), error


def test_a_program_is_a_child_with_what_it_was_given_and_no_more(
    program: str, tmp_path: Path
) -> None:
    environment = {name: it for name, it in os.environ.items() if name.startswith("PYTHON")}
    environment["HOME"] = "nowhere"
    process = warm_start.start(
        [program, "a b", "c"],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert isinstance(process, warm_start.Program)
    said, error = told(process, "é")
    assert said == {
        "arguments": [program, "a b", "c"],
        "folder": str(tmp_path),
        "environment": environment,
        "parent": os.getpid(),
        "group": process.pid,
        "is_main": True,
        "console": [],
        "open": [0, 1, 2],
        "read": "é",
    }
    assert (error, process.returncode) == ("wrong\n", 7)


def test_it_ends_by_a_signal_as_others() -> None:
    with warm_start.start(
        ["-m", "http.server", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL


def test_what_an_interpreter_is_told_needs_one_of_its_own(program: str) -> None:
    with warm_start.start(
        [program],
        env={"PYTHONHASHSEED": "7"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert not isinstance(process, warm_start.Program)
