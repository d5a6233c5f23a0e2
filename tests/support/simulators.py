"""The Chat Server simulator as a process, and its control port."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 60


@dataclass
class Simulator:
    """A running simulator. `control` is its JSON-lines port."""

    name: str
    port: int
    control_port: int
    journal: Path
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"esp+json://127.0.0.1:{self.port}"

    def control(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One command to the control port."""
        with socket.create_connection(
            ("127.0.0.1", self.control_port), timeout=DEADLINE_SECONDS
        ) as connection:
            connection.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            with connection.makefile("r", encoding="utf-8") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
        assert answer["ok"], answer
        return answer

    def faults(self, **faults: Any) -> None:
        self.control("faults", set=faults)

    def journalled(self) -> list[dict[str, Any]]:
        """Every request that it took, in order. The last line may not be whole yet."""
        if not self.journal.exists():
            return []
        lines = self.journal.read_text("utf-8").splitlines(True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def journalled_last(self) -> dict[str, Any]:
        """The newest request, without reading those before it."""
        with self.journal.open("rb") as file:
            file.seek(max(0, self.journal.stat().st_size - 65536))
            last: dict[str, Any] = json.loads(file.read().splitlines()[-1])
        return last

    def transcript(self, interaction_id: str, view: str = "customer") -> list[dict[str, Any]]:
        answer = self.control("transcript", interaction_id=interaction_id, view=view)
        entries: list[dict[str, Any]] = answer["entries"]
        return entries

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_SECONDS)


@contextmanager
def running_simulator(
    name: str, journal: Path, *, port: int = 0, arguments: tuple[str, ...] = ()
) -> Iterator[Simulator]:
    """Start a simulator on any free port, and end it."""
    command = [
        *(sys.executable, "-m", "console.esp.simulator"),
        *("--name", name, "--port", str(port), "--control-port", "0"),
        *("--journal", str(journal), *arguments),
    ]
    # Its coverage is measured by the tests of the ESP library.
    environment = {name: it for name, it in os.environ.items() if not name.startswith("COVERAGE_")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        facts = dict(word.split("=", 1) for word in ready.split() if "=" in word)
        yield Simulator(name, int(facts["port"]), int(facts["control_port"]), journal, process)
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
