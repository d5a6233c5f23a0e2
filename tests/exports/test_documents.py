"""What docs/security.md says of exports in numbers is what the code has. The tests beside this one
hold its other sentences."""

import re

import pytest
from django.conf import settings

from console.audit.actions import Action
from console.backups.services import LEFT_OUT
from console.exports import orders, reading, running
from console.exports.files.formats import ExportFormat
from console.exports.models import KEPT, ExportJob, ExportPart, ExportStatus
from console.text.spreadsheets import CELL_LIMIT
from tests.support.demos import ROOT

SAID = (ROOT / "docs" / "security.md").read_text("utf-8").partition("\n## Exports\n")[2]
EXPORTS = " ".join(SAID.partition("\n## ")[0].split())
API = " ".join((ROOT / "docs" / "api.md").read_text("utf-8").partition("\n## Exports\n")[2].split())


@pytest.mark.parametrize(
    "sentence",
    [
        f"`CONSOLE_EXPORT_AT_ONCE_ROWS` rows ({settings.EXPORT_AT_ONCE_ROWS:,})",
        f"at most `CONSOLE_EXPORTS_A_PERSON` ({settings.EXPORTS_A_PERSON}) at a time",
        f"can't be counted within {orders.COUNT_SECONDS:g} seconds",
        f"compressed pieces of {running.PART_BYTES // 1024} KiB",
        f"It waits for {KEPT.total_seconds() / 3600:g} hours",
        f"in parts of at most {reading.BATCH} rows",
        f"XLSX holds {CELL_LIMIT:,} characters a cell",
    ],
)
def test_the_numbers_are_the_codes(sentence: str) -> None:
    assert sentence in EXPORTS


def test_the_word_for_how_often_a_worker_is_lost() -> None:
    assert running.LOST_MOST == 3
    assert "After the third lost worker it has failed" in EXPORTS


def test_each_entry_of_the_trail_is_named() -> None:
    named = set(re.findall(r"`(export\.\w+)`", EXPORTS))
    assert named == {action for action in Action.values if action.startswith("export.")}


def test_backups_leave_the_files_out() -> None:
    assert {ExportJob._meta.db_table, ExportPart._meta.db_table} <= set(LEFT_OUT)


def test_the_api_names_formats_and_states() -> None:
    for name in (*ExportFormat.values, *ExportStatus.values):
        assert f"`{name}`" in API
