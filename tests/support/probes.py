"""Coverage of the console without a tracer, which makes Python slower by two thirds.

As a module of the console is loaded, a probe is put before each of its statements: one store into
a list. What a probe knows when it was passed are its facts: a line was run, and a branch was taken.
`store` gives them to coverage.py, which reports as ever: which lines and branches there are, what
is excluded and whether it is enough, is its business alone. Probes see all threads and cost some
nanoseconds each, so all tests are measured. They see no other processes: tests/support/untraced.py.
An `except …:` that took nothing does not count as run; a tracer would count it.

`-p tests.support.probes` with `coverage run` puts them in.
"""

import ast
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from itertools import chain, pairwise
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from coverage import Coverage, CoverageData
from coverage.python import PythonFileReporter

NAME = "__probes__"
PACKAGE = "console"
BEGIN = f'{NAME} = __import__("{__name__}", fromlist=["passed"]).passed(__file__, {{}})'
# A fact, by lines: this one was run (0, line); from that one to this (line, line); from that one to
# another than this (line, -line).
Fact = tuple[int, int]
# Numbers of probes that were passed, by file.
Numbers = dict[str, list[int]]

_passed: dict[str, list[int]] = {}


def passed(file: str, count: int) -> list[int]:
    """Which of a file's probes were passed (1) and which not (0)."""
    return _passed.setdefault(file, [0] * count)


def forget(file: str) -> None:
    _passed.pop(file, None)


def numbers_passed() -> Numbers:
    return {file: [n for n, it in enumerate(probes) if it] for file, probes in _passed.items()}


class Probed:
    """A module's syntax tree with probes; `facts` has those of each probe."""

    def __init__(self, source: bytes) -> None:
        self.facts: list[list[Fact]] = []
        self.tree = ast.parse(source)
        self.tree.body = self._with_docstring(self.tree.body)
        begin = ast.parse(BEGIN.format(len(self.facts))).body
        self.tree.body[self._beginning(self.tree.body) : 0] = begin

    @staticmethod
    def _beginning(body: Sequence[ast.stmt]) -> int:
        """How many statements have to be the first: a docstring, and what is of the future."""
        number = int(bool(body) and _is_text(body[0]))
        while number < len(body):
            it = body[number]
            if not (isinstance(it, ast.ImportFrom) and it.module == "__future__"):
                break
            number += 1
        return number

    def _with_docstring(self, body: list[ast.stmt]) -> list[ast.stmt]:
        first = self._beginning(body)
        of_future = [(0, it.lineno) for it in body[:first] if not _is_text(it)]
        return [*body[:first], *self._block(body[first:], *of_future)]

    def _block(self, body: Sequence[ast.stmt], *facts: Fact) -> list[ast.stmt]:
        """The statements with a probe before each; the first has these facts as well."""
        found: list[ast.stmt] = []
        for statement in body:
            lines = _lines(statement)
            found.append(self._probe(lines[0], *facts, *((0, line) for line in lines)))
            found.append(statement)
            facts = ()
            self._inside(statement)
        return found

    def _probe(self, line: int, *facts: Fact) -> ast.stmt:
        (probe,) = ast.parse(f"{NAME}[{len(self.facts)}] = 1").body
        for node in ast.walk(probe):
            if isinstance(node, ast.stmt | ast.expr):
                node.lineno = node.end_lineno = line
                node.col_offset = node.end_col_offset = 0
        self.facts.append(list(facts))
        return probe

    def _inside(self, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                statement.body = self._with_docstring(statement.body)
            case ast.If() | ast.While():
                self._branch(statement, isinstance(statement.test, ast.Constant))
            case ast.For() | ast.AsyncFor():
                self._branch(statement)
            case ast.With() | ast.AsyncWith():
                statement.body = self._block(statement.body)
            case ast.Try():
                statement.body = self._block(statement.body)
                tried: list[Fact] = []
                for handler in statement.handlers:
                    tried.append((0, handler.lineno))
                    handler.body = self._block(handler.body, *tried)
                statement.orelse = self._block(statement.orelse)
                statement.finalbody = self._block(statement.finalbody)
            case ast.Match():
                self._cases(statement)

    def _branch(
        self, statement: "ast.If | ast.While | ast.For | ast.AsyncFor", is_constant: bool = False
    ) -> None:
        line, body = statement.lineno, _lines(statement.body[0])[0]
        statement.body = self._block(statement.body, (line, body))
        if statement.orelse:
            statement.orelse = self._block(statement.orelse, (line, -body))
        elif not is_constant:
            statement.orelse = [self._probe(line, (line, -body))]

    def _cases(self, statement: ast.Match) -> None:
        lines: list[int] = []
        facts: list[Fact] = []
        for case in statement.cases:
            lines.append(case.pattern.lineno)
            facts = [*((0, line) for line in lines), *pairwise(lines)]
            body = _lines(case.body[0])[0]
            case.body = self._block(case.body, *facts, (lines[-1], body))
        if (
            case.guard is None
            and isinstance(case.pattern, ast.MatchAs)
            and not case.pattern.pattern
        ):
            return  # it takes all others
        other = self._probe(lines[-1], *facts, (lines[-1], -body))
        # It takes what none of the cases took.
        rest = ast.MatchAs(lineno=lines[-1], end_lineno=lines[-1], col_offset=0, end_col_offset=0)
        statement.cases.append(ast.match_case(rest, None, [other]))


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _lines(statement: ast.stmt) -> list[int]:
    """Its own, behind those of its decorators."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return [*(it.lineno for it in decorators), statement.lineno]


class Loader(SourceFileLoader):
    """Loads a module with probes."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = compile(Probed(self.get_data(path)).tree, path, "exec", dont_inherit=True)
        return code


class Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] != PACKAGE or ".migrations" in name:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = Loader(name, spec.loader.path)
        return spec


