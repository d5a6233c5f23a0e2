"""What is in the repository: files that one can read, and nothing of where they were written."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Put together here, so that this file does not have them in itself.
ELSEWHERE = {
    "a path of one machine": r"(?<![\w.])/(work|home/\w+|root|Users/\w+)/" + r"[\w.]",
    "a folder outside of the repository": r"\.\./" + r"shared\b",
    "the address of a package registry": "|".join(
        ["pypi" + r"\.org", "python" + "hosted", "artifac" + "tory", "index" + "-url"]
    ),
}


def tracked() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


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
