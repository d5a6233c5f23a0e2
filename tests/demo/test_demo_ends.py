"""How a demo ends: in order, with nothing left over but its data."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.demos import Api, Demo, data_folder, until

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
    log = folder / "logs" / "worker.log"
    until(log.read_text)
    worker.kill()

    assert demo.wait() == 1
    assert "The worker ended by itself, with status -9." in demo.output
    last_line = log.read_text().splitlines()[-1]
    assert f"  | {last_line}" in demo.output
    assert_all_end(processes)


def test_its_parts_do_not_outlive_a_killed_demo(start: Callable[..., Demo]) -> None:
    demo = start()
    processes = all_processes(demo)
    demo.send(signal.SIGKILL)
    demo.wait()

    assert_all_end(processes, within=30)


def test_ctrl_c_before_it_is_ready(start: Callable[..., Demo]) -> None:
    demo = start()
    demo.says("Preparing the database")
    processes = list(demo.processes().values())
    demo.send(signal.SIGINT)

    assert demo.wait() == 0
    assert "is ready" not in demo.output
    assert_all_end(processes)
