"""Only services write: each write has an actor, and its audit entry beside it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source_code import parsed, tree_of

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "console"
WRITING_METHODS = {
    *("save", "asave", "create", "acreate", "delete", "adelete", "update", "aupdate"),
    *("bulk_create", "abulk_create", "bulk_update", "abulk_update", "create_user", "set_password"),
    *("get_or_create", "aget_or_create", "update_or_create", "aupdate_or_create"),
    *("create_superuser", "_raw_delete"),
}
# Of Django's cache nothing is kept, and a digest and a workbook are none of the database's.
NO_ROWS = {"cache", "digest", "book"}
# Libraries without Django, which could not write; "create" makes a message there.
NO_DATABASE = {"esp", "ixn"}
WRITING_SQL = re.compile(
    r"\b(INSERT\s+INTO|UPDATE\s+(ONLY\s+)?\w+(\s+\w+)?\s+SET|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO"
    r"|COPY\s+\w+\s*\(|ALTER\s+TABLE|DROP\s+\w+|SELECT\s+audit_append\b)"
)


def is_service(path: Path) -> bool:
    """By its name, or by the first word of its docstring, which then says what it writes."""
    parts = path.relative_to(CONSOLE).parts
    named = "migrations" in parts or "services" in parts or path.name == "services.py"
    return named or path.read_text("utf-8").startswith('"""Writes ')


def writes(source: str) -> Iterator[str]:
    """What in a file writes to the database, as "line: what"."""
    tree = parsed(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in WRITING_METHODS and ast.unparse(node.func.value) not in NO_ROWS:
                yield f"{node.lineno}: .{node.func.attr}()"
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and WRITING_SQL.search(node.value)
        ):
            yield f"{node.lineno}: {node.value.split()[0]} …"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Team.objects.create(name='x')", ["1: .create()"]),
        ("server.save(update_fields=['url'])", ["1: .save()"]),
        ("Send.objects.filter(pk=1).update(status='x')", ["1: .update()"]),
        ("x = 1\nawait rows.adelete()", ["2: .adelete()"]),
        ("cursor.execute('UPDATE sends_send SET status = 1')", ["1: UPDATE …"]),
        ("cursor.execute('UPDATE ONLY sends_send s SET status = 1')", ["1: UPDATE …"]),
        ("SQL = '''\nDELETE FROM x'''", ["1: DELETE …"]),
        ("SQL = f'SELECT audit_append({1})'", ["1: SELECT …"]),
        ("SQL = f'COPY x ({1}) FROM STDIN'", ["1: COPY …"]),
        ("'''A page that says: DELETE FROM x.'''", []),
        ("rows.filter(name='UPDATE').first()", []),
        ("cache.delete('name')", []),
    ],
)
def test_what_counts_as_writing(source: str, found: list[str]) -> None:
    assert list(writes(source)) == found


def test_only_services_write() -> None:
    files = [
        path
        for path in sorted(CONSOLE.rglob("*.py"))
        if not is_service(path) and path.relative_to(CONSOLE).parts[0] not in NO_DATABASE
    ]
    assert len(files) > 50
    written = {
        str(path.relative_to(ROOT)): found
        for path in files
        if (found := list(writes(path.read_text("utf-8"))))
    }
    assert written == {}


def test_services_do_write() -> None:
    # Or this scan finds nothing any more.
    services = [path for path in CONSOLE.rglob("*.py") if is_service(path)]
    assert sum(bool(list(writes(path.read_text("utf-8")))) for path in services) > 8


def test_services_take_the_actor_first() -> None:
    """Where a person or program decides; what the workers note is the console's own doing."""
    decided = re.compile(
        r"^(api_client|team|user|notice|version|preset|send|chat_server)_"
        r"(create|update|retire|submit|approve|reject|cancel|pause|resume|retry\w*|delete"
        r"|deactivate|reactivate|password_\w+|sign_out_\w+|token_rotate)$"
    )
    checked = 0
    for path in CONSOLE.rglob("*.py"):
        if not is_service(path):
            continue
        for node in tree_of(path).body:
            if isinstance(node, ast.FunctionDef) and decided.match(node.name):
                assert node.args.args[0].arg == "actor", f"{path.name}: {node.name}"
                checked += 1
    assert checked >= 13
