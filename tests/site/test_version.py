"""One version, wherever it is told."""

import re
import subprocess
import sys

import pytest

from console.site.version import console_version
from tests.support.demos import MANAGE, ROOT


@pytest.mark.processes
@pytest.mark.parametrize("word", ["--version", "version"])
def test_manage_tells_the_consoles_own(word: str) -> None:
    done = subprocess.run([sys.executable, MANAGE, word], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"Notice Console {console_version()}\n")


def test_the_changelog_begins_with_it() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+)(?: \(not yet released\))?$", text, re.MULTILINE)
    assert versions[0] == console_version()
    assert len(versions) == text.count("\n## ")
    assert versions == sorted(versions, key=lambda it: [int(n) for n in it.split(".")])[::-1]


@pytest.mark.parametrize("document", ["deploy.md", "upgrade.md"])
def test_the_documents_install_it(document: str) -> None:
    text = (ROOT / "docs" / document).read_text("utf-8")
    assert set(re.findall(r"cd /opt/notice-console/releases/([\d.]+)", text)) == {console_version()}
