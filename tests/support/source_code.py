"""The source code of a file as a tree."""

import ast
import gc
from pathlib import Path


def tree_of(path: Path) -> ast.Module:
    return parsed(path.read_text("utf-8"))


def parsed(source: str) -> ast.Module:
    """Parse the source of a module.

    No garbage is collected in between. A finalizer may log a traceback, which parses as well, and
    CPython 3.11 then says "AST constructor recursion depth mismatch" of the outer tree.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if was_enabled:
            gc.enable()
