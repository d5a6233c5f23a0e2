"""The table of docs/security.md beside OWASP ASVS 5.0: each requirement once, each test there."""

import re
from collections import Counter
from collections.abc import Iterator

from tests.support.demos import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
# Its requirements of levels 1 and 2: section, and the numbers in it.
LEVEL_2 = """
1.1:1-2 1.2:1-9 1.3:1-11 1.4:1-3 1.5:1-2 2.1:1-3 2.2:1-3 2.3:1-4 2.4:1 3.2:1-2 3.3:1-4 3.4:1-6
3.5:1-5 3.7:1-2 4.1:1-3 4.2:1 4.3:1-2 4.4:1-4 5.1:1 5.2:1-3 5.3:1-2 5.4:1-3 6.1:1-3 6.2:1-12
6.3:1-4 6.4:1-4 6.5:1-5 6.6:1-3 6.8:1-4 7.1:1-3 7.2:1-4 7.3:1-2 7.4:1-5 7.5:1-2 7.6:1-2
8.1:1-2 8.2:1-3 8.3:1 8.4:1 9.1:1-3 9.2:1-4 10.1:1-2 10.2:1-2 10.3:1-4 10.4:1-11 10.5:1-5
10.6:1-2 10.7:1-3 11.1:1-2 11.2:1-3 11.3:1-3 11.4:1-4 11.5:1 11.6:1 12.1:1-3 12.2:1-2 12.3:1-4
13.1:1 13.2:1-5 13.3:1-2 13.4:1-5 14.1:1-2 14.2:1-4 14.3:1-3 15.1:1-3 15.2:1-3 15.3:1-7 16.1:1
16.2:1-5 16.3:1-4 16.4:1-3 16.5:1-3 17.1:1 17.2:1-4 17.3:1-2
"""
ROW = re.compile(
    r"^\| (?:V\d+ [^|]*)?\| ([\d., –]+) \| (met|not met|not here) \| (.+) \|$", re.MULTILINE
)


def required() -> Iterator[str]:
    for section, _, numbers in (entry.partition(":") for entry in LEVEL_2.split()):
        for part in numbers.split(","):
            first, _, last = part.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield f"{section}.{number}"


def said(numbers: str) -> Iterator[str]:
    for part in numbers.split(", "):
        first, _, last = part.partition("–")
        section = first.rpartition(".")[0]
        begin, end = (int(each.rpartition(".")[2]) for each in (first, last or first))
        yield from (f"{section}.{number}" for number in range(begin, end + 1))


def test_each_requirement_stands_in_one_row() -> None:
    known = set(required())
    found = Counter(one for numbers, _state, _why in ROW.findall(PAGE) for one in said(numbers))
    assert found == Counter(known)


def test_each_row_that_is_met_names_a_test_or_a_page_and_each_of_these_is_there() -> None:
    for _numbers, state, why in ROW.findall(PAGE):
        tests = re.findall(r"`(tests/[^`]+)`", why)
        pages = re.findall(r"\]\(([^)#]*)", why)
        assert state != "met" or tests or pages, why
        missing = [test for test in tests if not (ROOT / test).is_file()]
        assert missing == []
