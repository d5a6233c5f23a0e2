"""Which version of the console this is."""

import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def console_version() -> str:
    """Return the version from the project's own file, or from an installed wheel's metadata."""
    if PROJECT.is_file():
        return str(tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"])
    return metadata.version("notice-console")