def store(numbers: Mapping[str, Iterable[int]], coverage: Coverage) -> None:
    """Write what these probes know into a file of coverage.py, for `coverage combine`."""
    data = CoverageData(
        basename=str(coverage.get_option("run:data_file")), suffix=f"probes.{os.getpid()}"
    )
    data.add_arcs({file: _arcs(file, of_file, coverage) for file, of_file in numbers.items()})
    data.write()


def _arcs(file: str, numbers: Iterable[int], coverage: Coverage) -> set[tuple[int, int]]:
    """What a tracer would have seen, as far as a report asks for it."""
    known = Probed(Path(file).read_bytes()).facts
    reporter = PythonFileReporter(file, coverage)
    ways: dict[int, set[int]] = {}
    for line, to in reporter.arcs():
        ways.setdefault(line, set()).add(to)
    found = set()
    for line, to in chain.from_iterable(known[number] for number in numbers):
        if line == 0:
            found.add((-1, to))
        elif to > 0:
            found.add((line, to))
        else:
            (first,), taken = reporter.translate_lines([line]), reporter.translate_lines([-to])
            found |= {(line, other) for other in ways.get(first, set()) - taken}
    return found


def _only_spreads() -> bool:
    """Whether this process gives tests to others: it asks before pytest knows."""
    return "PYTEST_XDIST_WORKER" not in os.environ and any(it.startswith("-n") for it in sys.argv)


class Probes:
    """The plugin for pytest: what the processes of a run know comes together in one of them."""

    def __init__(self) -> None:
        self.coverage = Coverage.current()
        self.numbers: dict[str, set[int]] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._add(getattr(node, "workeroutput", {}).get("probes", {}))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.coverage is None:
            return
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["probes"] = numbers_passed()
            return
        self._add(numbers_passed())
        store(self.numbers, self.coverage)

    def _add(self, numbers: Numbers) -> None:
        for file, of_file in numbers.items():
            self.numbers.setdefault(file, set()).update(of_file)


if Coverage.current() is not None and not _only_spreads():
    sys.meta_path.insert(0, Finder())
