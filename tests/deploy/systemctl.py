"""Stands in for systemctl on a machine in a folder: starts what the services there say, with the
settings that they name. It opens no sockets: the first web process has their port."""

import fnmatch
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 60
# Reads settings as systemd does.
SCRIPT = Path(__file__).resolve().parents[2] / "deploy/notice-console"


def main(root: Path, verb: str, *words: str) -> None:
    """As systemd does it, services are started side by side."""
    started = []
    for word in words:
        if word.startswith("--"):
            continue
        unit = word.removesuffix(".service")
        if verb in ("stop", "disable"):
            for file in (root / "run").glob("*.pid"):
                if fnmatch.fnmatch(file.stem, unit):
                    stop(file)
        elif verb in ("start", "enable") and not re.search(r"\.(socket|target|timer)$", unit):
            started.append(start(root, unit))
    for process, log in filter(None, started):
        wait(process, log)


def start(root: Path, unit: str) -> tuple[subprocess.Popen[bytes], Path] | None:
    name, at, number = unit.partition("@")
    units = root / "etc/systemd/system"
    text = (units / f"{name}{at}.service").read_text("utf-8").replace("%i", number)
    said = dict(re.findall(r"(?m)^(\w+)=(.*)$", text))
    command = said["ExecStart"].split()
    if name.endswith("-web") and at:
        listens = (units / "notice-console-web.socket").read_text("utf-8")
        port = re.findall(r"ListenStream=.*:(\d+)", listens)[0] if number == "1" else "0"
        command += ["--port", port]
    elif name.endswith("-worker"):
        command = [*command[: command.index("worker") + 1], "--metrics-port", "0"]
    settings = runpy.run_path(str(SCRIPT))["read"](Path(said["EnvironmentFile"]).read_text("utf-8"))
    environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **settings}
    if said["Type"] == "oneshot":
        subprocess.run(command, cwd=said["WorkingDirectory"], env=environment, check=True)
        return None
    log = root / f"run/{unit}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=said["WorkingDirectory"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (root / f"run/{unit}.pid").write_text(str(process.pid))
    return process, log


def wait(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it is ready."""
    end = time.monotonic() + SECONDS
    while not re.search(r"Serving on|Worker ready|event\W+(serving|worker ready)", log.read_text()):
        if process.poll() is not None or time.monotonic() > end:
            sys.exit(f"{log.stem} did not start: {log.read_text()}")
        time.sleep(0.05)


def stop(file: Path) -> None:
    pid = int(file.read_text())
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            state = "Z"
        if state == "Z":
            file.unlink()
            return
        time.sleep(0.05)
    sys.exit(f"{file.stem} does not end")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
