"""What is in the repository: files that one can read, and nothing of where they were written."""

import re
from pathlib import Path

from tests.support.tracked import tracked

ROOT = Path(__file__).resolve().parents[2]
# Put together here, so that this file does not have them in itself.
ELSEWHERE = {
    "a path of one machine": r"(?<![\w.])/(work|home/\w+|root|Users/\w+)/" + r"[\w.]",
    "a folder outside of the repository": r"\.\./" + r"shared\b",
    "the address of a package registry": "|".join(
        ["pypi" + r"\.org", "python" + "hosted", "artifac" + "tory", "index" + "-url"]
    ),
}


def text_of(name: str) -> str:
    try:
        return (ROOT / name).read_text("utf-8")
    except UnicodeDecodeError:
        return ""  # a picture


def test_nothing_speaks_of_where_it_was_written() -> None:
    found = [
        f"{name}: {what}: {match[0]}"
        for name in tracked()
        for what, pattern in ELSEWHERE.items()
        for match in re.finditer(pattern, text_of(name))
    ]
    assert found == []


def test_pictures_are_small() -> None:
    for name in tracked():
        assert (ROOT / name).stat().st_size < 1_000_000, name
