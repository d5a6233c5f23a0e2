"""What is said of files of tests is said of such that are there."""

import pytest

from tests.support import quick, spreading, untraced
from tests.support.demos import ROOT

NAMED = {
    "in a group": sum(spreading.GROUPS.values(), ()),
    "traced": untraced.TRACED,
    "not quick": quick.LEFT_OUT,
}


@pytest.mark.parametrize("names", NAMED.values(), ids=NAMED)
def test_named_files_are_there(names: tuple[str, ...]) -> None:
    assert [name for name in names if not (ROOT / name.partition("::")[0]).exists()] == []


def test_the_first_case_stands_for_a_test_in_any_order() -> None:
    nodeids = ["tests/a.py::one[b]", "tests/a.py::one[a]", "tests/a.py::two"]
    first = {"tests/a.py::one[a]", "tests/a.py::two"}
    assert quick.first_cases(nodeids) == quick.first_cases(reversed(nodeids)) == first
