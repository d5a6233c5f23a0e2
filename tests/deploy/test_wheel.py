"""The package as pip makes a wheel of it: with templates, static files and its own command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.demos import ROOT, data_folder, environment
from tests.support.tracked import tracked


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel is installed, without what it depends on."""
    tree = tmp_path_factory.mktemp("tree")
    for name in tracked():
        if name.startswith(("console/", "templates/", "static/")) or "/" not in name:
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((ROOT / name).read_bytes())
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # It makes the wheel on the way.
    install = [*pip, "install", "--no-deps", "--no-compile", "--target", str(folder), str(tree)]
    subprocess.run(install, check=True, cwd=tree)
    return folder


def test_it_has_all_files(installed: Path) -> None:
    for name in tracked():
        if name.startswith("console/"):
            assert (installed / name).is_file(), name
        elif name.startswith(("templates/", "static/")):
            assert (installed / "console" / name).is_file(), name


def test_its_command_runs(installed: Path) -> None:
    with data_folder() as data:
        settings = {**environment(data), "PYTHONPATH": str(installed)}

        def run(*words: str) -> str:
            done = subprocess.run(
                [str(installed / "bin/notice-console"), *words],
                env=settings,
                cwd=data,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        version = run("--version")
        assert version.startswith("Notice Console ")
        assert "no issues" in run("check")
        found = run("findstatic", "css/base.css")
        assert os.path.join(str(installed), "console/static/css/base.css") in found
