"""The Containerfile: what it says, and what its steps make, carried out in a plain folder. An image
is built of it by hand, where there is an engine (docs/containers.md)."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.security.generated_secrets import made_up_key
from tests.support.demos import ROOT
from tests.support.tracked import tracked

FILE = ROOT / "Containerfile"
SECRETS = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY|DATABASE_URL")


@dataclass(frozen=True)
class Step:
    """An instruction and what follows it, in the stage with this number."""

    stage: int
    name: str
    rest: str


def steps() -> list[Step]:
    lines = [line for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")]
    found, stage = [], 0
    for text in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _space, rest = text.partition(" ")
        if not name:
            continue
        stage += name == "FROM"
        found.append(Step(stage, name, rest.strip()))
    return found


def of(name: str, stage: int) -> list[str]:
    return [step.rest for step in steps() if (step.name, step.stage) == (name, stage)]


def in_context(name: str) -> bool:
    """Whether .dockerignore lets a file into the build: the last pattern that fits it decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        back = pattern.startswith("!")
        bare = pattern.removeprefix("!").removeprefix("**/")
        parts = Path(name).parts
        ways = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        if pattern.startswith("**/"):
            ways = [*ways, *parts]
        if any(fnmatch.fnmatchcase(way, bare) for way in ways):
            kept = back
    return kept


def copied() -> Iterator[tuple[str, str]]:
    """What the build stage copies from the context, and to where."""
    for rest in of("COPY", 1):
        *sources, target = rest.split()
        for source in sources:
            yield source, f"{target}{source}" if target.endswith("/") else target


def test_a_linter_finds_nothing() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hadolint")), str(FILE)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_as_nobody_in_particular() -> None:
    user, _colon, group = of("USER", 2)[-1].partition(":")
    assert int(user) > 1000
    assert int(group) > 1000
    last = [step.name for step in steps() if step.stage == 2]
    assert "COPY" not in last[last.index("USER") :], "what it runs belongs to root"
    assert all("--chown" not in rest for rest in of("COPY", 2))


def test_no_layer_has_a_secret() -> None:
    for step in steps():
        if step.name in ("ENV", "ARG", "LABEL"):
            assert not SECRETS.search(step.rest), step
    assert not any(in_context(name) for name in (".env", ".data/secret_key", "deploy/console.env"))


def test_bases_have_a_tag_and_packages_have_hashes() -> None:
    (base,) = of("ARG", 0)
    assert re.fullmatch(r"BASE=[\w./-]+:(?!latest)[\w.-]+", base)
    assert {rest.split()[0] for rest in (*of("FROM", 1), *of("FROM", 2))} == {"${BASE}"}
    installing = [rest for rest in of("RUN", 1) if "pip install" in rest]
    assert len(installing) == 1
    assert "--require-hashes" in installing[0]
    assert "--only-binary :all:" in installing[0]


def test_the_context_has_what_is_copied_and_little_else() -> None:
    sources = {source for source, _target in copied()}
    sent = [name for name in tracked() if in_context(name)]
    for source in sources:
        assert any(name == source or name.startswith(f"{source}/") for name in sent), source
    spare = [n for n in sent if not any(n == s or n.startswith(f"{s}/") for s in sources)]
    assert spare == []
    assert not any(name.startswith(("tests/", "docs/", ".git")) for name in sent)


@pytest.fixture
def carried_out() -> Iterator[Path]:
    """What the build stage makes, with the packages of this virtual environment."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        tree = Path(folder)
        sent = [name for name in tracked() if in_context(name)]
        for source, target in copied():
            for name in sent:
                if name == source or name.startswith(f"{source}/"):
                    path = tree / target / name.removeprefix(source).removeprefix("/")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(ROOT / name, path)
        (tree / ".venv").symlink_to(Path(sys.prefix))
        yield tree


def test_its_steps_make_a_console_that_starts(carried_out: Path) -> None:
    (shell,) = (json.loads(rest) for rest in of("SHELL", 1))
    collecting = next(rest for rest in of("RUN", 1) if "collectstatic" in rest)
    home = of("WORKDIR", 1)[0]
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    subprocess.run(
        [*shell, collecting.replace(home, str(carried_out))],
        cwd=carried_out,
        env=environment,
        check=True,
    )
    assert (carried_out / "data/static/css/tokens.css").is_file()
    values = dict(pair.split("=", 1) for pair in shlex.split(of("ENV", 2)[0]))
    assert values["CONSOLE_DATA"] == f"{home}/data"
    entry = json.loads(of("ENTRYPOINT", 2)[0])
    started = subprocess.run(
        [*entry, "check", "--deploy", "--fail-level", "WARNING"],
        cwd=carried_out,
        capture_output=True,
        text=True,
        check=False,
        env={
            **{name: value.replace(home, str(carried_out)) for name, value in values.items()},
            "PATH": f"{carried_out}/.venv/bin:{os.environ['PATH']}",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "CONSOLE_SECRET_KEY": "long and random " * 5,
            "CONSOLE_AUDIT_KEY": made_up_key(),
            "CONSOLE_ALLOWED_HOSTS": "console.example.org",
        },
    )
    assert started.returncode == 0, started.stdout + started.stderr
    command = json.loads(of("CMD", 2)[0])
    assert command[0] == "serve"
