"""The units for systemd: that it understands them, how far they are confined, what they run."""

import re
import shutil
import subprocess
from argparse import ArgumentTypeError
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from console.sends.management.commands.worker import FIRST_PORT, MOST_WORKERS, worker_number
from console.web.server.http import STOP_SECONDS
from tests.support.demos import ROOT

UNITS = ROOT / "deploy" / "systemd"
PROGRAM = shutil.which("systemd-analyze")
INSTALLED = "/opt/notice-console/current"
# Of 0 (confined) to 10, as systemd-analyze counts.
MOST_EXPOSED = 2.0

needs_systemd = pytest.mark.skipif(PROGRAM is None, reason="there is no systemd-analyze")


class Unit(ConfigParser):
    """Settings may stand there several times; the last counts here."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment]
        self.read_string(path.read_text("utf-8"))


def services() -> list[Path]:
    found = sorted(UNITS.glob("*.service"))
    assert len(found) == 4
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as on a machine that has the console, in a folder: systemd looks whether what they
    start is there."""
    home = tmp_path / "opt"
    (home / ".venv/bin").mkdir(parents=True)
    (home / ".venv/bin/python").symlink_to(shutil.which("true") or "/bin/true")
    for path in UNITS.iterdir():
        if path.suffix != ".conf":
            text = path.read_text("utf-8").replace(INSTALLED, str(home))
            (tmp_path / path.name).write_text(text, "utf-8")
    return tmp_path


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    assert PROGRAM is not None
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_understands_them(installed: Path) -> None:
    names = [
        str(path).replace("@.", "@1.")
        for path in sorted(installed.iterdir())
        if path.suffix in {".service", ".socket", ".timer", ".target"}
    ]
    for name in ("worker", "web"):
        (installed / f"notice-console-{name}@1.service").symlink_to(
            installed / f"notice-console-{name}@.service"
        )
    done = analyze("verify", "--man=no", *names)
    ours = [line for line in done.stderr.splitlines() if "notice-console" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


@needs_systemd
def test_systemd_finds_what_is_wrong(installed: Path) -> None:
    broken = installed / "notice-console-verify.service"
    broken.write_text(broken.read_text().replace("ProtectSystem", "ProtectSytem"))
    assert "ProtectSytem" in analyze("verify", "--man=no", str(broken)).stderr


@needs_systemd
@pytest.mark.parametrize("path", services(), ids=lambda path: path.name)
def test_they_are_confined(path: Path, tmp_path: Path) -> None:
    unit = tmp_path / path.name.replace("@.", "@1.")
    unit.write_text(path.read_text("utf-8"), "utf-8")
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    said = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    assert said, done.stdout + done.stderr
    assert float(said[1]) <= MOST_EXPOSED, done.stdout


@pytest.mark.parametrize("path", services(), ids=lambda path: path.name)
def test_they_run_commands_that_there_are(path: Path) -> None:
    service = Unit(path)["Service"]
    program, script, name, *words = service["ExecStart"].split()
    assert (program, script) == (f"{INSTALLED}/.venv/bin/python", "manage.py")
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    for number in ("1", "10", "100"):  # exits where a word is wrong
        parser.parse_args([word.replace("%i", number) for word in words])
    assert service["User"] == "notice-console"
    assert service["EnvironmentFile"] == "/etc/notice-console/console.env"


def test_web_processes_share_the_socket_that_the_proxy_asks() -> None:
    listening = Unit(UNITS / "notice-console-web.socket")["Socket"]
    conf = (ROOT / "deploy/nginx/notice-console.conf").read_text("utf-8")
    assert set(re.findall(r"server (127[\d.:]+)", conf)) == {listening["ListenStream"]}
    assert listening["Service"] == "notice-console-web@1.service"
    web = Unit(UNITS / "notice-console-web@.service")["Service"]
    assert web["Sockets"] == "notice-console-web.socket"
    assert web["Type"] == "notify"
    assert int(web["TimeoutStopSec"]) > STOP_SECONDS


def test_each_worker_of_a_machine_has_a_port() -> None:
    numbers = [worker_number(str(number)) for number in range(1, MOST_WORKERS + 1)]
    assert max(numbers) + FIRST_PORT < 10_000
    for wrong in ("0", "900", "ada", "-1", "1.5", ""):
        with pytest.raises(ArgumentTypeError):
            worker_number(wrong)


def test_a_window_may_finish() -> None:
    """systemd waits longer than a Chat Server may ever be given to answer."""
    from console.interactions.pages.forms import ChatServerForm

    worker = Unit(UNITS / "notice-console-worker@.service")["Service"]
    longest: Any = ChatServerForm.base_fields["request_timeout_seconds"]
    assert int(worker["TimeoutStopSec"]) >= longest.max_value + 20
    assert worker["KillSignal"] == "SIGTERM"


def test_the_example_of_settings_has_settings() -> None:
    from tests.site.test_docs import documented

    lines = (ROOT / "deploy" / "console.env.example").read_text("utf-8").splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert names
    assert names <= documented()
