"""Functions that one can read: how long they are, and how many arguments they take.

Their cyclomatic complexity is held by ruff (C901).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.source_code import tree_of

CONSOLE = Path(__file__).resolve().parents[2] / "console"
LINES = 40
ARGUMENTS = 8
# No more than these, each of which has a reason to be in one piece.
LONGER_AT_MOST = 8
WIDER = {
    "_page",
    "user_create",
}


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sorted(CONSOLE.rglob("*.py")):
        if "migrations" not in path.parts:
            for node in ast.walk(tree_of(path)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield f"{path.relative_to(CONSOLE)}: {node.name}", node


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_few_functions_are_long() -> None:
    long = {name: length for name, node in functions() if (length := lines(node)) > LINES}
    assert len(long) <= LONGER_AT_MOST, long


def test_functions_take_few_arguments() -> None:
    wide = {
        node.name
        for _name, node in functions()
        if len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs) > ARGUMENTS
    }
    assert wide == WIDER
