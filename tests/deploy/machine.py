"""A machine in a folder, on which the documents' own lines are carried out: real releases,
settings, commands, web server and worker. Stand-ins are for what needs root or the network."""

import compileall
import os
import pwd
import re
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import psutil
import pytest

from tests.deploy.proxy import free_port
from tests.support.demos import ROOT, environment
from tests.support.tracked import tracked

FOLDERS = ("/opt/", "/etc/notice-console", "/etc/systemd/system", "/usr/local/bin", "/var/backups")
IN_A_RELEASE = ("manage.py", "pyproject.toml", "requirements", "console/", "templates/", "static/")
SECONDS = 120
# The last commit of 0.1.0, which is not in the tree any more.
FIRST_RELEASE = "a771bc9418dd50b211645178ffddbe5075d902c9"
IN_THE_FIRST = ("manage.py", "pyproject.toml", "console", "templates", "static", "deploy", "docs")

# What the words after each name are, stand-ins do: nothing, or the part that they can.
STAND_INS = {
    "useradd": "exit 0",
    "pip": "exit 0",
    # The packages of this virtual environment. Anything else is Python's own.
    "python3": '[[ "$*" == "-m venv .venv" ]] && exec ln -s "{prefix}" .venv; exec "{python}" "$@"',
    # Owners are for root to give.
    "install": """words=()
while (($#)); do case "$1" in -o|-g) shift 2;; *) words+=("$1"); shift;; esac; done
exec /usr/bin/env PATH="{path}" install "${{words[@]}}" """,
    "systemctl": 'exec "{python}" "{systemctl}" "{root}" "$@"',
}


class Machine:
    """`root` is its folder, `port` the one of its web server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        for folder in FOLDERS:
            (root / folder.strip("/")).mkdir(parents=True, exist_ok=True)
        (root / "run").mkdir()
        self._stubs = root / "stubs"
        self._stubs.mkdir()
        values = {
            "prefix": sys.prefix,
            "python": sys.executable,
            "path": os.environ["PATH"],
            "systemctl": Path(__file__).with_name("systemctl.py"),
            "root": root,
        }
        for name, body in STAND_INS.items():
            stub = self._stubs / name
            stub.write_text(f"#!/usr/bin/env bash\n{body.format(**values)}\n", "utf-8")
            stub.chmod(0o755)

    def here(self, text: str) -> str:
        """The same with this machine's folders and port."""
        for folder in FOLDERS:
            text = re.sub(rf"(?<![\w.]){re.escape(folder)}", f"{self.root}{folder}", text)
        return re.sub(r"127\.0\.0\.1(:| --port )8000", rf"127.0.0.1\g<1>{self.port}", text)

    def release(self, version: str, *, without: tuple[str, ...] = ()) -> Path:
        """Unpack this tree as that version, `without` some of its files."""
        folder = self.root / "opt/notice-console/releases" / version
        for name in tracked():
            if name.startswith((*IN_A_RELEASE, "deploy/")) and name not in without:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                _copy(ROOT / name, path)
        project = folder / "pyproject.toml"
        said = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', project.read_text("utf-8"))
        project.write_text(said, "utf-8")
        script = folder / "deploy/notice-console"
        me = pwd.getpwuid(os.geteuid()).pw_name
        text = script.read_text("utf-8").replace('USER = "notice-console"', f'USER = "{me}"')
        script.write_text(self.here(text), "utf-8")
        self._unpacked(folder)
        return folder

    def first_release(self) -> Path:
        """Unpack 0.1.0, out of the history, where it was installed."""
        folder = self.root / "opt/notice-console"
        folder.mkdir()
        packed = subprocess.run(
            ["git", "archive", FIRST_RELEASE, *IN_THE_FIRST], cwd=ROOT, capture_output=True
        )
        if packed.returncode:
            pytest.skip(f"the history does not reach back to 0.1.0: {packed.stderr.decode()}")
        subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
        self._unpacked(folder)
        return folder

    def _unpacked(self, folder: Path) -> None:
        """Compile it, since its services write nothing there and would compile it at each start."""
        compileall.compile_dir(folder / "console", quiet=1)
        for unit in (folder / "deploy/systemd").iterdir():
            unit.write_text(self.here(unit.read_text("utf-8")), "utf-8")

    def manage_first(self, *words: str) -> str:
        """What a command of 0.1.0 says, with the service's settings."""
        file = self.root / "etc/notice-console/console.env"
        settings = runpy.run_path(str(ROOT / "deploy/notice-console"))["read"](file.read_text())
        done = subprocess.run(
            [".venv/bin/python", "manage.py", *words],
            env={"PATH": os.environ["PATH"], **settings},
            cwd=self.root / "opt/notice-console",
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout

    def carry_out(self, lines: str) -> str:
        """What bash, as an operator's shell, says to these lines. Each must succeed."""
        lines = self.here(lines).replace(".venv/bin/pip", "pip")
        path = f"{self._stubs}:{self.root}/usr/local/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euc", lines],
            # A shell in which somebody has sourced another site's settings.
            env={**environment(self.root / "none"), "PATH": path, "DATABASE_URL": "postgresql:///"},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
        return done.stdout

    def running(self) -> Iterator[int]:
        """The processes that its service manager has started and not ended."""
        for file in (self.root / "run").glob("*.pid"):
            pid = int(file.read_text())
            if psutil.pid_exists(pid):
                yield pid

    def switch_off(self) -> None:
        for pid in self.running():
            os.killpg(pid, signal.SIGKILL)


def _copy(file: Path, to: Path) -> None:
    """With what Python has compiled of it, if it has."""
    shutil.copy2(file, to)
    compiled = Path(cache_from_source(str(file)))
    if file.suffix == ".py" and compiled.exists():
        (to.parent / "__pycache__").mkdir(exist_ok=True)
        shutil.copy(compiled, cache_from_source(str(to)))


def lines_of(document: str, section: str, *, docs: Path = ROOT / "docs") -> list[str]:
    """The blocks of commands in a section of a document, in order."""
    text = (docs / document).read_text("utf-8")
    _before, behind = re.split(rf"\n##+ {re.escape(section)}\n", text)
    body = re.split(r"\n##+ ", behind)[0]
    # Under a number a block is indented by three more.
    blocks = re.findall(r"(?:^ {4,}(?! *\d\.)\S[^\n]*\n)+", body, re.MULTILINE)
    return ["\n".join(line.strip() for line in block.splitlines()) for block in blocks]
