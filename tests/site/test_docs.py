"""docs/settings.md has every setting, and no setting that is not there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from console.database.budget import DRAIN_CONNECTIONS, WORKER_CONNECTIONS
from console.database.sessions import DRAIN, JOB, QUEUE, SUSPECT_SECONDS, WEB, Limits
from console.exports import exporter
from tests.support.source_code import tree_of

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED = ROOT / "docs" / "settings.md"
# Set by one process for another, systemd among them; nobody is to set them by hand.
BETWEEN_PROCESSES = {
    *("CONSOLE_DEMO_TOKEN", "DJANGO_SETTINGS_MODULE"),
    *("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"),
}


def read_by_the_code() -> dict[str, str]:
    """Each variable that the code reads, and a file that does."""
    found = {}
    for path in [ROOT / "manage.py", *sorted((ROOT / "console").rglob("*.py"))]:
        for name in _names(tree_of(path)):
            found[name] = str(path.relative_to(ROOT))
    return {name: file for name, file in found.items() if name not in BETWEEN_PROCESSES}


def _names(tree: ast.AST) -> Iterator[str]:
    """By `env.read("NAME", …)`, `os.environ["NAME"]`, `os.environ.get("NAME")` and the like."""
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            if re.search(r"(^|\.)(env\.read|getenv|environ\.(get|setdefault|pop))$", called):
                key = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            key = node.slice
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def documented() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENTED.read_text("utf-8"), re.MULTILINE))


def test_every_setting_is_documented() -> None:
    missing = {name: file for name, file in read_by_the_code().items() if name not in documented()}
    assert missing == {}, "docs/settings.md lacks these"


def test_every_documented_setting_is_read() -> None:
    read = set(read_by_the_code())
    assert len(read) > 20
    of_tests = {"CHROMIUM"}
    assert documented() - read - of_tests == set()


def test_documented_defaults_are_the_codes() -> None:
    text = DOCUMENTED.read_text("utf-8")
    tree = tree_of(ROOT / "console" / "settings.py")
    compared = 0
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "env.read"):
            continue
        name, default = node.args[0], node.args[2]
        if isinstance(default, ast.Constant) and isinstance(default.value, int):
            assert isinstance(name, ast.Constant)
            assert isinstance(name.value, str)
            row = re.search(rf"^\| `{name.value}` \| ([^|]+)\|", text, re.MULTILINE)
            assert row is not None, name.value
            assert re.search(rf"\b{int(default.value)}\b", row[1]), f"{name.value}: {row[1]}"
            compared += 1
    assert compared > 5


def test_the_limits_of_sessions_are_the_codes() -> None:
    text = (ROOT / "docs" / "postgresql.md").read_text("utf-8")
    for who, limits in (
        ("a web process", WEB),
        ("a worker's drains", DRAIN),
        ("a worker's heartbeat, leases and job queue, and who listens", QUEUE),
        ("a worker's other jobs", JOB),
        (
            "an export that a worker writes",
            Limits(exporter.STATEMENT_SECONDS, exporter.LOCK_SECONDS, exporter.IDLE_SECONDS),
        ),
    ):
        said = (limits.statement, limits.lock, limits.idle_in_transaction)
        assert f"| {who} | {' | '.join(f'{seconds:g} s' for seconds in said)} |" in text
    assert f"does not answer within {SUSPECT_SECONDS:g} s" in " ".join(text.split())
    assert f"| a worker | {WORKER_CONNECTIONS}: {DRAIN_CONNECTIONS} for its drains" in text
    web = 2 * (20 + 1)  # the pool of each, as documented, and one that listens
    assert f"two workers: {web} + {2 * WORKER_CONNECTIONS}," in text
