"""Which version of the console this is."""

import tomllib
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def console_version() -> str:
    """As the project's own file has it, which is there however the console was installed."""
    return str(tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"])
