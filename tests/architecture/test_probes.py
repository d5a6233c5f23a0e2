"""What probes know of a run is what the tracer of coverage.py sees of it (tests.support.probes)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from tests.support import probes

PROGRAM = '''
"""A program of which some is run."""

from __future__ import annotations

import functools
from contextlib import nullcontext


@functools.cache
@functools.wraps(len)
def decorated(number):
    """With a docstring."""
    if (
        number
        and number > 1
    ):
        return "many"
    elif number:
        return "one"
    return "none"


class Kind:
    """A class."""

    name = "kind"

    if name == "other":
        is_other = True

    def never(self):
        return self.name


def loops(numbers):
    for number in numbers:
        if number == 1:
            continue
        if number == 5:
            break
    else:
        return "to the end"
    while numbers:
        numbers = numbers[1:]
    while True:
        for _ in ():
            print("never")
        return "broken off"


def contexts(wanted):
    with nullcontext(), nullcontext(
        wanted
    ) as given:
        if given:
            return 1
    for _ in range(2):
        with nullcontext():
            if wanted:
                break
    return 2


def refused(it):
    try:
        if it:
            raise it
    except (KeyError, ValueError):
        found = "known"
    except TypeError as error:
        found = str(error)
    else:
        found = "none"
    finally:
        it = 1
    return found


def matched(it):
    match it:
        case 1:
            return "one"
        case [_, *_] if it[0] == 2:
            found = "two"
        case {"three": _}:
            found = "three"
    return locals().get("found")


def matched_wholly(it):
    match it:
        case 1 | 2:
            return "few"
        case _:
            return "many"


async def awaited(things):
    async for thing in things:
        async with thing:
            print(thing)


def generated():
    got = yield 1
    if got: yield 2


if __debug__:
    pass
if TYPE_CHECKING := False:
    import never
if 1:
    pass
'''
RUNS = {
    "as it loads": "",
    "some": """
decorated(2); loops([1, 2]); contexts(0); refused(None); matched(1); list(generated())
""",
    "others": """
decorated(1); loops([5, 6]); contexts(1); refused(KeyError()); refused(TypeError()); matched([2])
matched_wholly(1); Kind().never()
""",
    "all of a match": """
matched(1); matched([3]); matched({'three': 3}); matched(4); matched_wholly(3)
""",
    "a refusal": "refused(TypeError())",
}


@pytest.mark.processes
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_probes_know_what_a_tracer_sees(run: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"{PROGRAM}{run}\n")
    traced = tmp_path / "traced"
    command = ["-m", "coverage", "run", "--branch", "--rcfile=", f"--data-file={traced}"]
    subprocess.run([sys.executable, *command, program], check=True, cwd=tmp_path)

    coverage = Coverage(tmp_path / "probed", branch=True, config_file=False)
    try:
        code = compile(probes.Probed(program.read_bytes()).tree, program, "exec", dont_inherit=True)
        exec(code, {"__file__": str(program), "__name__": "program"})
        numbers = probes.numbers_passed()[str(program)]
    finally:
        probes.forget(str(program))
    probes.store({str(program): numbers}, coverage)
    coverage.combine([str(tmp_path)])

    assert _report(coverage, tmp_path) == _report(Coverage(traced, config_file=False), tmp_path)


def _report(coverage: Coverage, folder: Path) -> dict[str, Any]:
    coverage.load()
    coverage.json_report(outfile=str(folder / "report.json"))
    (of_program,) = json.loads((folder / "report.json").read_text())["files"].values()
    names = ("executed_lines", "missing_lines", "executed_branches", "missing_branches")
    return {name: of_program[name] for name in names}
