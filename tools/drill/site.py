"""The drill's site as processes of their own: its commands, its workers, and whoever verifies what
it gave away, in a folder with nothing else in it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from console.audit import verify
from tools.bench.world import ROOT, last_lines, same_database, worker

KEPT_DAYS = 30
WORKER_SECONDS = 1800
GO = ROOT / "tests/audit/tlog/go"
# Where Debian and Ubuntu have Go's libraries.
GOPATH = Path("/usr/share/gocode")


class Failed(Exception):
    """A process of the drill did not do what it should. The text says which, and what it said."""


@dataclass(frozen=True)
class Site:
    """All that the drill writes lies in `folder`; checkpoints and the tree lie outside of the
    database, in `outside`."""

    folder: Path
    outside: Path

    @property
    def tree(self) -> Path:
        return self.outside / "log"

    def settings(self) -> dict[str, str]:
        """What each process gets: the database of this one, whichever it is now."""
        from console.backups.programs import program

        return {
            **same_database(),
            "CONSOLE_CHECKPOINTS_TO": str(self.outside),
            "CONSOLE_PG_BIN": str(Path(program("psql")).parent),
            "CONSOLE_TEXT_RETENTION_DAYS": str(KEPT_DAYS),
        }

    def command(self, *words: object) -> str:
        """Run a command of the console, and return what it says."""
        return self.python("manage.py", *words)

    def python(self, *words: object) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=ROOT,
            env={**os.environ, **self.settings()},
            capture_output=True,
            text=True,
            check=False,
        )
        return _said(done)

    def work(self, is_over: Callable[[], bool]) -> None:
        """Let a worker run until what it has to do is over."""
        end = time.monotonic() + WORKER_SECONDS
        with worker(self.folder, self.settings()):
            while not is_over():
                if time.monotonic() > end:
                    raise Failed(f"a worker is not ready: {last_lines(self.folder / 'worker.log')}")
                time.sleep(0.1)

    def elsewhere(self, name: str, *files: Path) -> "Elsewhere":
        """Copy files to where there is no console but the verifier."""
        folder = self.folder / "elsewhere" / name
        folder.mkdir(parents=True)
        for path in (Path(verify.__file__), *files):
            shutil.copy(path, folder / path.name)
        return Elsewhere(folder)


@dataclass(frozen=True)
class Elsewhere:
    """A folder with the verifier, and with nothing else of the console."""

    folder: Path

    def verify(self, *words: object) -> str:
        done = subprocess.run(
            [sys.executable, "-I", "verify.py", *map(str, words)],
            cwd=self.folder,
            env={},
            capture_output=True,
            text=True,
            check=False,
        )
        return _said(done)


def go_reader(folder: Path) -> Callable[[Path, str], str] | None:
    """Build the reader of golang.org/x/mod, which knows nothing of this project. Return what reads
    a published tree by its key; None where there is no Go with that library."""
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod").is_dir():
        return None
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "go"),
        "GOFLAGS": "",
    }
    program = folder / "read-tree"
    words = ["go", "build", "-o", str(program), "."]
    _said(
        subprocess.run(words, cwd=GO, env=environment, capture_output=True, text=True, check=False)
    )

    def read(published: Path, key: str) -> str:
        words = [str(program), str(published), key]
        return _said(subprocess.run(words, capture_output=True, text=True, check=False))

    return read


def _said(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode:
        words = " ".join(done.args[1:])
        raise Failed(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
