"""Witnesses as processes of their own: the one file, copied to where no console is."""

import http.client
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from console.audit import witness

NAME = "auditor.example/witness"
SECONDS = 60.0


class Answer(NamedTuple):
    status: int
    text: str
    kind: str = ""


def the_file_alone(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    alone = folder / "witness.py"
    if not alone.exists():
        shutil.copy(witness.__file__, alone)
    return alone


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the witness to its end."""
    return subprocess.run(
        [sys.executable, "-I", str(the_file_alone(folder)), *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail if it never does."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Running:
    """A witness that serves; `said` is what it has written so far."""

    def __init__(self, command: Sequence[str | Path], folder: Path) -> None:
        self.said = ""
        self._process = subprocess.Popen(
            [*map(str, command)], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: "listening at" in self.said or self.status is not None, "it starts")
        assert self.status is None, self.said
        self.address = self.said.partition("listening at ")[2].split("\n")[0]

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.said += line

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.address.partition("//")[2].rpartition(":")
        return host, int(port)

    @property
    def status(self) -> int | None:
        return self._process.poll()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, path: str, body: bytes | None = None) -> Answer:
        line = http.client.HTTPConnection(*self.place, timeout=SECONDS)
        try:
            line.request("GET" if body is None else "POST", path, body)
            answer = line.getresponse()
            return Answer(
                answer.status, answer.read().decode(), answer.headers.get("Content-Type", "")
            )
        finally:
            line.close()

    def offer(self, body: bytes) -> Answer:
        return self.ask("/add-checkpoint", body)

    def ends(self) -> str:
        """Wait for its end; return all that it said."""
        self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self._process.stderr
        self._process.stderr.close()
        return self.said

    def kill(self) -> None:
        self._process.kill()
        self.ends()

    def stop(self) -> str:
        self._process.send_signal(signal.SIGTERM)
        return self.ends()


class Auditor:
    """Somebody's machine with a witness on it."""

    def __init__(self, folder: Path, name: str = NAME) -> None:
        self.folder, self.state = folder, folder / "state"
        made = run(folder, "key", "--state", self.state, "--name", name)
        assert (made.returncode, made.stderr) == (0, "")
        self.vkey = made.stdout.strip()

    def start(self, *vkeys: str, program: Path | None = None, **options: str | Path) -> Running:
        words: list[str | Path] = [sys.executable, "-I", program or the_file_alone(self.folder)]
        words += ["serve", "--state", self.state, "--listen", options.pop("listen", "127.0.0.1:0")]
        for vkey in vkeys:
            words += ["--log", vkey]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value]
        return Running(words, self.folder)

    @contextmanager
    def serving(self, *vkeys: str, **options: str | Path) -> Iterator[Running]:
        running = self.start(*vkeys, **options)
        try:
            yield running
        finally:
            if running.status is None:
                said = running.stop()
                assert running.status == 0, said
                assert "Traceback" not in said, said

    def evidence(self, kind: str = "") -> list[Path]:
        return sorted((self.state / "evidence").glob(f"{kind}*.txt"))
