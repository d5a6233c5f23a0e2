"""A ledger of its own for each test, with a key and a place outside."""

from pathlib import Path
from typing import Any

import pytest

from console.audit.checkpoints import new_key

ORIGIN = "console.example/ledger"


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    settings.LOG_ORIGIN, settings.LOG_TO = ORIGIN, ""


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The folder of the published tree."""
    return tmp_path / "outside" / "log"
