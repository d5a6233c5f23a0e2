"""Who may know of whom."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from console.esp import transports
from tests.support.source_code import tree_of

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "console"
# Declared by the project for the wire alone.
CODECS = {"msgspec", "httpx"}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, relative ones by their whole names."""
    package = list(path.relative_to(ROOT).with_suffix("").parts)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: -node.level] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_the_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_esp_library_needs_the_standard_library_alone() -> None:
    files = [
        *sorted((CONSOLE / "esp").rglob("*.py")),
        *(CONSOLE / "text" / "sentences.py", CONSOLE / "listening.py"),
    ]
    assert len(files) > 10
    foreign = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        for module in imported(path)
        if module.split(".")[0] not in sys.stdlib_module_names | CODECS
        and not is_below(module, "console.esp")
        # How sentences are made of codes and parameters; it needs no more, either.
        and not is_below(module, "console.text.sentences")
        and not is_below(module, "console.listening")
        and module != "console"
    }
    assert foreign == set()


def who_knows(package: str) -> set[str]:
    return {
        path.relative_to(CONSOLE).parts[0]
        for path in CONSOLE.rglob("*.py")
        for module in imported(path)
        if is_below(module, package)
    }


def test_only_sends_knows_the_esp_library() -> None:
    # And its neighbour: both reach the vendor's SDK by the same Java.
    assert who_knows("console.esp") == {"esp", "ixn", "sends"}


def test_interaction_servers_library_knows_of_esp_only_what_reaches_java() -> None:
    assert who_knows("console.ixn") == {"interactions", "ixn"}
    known = {
        module
        for path in (CONSOLE / "ixn").rglob("*.py")
        for module in imported(path)
        if is_below(module, "console") and not is_below(module, "console.ixn")
    }
    java = (
        *("console.esp.jvm", "console.esp.jars", "console.esp.psdk", "console.esp.errors"),
        "console.esp.transports.psdk",
    )
    others = {name for name in known if not any(is_below(name, package) for package in java)}
    # By `from console.esp import jvm` the package itself is named.
    assert others <= {"console.esp"}


def test_the_settings_know_the_transports() -> None:
    assert set(settings.CHAT_SERVER_SCHEMES) == set(transports.SCHEMES)


# What other apps may take of these two: what is about people, teams and clients, or the ledger.
OF_ACCOUNTS = {
    "approvals",
    "apps",
    "granting",
    "models",
    "own_work",
    "roles",
    "selectors",
    "services",
    "signing_in",
    "told",
}
OF_AUDIT = {
    *("actions", "chain", "checkpoints", "downloads", "export", "following", "metrics"),
    "models",
    *("readings", "rollback", "selectors", "sentences", "services", "siem", "signing", "state"),
    *("tlog", "troubles", "verification", "verify", "witnessing"),
}


def test_no_app_takes_general_tools_out_of_accounts_or_audit() -> None:
    """They are in console.editing, or below all apps."""
    allowed = {"console.accounts": OF_ACCOUNTS, "console.audit": OF_AUDIT}
    taken = {
        f"{path.relative_to(ROOT)}: {module}"
        for app, rooms in allowed.items()
        for path in sorted(CONSOLE.rglob("*.py"))
        if not is_below(".".join(path.relative_to(ROOT).with_suffix("").parts), app)
        and path.name not in ("settings.py", "urls.py")
        and "migrations" not in path.parts
        for module in imported(path)
        if is_below(module, app) and module != app and module.split(".")[2] not in rooms
    }
    assert taken == set()
