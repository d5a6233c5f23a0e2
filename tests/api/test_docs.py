"""docs/api.md and docs/workflows.md do what they say: their commands, run in order against real
processes."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.accounts.models import Scope
from tests.api import workflow_page
from tests.support.demos import ROOT, Program, data_folder, environment, manage
from tests.support.simulators import Simulator, running_simulator

DOCUMENT = (ROOT / "docs" / "api.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"
CHAT_SERVER = "esp+json://127.0.0.1:4801"


def commands() -> str:
    """All commands of the pages, as one script that stops at the first that fails."""
    blocks = blocks_of(DOCUMENT)
    assert len(blocks) > 8
    blocks += [workflow_page.BEFORE, *blocks_of(workflow_page.PAGE), workflow_page.AFTER]
    return "set -euo pipefail\n" + "\n".join(
        f"printf '\\n--- {number}\\n'\n{block}" for number, block in enumerate(blocks)
    )


def blocks_of(page: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture
def simulator(folder: Path) -> Iterator[Simulator]:
    with running_simulator("chat-east", folder / "journal.jsonl") as running:
        yield running


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """The console's web server and worker on a database of their own; its address."""
    migrated = manage("migrate", "--verbosity", "0", data=folder)
    assert migrated.returncode == 0, migrated.stderr
    programs = [Program("serve", "--port", "0", data=folder), Program("worker", data=folder)]
    try:
        address = programs[0].says(r"Serving on (http://\S+?)/ ")[1]
        programs[1].says("Worker ready")
        yield address
    finally:
        for program in programs:
            program.close()


@pytest.fixture
def output(folder: Path, simulator: Simulator, server: str) -> str:
    """What the page's commands say, once all of them have succeeded."""
    assert DOCUMENT.count(ADDRESS) == DOCUMENT.count(CHAT_SERVER) == 1
    assert workflow_page.PAGE.count(ADDRESS) == 1
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = commands().replace(ADDRESS, server).replace(CHAT_SERVER, simulator.url)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={
            **environment(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "NO_PROXY": "*",
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_pages_do_what_they_say(output: str, simulator: Simulator, server: str) -> None:
    # One test, so that the processes start once, however tests are spread.
    check_answers(output)
    check_request([line for line in simulator.journalled() if line["interaction_id"] == "0001aB3"])
    check_examples(output)
    workflow_page.check(output, server, simulator)


def check_answers(output: str) -> None:
    assert '{"accepted":1,"ignored":0,"rejected":[]}' in output
    assert '"status":"published"' in output
    assert '"counts":{"ready":1,"not_allowed":1}' in output
    assert '"status":"delivered"' in output
    assert '"status":"scheduled"' in output
    assert '"status":"cancelled"' in output
    assert '"stopped":true,"reason":"A wrong text is going out","stopped_by":"Setup"' in output
    assert '"code":"notice_not_found"' in output


def check_request(journalled: list[dict[str, Any]]) -> None:
    """The simulator took exactly that request, and no other."""
    assert len(journalled) == 1
    line = journalled[0]
    assert line["answer"] == "response"
    assert line["interaction_id"] == "0001aB3"
    assert pairs(line["request"]) == [
        ("AppName", "str", "chat-east"),
        ("AppType", "str", "ChatServer"),
        ("Service", "str", "Chat"),
        ("Method", "str", "Message"),
        (
            "Parameters",
            "kvlist",
            [
                ("MessageText", "utf", "Dear Zoë, your order 1042 is late. We are sorry."),
                ("Nickname", "str", "Service"),
                ("Visibility", "str", "ALL"),
            ],
        ),
    ]
    assert sorted(pairs(line["user_data"])) == [
        ("ChatServerAppName", "str", "chat-east"),
        ("FirstName", "utf", "Zoë"),
        ("InteractionId", "str", "0001aB3"),
        ("IsOnline", "str", "1"),
        ("OrderId", "int", 1042),
    ]


def pairs(kv_list: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [
        (
            pair["key"],
            pair["type"],
            pairs(pair["value"]) if pair["type"] == "kvlist" else pair["value"],
        )
        for pair in kv_list
    ]


def check_examples(output: str) -> None:
    """The answers that the page shows are those that come."""
    shown = re.findall(r"^```json\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for answer in shown:
        # "…" stands for what is another each time.
        parts = (re.escape(part) for part in without_space(answer).split("…"))
        assert re.search('[^"]*'.join(parts), without_space(output))


def without_space(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_the_page_names_every_scope() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| ", DOCUMENT, re.MULTILINE)) >= set(Scope.values)
