"""How a demo ends: in order, with nothing left over but its data."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.demos import ROOT as REPOSITORY
from tests.support.demos import Api, Demo, data_folder, environment, manage, until
from tests.support.tracked import tracked

PARTS = {"serve", "worker", "console.esp.simulator", "console.demo.traffic"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """For all of these tests, so that only the first of them waits for a new database."""
    with data_folder() as made:
        yield made


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Demo]]:
    """Start a small demo."""
    started: list[Demo] = []

    def start() -> Demo:
        started.append(Demo(data=folder, sessions=4))
        return started[-1]

    yield start
    for demo in started:
        demo.close()


def all_processes(demo: Demo) -> list[psutil.Process]:
    assert demo.address
    found = demo.processes()
    words = " ".join(found)
    assert all(part in words for part in PARTS), words
    return list(found.values())


def assert_all_end(processes: list[psutil.Process], *, within: float = 0) -> None:
    """Within so many seconds none of them is left."""
    _ended, left = psutil.wait_procs(processes, timeout=within)
    alive = [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
    assert alive == []


def test_ctrl_c_ends_all_and_a_second_start_finds_the_data(start: Callable[..., Demo]) -> None:
    first = start()
    processes = all_processes(first)
    token = first.api().token
    before = {chat["id"] for chat in first.api().live_chats()}
    first.send(signal.SIGINT)

    assert first.wait() == 0
    assert "The demo has ended. Its data stays for the next time." in first.output
    assert_all_end(processes)

    second = start()
    now = {chat["id"] for chat in Api(second.address, token).live_chats()}
    processes = all_processes(second)
    second.send(signal.SIGTERM)

    assert before
    assert now
    assert not before & now, "chats of the first run are still on the board"
    assert second.wait() == 0
    assert_all_end(processes)


def test_a_part_that_dies_ends_all_with_an_error(start: Callable[..., Demo], folder: Path) -> None:
    demo = start()
    processes = all_processes(demo)
    worker = next(part for name, part in demo.processes().items() if "worker" in name)
    until((folder / "logs" / "worker.log").read_text)  # it has begun, and said so
    worker.kill()

    assert demo.wait() == 1
    assert "The worker ended by itself, with status -9." in demo.output
    last_line = (folder / "logs" / "worker.log").read_text().splitlines()[-1]
    assert f"  | {last_line}" in demo.output
    assert_all_end(processes)


def test_its_parts_do_not_outlive_a_killed_demo(start: Callable[..., Demo]) -> None:
    demo = start()
    processes = all_processes(demo)
    demo.send(signal.SIGKILL)
    demo.wait()

    assert_all_end(processes, within=30)


def press_ctrl_c(demo: Demo) -> None:
    """As a terminal does: all processes of its group hear it."""
    os.killpg(demo.process.pid, signal.SIGINT)


def assert_nothing_is_left(folder: Path) -> None:
    left = [p for p in psutil.process_iter(["cmdline"]) if str(folder) in str(p.info["cmdline"])]
    assert left == []


@pytest.mark.parametrize("said", ["Starting PostgreSQL", "Preparing the database"])
def test_ctrl_c_while_a_database_is_made(said: str) -> None:
    """And a second one, of somebody who is impatient. The next start finds no ruins."""
    with data_folder() as folder:
        demo = Demo(data=folder, sessions=4)
        try:
            demo.says(said)
            press_ctrl_c(demo)
            demo.says("Stopping")
            press_ctrl_c(demo)
            assert demo.wait() == 0
            assert "Traceback" not in demo.output
            assert_nothing_is_left(folder)
            if said.startswith("Starting"):
                done = manage("migrate", "--plan", data=folder)
                assert done.returncode == 0, done.stderr
                assert_nothing_is_left(folder)
        finally:
            demo.close()


def test_ctrl_c_again_and_again(start: Callable[..., Demo], folder: Path) -> None:
    demo = start()
    processes = all_processes(demo)

    def pressed_until_it_ended() -> bool:
        with suppress(ProcessLookupError):
            press_ctrl_c(demo)
        return demo.process.poll() is not None

    until(pressed_until_it_ended)

    assert demo.wait() in (0, 130)
    assert "Traceback" not in demo.output
    assert_all_end(processes)
    assert_nothing_is_left(folder)


def test_ctrl_c_before_anything_is_said(start: Callable[..., Demo], folder: Path) -> None:
    """While Python loads the console."""
    demo = start()
    until(lambda: handles_ctrl_c(demo.process.pid))
    press_ctrl_c(demo)

    assert demo.wait() in (0, 130)
    assert "Traceback" not in demo.output
    assert_nothing_is_left(folder)


def handles_ctrl_c(pid: int) -> bool:
    """manage.py has begun: it, and not Python alone, listens to SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(re.findall(r"SigCgt:\s*(\w+)", status)[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_demo_in_a_folder_with_a_blank_in_its_name() -> None:
    with data_folder() as folder:
        tree = folder / "a folder"
        for name in tracked():
            if name.startswith(("manage.py", "Makefile", "pyproject", "console/", "templates/")):
                path = tree / name
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, path)
        (tree / "static").symlink_to(REPOSITORY / "static")
        (tree / ".venv").symlink_to(sys.prefix)
        # Without what `make` installs first: it is there.
        running = subprocess.Popen(
            ["make", "-o", "install", "demo", "PORT=0", "SESSIONS=4"],
            cwd=tree,
            env={name: it for name, it in environment(folder).items() if name != "CONSOLE_DATA"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with running:
            assert running.stdout is not None
            said = []
            for line in running.stdout:
                said.append(line)
                if "Ctrl-C ends everything" in line:
                    os.killpg(running.pid, signal.SIGINT)
        assert any("is ready" in line for line in said), "".join(said)
        assert "Traceback" not in "".join(said)
        assert_nothing_is_left(folder)


def test_ctrl_c_before_it_is_ready(start: Callable[..., Demo]) -> None:
    demo = start()
    demo.says("Preparing the database")
    processes = list(demo.processes().values())
    demo.send(signal.SIGINT)

    assert demo.wait() == 0
    assert "is ready" not in demo.output
    assert_all_end(processes)
