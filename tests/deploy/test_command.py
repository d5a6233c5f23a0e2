"""deploy/notice-console: what it reads out of the file of settings, and as whom it runs."""

import os
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.demos import ROOT

SCRIPT = ROOT / "deploy" / "notice-console"
ADDRESS = "postgresql://console:s$cret@db/console?sslmode=verify-full&sslrootcert=/etc/a b.pem"
# As systemd reads them (systemd.exec(5), EnvironmentFile=).
FILE = f"""
# A comment that goes \\
ON=to the next line
; another

DATABASE_URL={ADDRESS}\x20\x20
DOUBLE="two words, a \\" and a \\$, \\n"
SINGLE='as it is: \\n "$HOME"'
BARE=x"y" z
ESCAPED=a\\ b\\
c
LAST=one \\\x20
TOGETHER="one" 'two' three
  SPACED = in the middle
no assignment
EMPTY=
LINES="two
lines"
HASH=#no comment
"""
READ = {
    "DATABASE_URL": ADDRESS,
    "DOUBLE": 'two words, a " and a $, \\n',
    "SINGLE": 'as it is: \\n "$HOME"',
    "BARE": 'x"y" z',
    "ESCAPED": "a bc",
    "LAST": "one  ",
    "TOGETHER": "onetwothree",
    "SPACED": "in the middle",
    "EMPTY": "",
    "LINES": "two\nlines",
    "HASH": "#no comment",
}


def test_it_reads_as_systemd_does() -> None:
    assert runpy.run_path(str(SCRIPT))["read"](FILE) == READ


def test_a_quote_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="A does not end"):
        runpy.run_path(str(SCRIPT))["read"]("A='b\nC=d\n")


def test_the_example_can_be_read() -> None:
    text = (ROOT / "deploy" / "console.env.example").read_text("utf-8")
    assert runpy.run_path(str(SCRIPT))["read"](text)["CONSOLE_TRUST_PROXY"] == "1"


@pytest.fixture
def installed() -> Iterator[Path]:
    """A release whose Python says who it is and what it got."""
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder)
        release.chmod(0o755)
        python = release / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text('#!/bin/sh\nid -un; umask; pwd; echo "$@"; env\n', "utf-8")
        python.chmod(0o755)
        (release / "deploy").mkdir()
        text = SCRIPT.read_text("utf-8").replace('"notice-console"', '"nobody"')
        (release / "deploy/notice-console").write_text(text, "utf-8")
        (release / "console.env").write_text("DATABASE_URL=postgresql://a?b&c\n", "utf-8")
        yield release


def call(release: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3"
    return subprocess.run(
        [python, str(release / "deploy/notice-console"), *words],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def test_it_is_the_services_user_with_the_files_settings_alone(installed: Path) -> None:
    elsewhere: Any = {"DATABASE_URL": "postgresql://elsewhere", "CONSOLE_DEBUG": "1"}
    done = call(installed, "--env-file", f"{installed}/console.env", "check", "-v0", **elsewhere)
    assert done.returncode == 0, done.stderr
    user, umask, folder, words, *environment = done.stdout.splitlines()
    assert user == ("nobody" if os.geteuid() == 0 else user)
    assert (umask, folder, words) == ("0077", str(installed), "manage.py check -v0")
    assert "DATABASE_URL=postgresql://a?b&c" in environment
    assert not any(line.startswith("CONSOLE_DEBUG") for line in environment)


def test_without_its_settings_nothing_is_run(installed: Path) -> None:
    done = call(installed, "--env-file", f"{installed}/none.env", "check")
    assert done.returncode == 1
    assert "none.env can't be read" in done.stderr
    assert done.stdout == ""
