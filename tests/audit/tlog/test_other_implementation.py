"""What is published is read by golang.org/x/mod/sumdb, which knows nothing of this project: the
signed note, the tiles, the proof of each leaf, and that one tree goes on from another."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from console.audit.tlog import tree
from tests.audit.tlog.conftest import ORIGIN
from tests.audit.tlog.world import sign, write

pytestmark = [pytest.mark.django_db, pytest.mark.processes]

SOURCE = Path(__file__).parent / "go"
# Where Debian and Ubuntu have Go's libraries.
GOPATH = Path("/usr/share/gocode")

Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod").is_dir():
        pytest.skip("there is no Go with golang.org/x/mod (.ci/install-go)")
    made = tmp_path_factory.mktemp("go")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(made / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run(
        ["go", "build", "-o", made / "tree", "."],
        cwd=SOURCE,
        env=environment,
        check=True,
        timeout=300,
    )

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [made / "tree", *map(str, words)], capture_output=True, text=True, timeout=60
        )

    return run


def vkey() -> str:
    (key,) = tree.verifiers(ORIGIN)
    return key.vkey()


@pytest.mark.parametrize(("old", "new"), [(1, 2), (255, 256), (256, 513), (300, 900), (512, 1024)])
def test_it_holds_there(old: int, new: int, ask: Ask, published: Path, tmp_path: Path) -> None:
    write(old)
    sign()
    shutil.copy(published / "checkpoint", tmp_path / "older")
    write(new - old)
    sign()
    done = ask(published, vkey(), tmp_path / "older")
    assert done.stderr == ""
    assert f"{new} leaves are in the tree" in done.stdout
    assert f"it goes on from the tree of {old}" in done.stdout


def changed(path: Path, at: int) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])


@pytest.mark.parametrize(
    "name",
    ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"],
)
def test_what_was_changed_does_not_hold_there(name: str, ask: Ask, published: Path) -> None:
    write(300)
    sign()
    assert ask(published, vkey()).returncode == 0
    changed(published / name, 30)
    assert ask(published, vkey()).returncode == 1


def test_another_key_and_another_history_do_not_hold_there(
    ask: Ask, published: Path, tmp_path: Path
) -> None:
    write(300)
    sign()
    other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    assert ask(published, other).returncode == 1
    head = tree.newest_head()
    assert head is not None
    from console.audit.checkpoints import private_key
    from console.audit.tlog import notes

    text = notes.Checkpoint(ORIGIN, 299, bytes(32)).text()
    forged = notes.written(text, [notes.sign(text, ORIGIN, private_key())])
    (tmp_path / "forged").write_text(forged)
    assert ask(published, vkey(), tmp_path / "forged").returncode == 1
