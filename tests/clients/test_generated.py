"""Clients that others' generators make of the OpenAPI document do the whole journey, with types.

A program of somebody's own is checked by mypy or tsc against the generated client, then run
against the real console: what the document leaves out, or says wrongly, shows in one of the two.
So is a program that makes each call of the API once (tests/clients/writing.py).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.accounts.models import ApiClient, Scope
from console.api.openapi.document import api_document
from console.catalogue.models import CannedNotice
from tests.api.each_call import outcomes_of_each_call
from tests.api.test_access import addresses  # noqa: F401 - a fixture
from tests.clients.writing import Call, calls, in_python, in_typescript
from tests.support.demos import Program
from tests.support.serving import Server, shared_server
from tests.support.simulators import Simulator

HERE = Path(__file__).resolve().parent
SECONDS = 120
SCOPES = {
    "ADMIN": ["admin"],
    "FEED": ["feed"],
    "AUTHOR": ["catalogue"],
    "APPROVER": ["approve"],
    "SENDER": ["send"],
}
TOLD = {
    "previewed": "Order 7: 2 days late.",
    "waited": ["delivered"],
    "status": "finished",
    "delivered": 1,
}

pytestmark = pytest.mark.django_db(transaction=True)


server = shared_server(CONSOLE_API_RATE="99999/min")


@pytest.fixture(scope="module")
def worker(server: Server) -> Iterator[None]:
    """Beside it."""
    settings: dict[str, Any] = server.settings
    running = Program("worker", data=server.data, **settings)
    try:
        running.says("Worker ready")
        yield
    finally:
        running.close()


@pytest.fixture
def settings_of_a_program(
    server: Server,
    worker: None,
    start_simulator: Callable[..., Simulator],
    make_client: Callable[..., tuple[ApiClient, str]],
) -> dict[str, str]:
    tokens = {name: make_client(*scopes, name=name)[1] for name, scopes in SCOPES.items()}
    settings = {"CONSOLE": server.address, "CHAT_SERVER": start_simulator().url}
    return {"PATH": os.environ["PATH"], "NO_PROXY": "*", **tokens, **settings}


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


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(json.dumps(api_document()), "utf-8")
    return path


class Generated:
    """A generated client in a folder of its own, into which programs go."""

    def __init__(self, folder: Path, check: Callable[[str], object], program: list[str]) -> None:
        self.folder = folder
        self._check = check
        self._program = program

    def run(self, name: str, **settings: str) -> str:
        """Check the program of that name in the folder, run it and answer what it said."""
        self._check(name)
        command = [word.format(Path(name).stem) for word in self._program]
        return run(*command, folder=self.folder, **settings)


@pytest.fixture(scope="module")
def python_client(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    """What mypy has found out of it once, it knows of the next program too."""
    folder = tmp_path_factory.mktemp("python")
    run(
        *("openapi-python-client", "generate", "--path", str(document), "--meta", "none"),
        *("--output-path", "notice_console_client", "--fail-on-warning"),
        *("--config", str(HERE / "openapi-python-client.yml")),
        folder=folder,
    )

    def check_types(name: str) -> None:
        run(
            *(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", name),
            folder=folder,
            MYPYPATH=str(folder),
            MYPY_CACHE_DIR=str(folder / "mypy"),
        )

    return Generated(folder, check_types, [sys.executable, "{}.py"])


@pytest.fixture(scope="module")
def typescript_client(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    modules = HERE / "node_modules"
    if shutil.which("node") is None or not modules.exists():
        pytest.skip("no Node.js, or nothing is installed: run .ci/install-interpreters")
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(HERE / name, folder)
    (folder / "node_modules").symlink_to(modules)
    programs = modules / ".bin"
    run(str(programs / "openapi-typescript"), str(document), "-o", "api.d.ts", folder=folder)

    def check_types(_name: str) -> None:
        run(str(programs / "tsc"), folder=folder)

    return Generated(folder, check_types, ["node", "built/{}.js"])


def test_the_journey_in_python(
    python_client: Generated, settings_of_a_program: dict[str, str]
) -> None:
    program = Path(shutil.copy(HERE / "journey.py", python_client.folder))
    assert not re.search(r"\bcast\b|\bAny\b|type: ignore", program.read_text("utf-8"))
    check(python_client.run(program.name, **settings_of_a_program))


def test_the_journey_in_typescript(
    typescript_client: Generated, settings_of_a_program: dict[str, str]
) -> None:
    program = Path(shutil.copy(HERE / "journey.ts", typescript_client.folder))
    assert not re.search(r"\bas \w|\bany\b|@ts-", program.read_text("utf-8"))
    check(typescript_client.run(program.name, **settings_of_a_program))


@pytest.fixture
def every_call(
    server: Server,
    addresses: dict[str, str],  # noqa: F811
    make_client: Callable[..., tuple[ApiClient, str]],
) -> tuple[list[Call], dict[str, str]]:
    """The calls, and the settings of a program that makes them."""
    token = make_client(*Scope.values, name="Almighty")[1]
    settings = {"PATH": os.environ["PATH"], "NO_PROXY": "*"}
    return calls(addresses), settings | {"CONSOLE": server.address, "TOKEN": token}


def test_each_call_in_python(
    python_client: Generated, every_call: tuple[list[Call], dict[str, str]]
) -> None:
    made, settings = every_call
    (python_client.folder / "each_call.py").write_text(in_python(made), "utf-8")
    check_each(made, python_client.run("each_call.py", **settings))


def test_each_call_in_typescript(
    typescript_client: Generated, every_call: tuple[list[Call], dict[str, str]]
) -> None:
    made, settings = every_call
    (typescript_client.folder / "each_call.ts").write_text(in_typescript(made), "utf-8")
    check_each(made, typescript_client.run("each_call.ts", **settings))


def check_each(made: list[Call], said: str) -> None:
    """Each is done, or refused as it is to others, and nothing of an answer is lost on the way."""
    told = json.loads(said.splitlines()[-1])
    expected = outcomes_of_each_call()
    assert {case: outcome["status"] for case, outcome in told.items()} == {
        call.case: expected[call.case] for call in made
    }
    assert [case for case, outcome in told.items() if outcome["lost"]] == []
    assert CannedNotice.objects.get(key="greeting").tags == ["other"]
