"""Which files are the project's."""

import subprocess

from tests.support.demos import ROOT


def tracked() -> list[str]:
    """The names of the files that Git knows and that are there."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
