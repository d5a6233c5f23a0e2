"""The processes of a run: started again by a supervisor a moment after they have ended."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from console.demo.children import end_with_parent
from tools.torture.ways import Way, Ways, free_port

ROOT = Path(__file__).resolve().parents[2]
MANAGE = str(ROOT / "manage.py")
START_SECONDS = 90.0
STOP_SECONDS = 60.0
UNFORESEEN = (
    'event="drain failed"',
    'event="late answers failed"',
    "Internal Server Error",
    'event="no channel"',
)
# A limit of the operating system is no error that PostgreSQL has a class for, unlike a full disk.
FORESEEN = "could not extend file"
# Python imports its sitecustomize at start: it shifts the process's clock by CLOCK_APART seconds.
CLOCK_APART = ROOT / "tests" / "support" / "clock_apart"

# Children end with the thread that started them, so one that lasts starts them all.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def spawn(command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a process that ends when this one does, and that Ctrl-C does not reach."""
    if sys.platform == "linux":
        options["preexec_fn"] = end_with_parent
    start: Any = partial(
        subprocess.Popen,
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )
    process: subprocess.Popen[bytes] = _spawner.submit(start).result()
    return process


class Supervised:
    """A command that is to run always. `busy` is held by whoever does something to it."""

    restart_seconds = 0.5

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str], log: Path):
        self.name = name
        self.busy = threading.Lock()
        self.ended_by_itself: list[int] = []
        self._command = list(command)
        self._environment = environment
        self._log = log
        self._expected_end = False
        self._held_down = False
        self._started = 0
        # Its clock, in seconds ahead of the machine's, from its next start.
        self.clock_apart = 0.0
        self.pids: set[int] = set()
        self.process = self._start()

    def unforeseen(self) -> list[str]:
        """What its log says of errors that nobody foresaw; those of a database that is away are."""
        lines = self._log.read_text("utf-8", errors="replace").splitlines()
        return [
            f"{self.name}: {line[:300]}"
            for line in lines
            if any(sign in line for sign in UNFORESEEN) and FORESEEN not in line
        ]

    @property
    def tag(self) -> str:
        """Names this process among all that ever ran here, in PostgreSQL's list of connections."""
        return f"torture-{self.name}-{self._started}"

    def _start(self) -> "subprocess.Popen[bytes]":
        self._started += 1
        self._expected_end = False
        with self._log.open("ab") as log:
            log.write(f"--- {self.tag}\n".encode())
            log.flush()
            process = spawn(
                self._command,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**self._environment, "PGAPPNAME": self.tag, **self._shifted()},
            )
        self.pids.add(process.pid)
        return process

    def _shifted(self) -> dict[str, str]:
        if not self.clock_apart:
            return {}
        return {"PYTHONPATH": f"{CLOCK_APART}:{ROOT}", "CLOCK_APART": str(self.clock_apart)}

    def look_after(self) -> None:
        """What a supervisor does again and again: start it if it has ended."""
        status = self.process.poll()
        if status is None or self._held_down:
            return
        if not self._expected_end:
            self.ended_by_itself.append(status)
        time.sleep(self.restart_seconds)
        self.process = self._start()

    def signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self._expected_end = True
            self.process.send_signal(number)

    def pause(self) -> None:
        """Stop it in its tracks, so that one can look at what it has in hand."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    def kill(self, *, down: float = 0.0) -> float:
        """kill -9, and keep it down for so many seconds; answers when it was dead."""
        self._held_down = True
        self.signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        dead_at = time.time()
        time.sleep(down)
        self._held_down = False
        return dead_at

    def stop(self) -> int:
        """Ask it to end, for good; its status."""
        self._held_down = True
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # where it was is in its log
            return self.process.wait(STOP_SECONDS)


class Worker(Supervised):
    """`way` leads to its database. Whoever is `steady` is never killed, stopped or restarted."""

    def __init__(
        self,
        number: int,
        environment: dict[str, str],
        folder: Path,
        way: Way,
        *,
        is_steady: bool = False,
    ) -> None:
        name = f"worker-{number}"
        self.way = way
        self.is_steady = is_steady
        command = [sys.executable, MANAGE, "worker"]
        super().__init__(name, command, environment, folder / f"{name}.log")


class Web(Supervised):
    """`manage.py serve`, and how to call its API."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self.token = ""
        command = [sys.executable, MANAGE, "serve", "--port", str(self.port)]
        super().__init__("web", command, environment, folder / "web.log")

    def post(
        self, path: str, body: Any, *, key: str = "", asked: threading.Event | None = None
    ) -> tuple[int, Any]:
        """Status and answer; `asked` is set once the whole request has left.

        Raises OSError or http.client.HTTPException where the answer was lost.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
            if asked is not None:
                asked.set()
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(content)
        except ValueError:
            return response.status, content.decode(errors="replace")

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except OSError:
                assert time.monotonic() < deadline, f"no web server; see {self._log}"
                time.sleep(0.1)


class Simulator(Supervised):
    """A Chat Server stand-in, always on the same ports and with the same journal. Workers come to
    it by the `way`."""

    restart_seconds = 0.0

    def __init__(
        self,
        number: int,
        latency: float,
        environment: dict[str, str],
        folder: Path,
        ways: Ways,
        *,
        scheme: str = "esp+json",
    ) -> None:
        name = f"chat-{number}"
        self.latency = latency
        self.scheme = scheme
        self.port, self.control_port = free_port(), free_port()
        self.way = ways.to(self.port)
        self.journal = folder / f"{name}.jsonl"
        command = [
            *(sys.executable, "-m", "console.esp.simulator", "--name", name),
            *("--port", str(self.port), "--control-port", str(self.control_port)),
            *("--journal", str(self.journal), "--latency", str(latency)),
        ]
        super().__init__(name, command, environment, folder / f"{name}.log")

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.way.port}"

    def faults(self, **changes: Any) -> None:
        """Change what goes wrong there. Raises OSError if it does not answer."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=20) as control:
            control.sendall(json.dumps({"do": "faults", "set": changes}).encode() + b"\n")
            with control.makefile("rb") as lines:
                line = lines.readline()
        if not line:
            raise ConnectionError("the simulator closed the connection")
        answer = json.loads(line)
        assert answer["ok"], answer

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.faults()
                return
            except OSError:
                assert time.monotonic() < deadline, f"no simulator; see {self._log}"
                time.sleep(0.02)


class Supervisor:
    """Watches over all processes, each from a thread of its own."""

    def __init__(self, processes: Sequence[Supervised]) -> None:
        self.processes = processes
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=(process,), name=f"watch {process.name}")
            for process in processes
        ]
        for thread in self._threads:
            thread.start()

    def _watch(self, process: Supervised) -> None:
        while not self._over.wait(0.05):
            process.look_after()

    def close(self) -> dict[str, int]:
        """End the processes, last first; their statuses."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        return {process.name: process.stop() for process in reversed(self.processes)}


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """What the processes get: settings of this shell have no say."""
    kept = {
        name: value
        for name, value in os.environ.items()
        # Nor is it measured what they cover: they die before they could tell.
        if not name.startswith(("CONSOLE_", "PG", "COVERAGE_")) and name != "DATABASE_URL"
    }
    # With the fault handler a process that hangs can be made to say where.
    ours = {"CONSOLE_DATA": str(folder), "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    return {**kept, **ours, **settings}
