"""All services, and which functions write: found in their text, through what they call."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from tests.architecture.test_writes import CONSOLE, is_service, writes
from tests.support.source_code import tree_of


def takes_actor(function: Callable[..., Any]) -> bool:
    return next(iter(inspect.signature(function).parameters), "") == "actor"


def writing_functions(modules: Iterable[ModuleType]) -> set[FunctionType]:
    """The functions of `modules` that write themselves, or by another of `modules`."""
    parts = {
        (module.__name__, name): (module, node)
        for module in modules
        for name, node in _top_level(module)
    }
    writing = {key for key, (_module, node) in parts.items() if any(writes(ast.unparse(node)))}
    while True:
        more = {
            key
            for key, (module, node) in parts.items()
            if key not in writing and _named(module, node) & writing
        }
        if not more:
            break
        writing |= more
    return {
        member
        for module_name, name in writing
        if inspect.isfunction(member := getattr(parts[module_name, name][0], name))
    }


def _top_level(module: ModuleType) -> Iterable[tuple[str, ast.stmt]]:
    """Functions, classes and constants (the SQL) by their names."""
    assert module.__file__ is not None
    for node in tree_of(Path(module.__file__)).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node


def _named(module: ModuleType, node: ast.stmt) -> set[tuple[str, str]]:
    """What a part refers to, each by the module in which it is defined and its name there."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            member = getattr(module, inner.id, None)
            where = getattr(member, "__module__", module.__name__)
            found.add((where if inspect.isroutine(member) else module.__name__, inner.id))
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            owner = getattr(module, inner.value.id, None)
            if isinstance(owner, ModuleType):
                member = getattr(owner, inner.attr, None)
                found.add((getattr(member, "__module__", owner.__name__), inner.attr))
    return found


def service_modules() -> Iterator[tuple[str, ModuleType]]:
    """Each module of services with the name of its app."""
    for path in sorted(CONSOLE.rglob("*.py")):
        parts = path.relative_to(CONSOLE.parent).with_suffix("").parts
        if is_service(path) and "migrations" not in parts and len(parts) > 2:
            name = ".".join(parts).removesuffix(".__init__")
            yield parts[1], importlib.import_module(name)


def public_functions() -> dict[str, FunctionType]:
    """What the services' modules define, and what their packages export of others."""
    found: dict[str, FunctionType] = {}
    for app, module in service_modules():
        exported = getattr(module, "__all__", ())
        for name, member in vars(module).items():
            is_own = inspect.isfunction(member) and member.__module__ == module.__name__
            if not name.startswith("_") and (is_own or name in exported):
                if not inspect.isfunction(member):
                    continue
                known = found.setdefault(f"{app}.{name}", member)
                assert known is member, f"two functions are named {name} in the services of {app}"
    return found


def services() -> set[str]:
    """All that take the actor first or write."""
    writing = writing_functions([module for _app, module in service_modules()])
    return {
        name
        for name, function in public_functions().items()
        if takes_actor(function) or function in writing
    }
