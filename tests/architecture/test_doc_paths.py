"""Paths that the documents name are there."""

import re

from tests.architecture.test_files import ROOT, text_of
from tests.support.tracked import tracked

NAMED = re.compile(r"`((?:console|tests|templates|static|deploy)/[\w./-]+)`")


def test_each_named_file_is_there() -> None:
    missing = {
        f"{name}: {path}"
        for name in tracked()
        if name.endswith(".md") and name != "CHANGELOG.md"
        for path in NAMED.findall(text_of(name))
        if not (ROOT / path.rstrip("/")).exists()
    }
    assert missing == set()
