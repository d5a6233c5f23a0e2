"""Clients that others' generators make of the OpenAPI document do the whole journey, with types.

A program of somebody's own is checked by mypy or tsc against the generated client, then run
against the real console: what the document leaves out, or says wrongly, shows in one of the two.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drf_spectacular.generators import SchemaGenerator

from console.accounts.models import ApiClient
from tests.demos import Program
from tests.serving import Server, serving
from tests.simulators import Simulator

HERE = Path(__file__).resolve().parent
SECONDS = 120
SCOPES = {
    "ADMIN": ["admin"],
    "FEED": ["feed"],
    "AUTHOR": ["catalogue"],
    "APPROVER": ["catalogue"],
    "SENDER": ["send"],
}
TOLD = {
    "previewed": "Order 7: 2 days late.",
    "waited": ["delivered"],
    "status": "finished",
    "delivered": 1,
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(SchemaGenerator().get_schema(public=True)), "utf-8")
    return path


@pytest.fixture
def server() -> Iterator[Server]:
    """With a worker."""
    with serving() as running:
        worker = Program("worker", data=running.data, **running.settings)
        try:
            worker.says("Worker ready")
            yield running
        finally:
            worker.close()


@pytest.fixture
def settings_of_a_program(
    server: Server,
    start_simulator: Callable[..., Simulator],
    make_client: Callable[..., tuple[ApiClient, str]],
) -> dict[str, str]:
    tokens = {name: make_client(*scopes, name=name)[1] for name, scopes in SCOPES.items()}
    addresses = {"CONSOLE": server.address, "CHAT_SERVER": start_simulator().url}
    return {"PATH": os.environ["PATH"], "NO_PROXY": "*", **tokens, **addresses}


def run(*command: str, folder: Path, **environment: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def check(said: str) -> None:
    told = json.loads(said.splitlines()[-1])
    answered = told.pop("answered")
    assert told == TOLD
    assert "Method" in answered or answered, "what Chat Server said comes as pairs"


def test_a_python_client(
    document: Path, tmp_path: Path, settings_of_a_program: dict[str, str]
) -> None:
    program = shutil.copy(HERE / "journey.py", tmp_path)
    assert not re.search(r"\bcast\b|\bAny\b|type: ignore", Path(program).read_text("utf-8"))
    run(
        *("openapi-python-client", "generate", "--path", str(document), "--meta", "none"),
        *("--output-path", "notice_console_client", "--fail-on-warning"),
        *("--config", str(HERE / "openapi-python-client.yml")),
        folder=tmp_path,
    )
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "journey.py"),
        folder=tmp_path,
        MYPYPATH=str(tmp_path),
        MYPY_CACHE_DIR=str(tmp_path / "mypy"),
    )
    check(run(sys.executable, "journey.py", folder=tmp_path, **settings_of_a_program))


def test_a_typescript_client(
    document: Path, tmp_path: Path, settings_of_a_program: dict[str, str]
) -> None:
    modules = HERE / "node_modules"
    if shutil.which("node") is None or not modules.exists():
        pytest.skip("no Node.js, or nothing is installed: run .ci/install-interpreters")
    for name in ("journey.ts", "package.json", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(modules)
    assert not re.search(r"\bas \w|\bany\b|@ts-", (HERE / "journey.ts").read_text("utf-8"))
    programs = modules / ".bin"
    run(str(programs / "openapi-typescript"), str(document), "-o", "api.d.ts", folder=tmp_path)
    run(str(programs / "tsc"), folder=tmp_path)
    check(run("node", "built/journey.js", folder=tmp_path, **settings_of_a_program))
