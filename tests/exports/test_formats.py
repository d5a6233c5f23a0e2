"""The three formats say the same rows, each in its way; none is ever whole in memory."""

import csv
import io
import tracemalloc
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from console.exports.files import workbook
from console.exports.files.formats import BYTE_ORDER_MARK, ExportFormat, writer_of
from console.text.spreadsheets import CELL_LIMIT, xml_unescaped
from tests.exports.conftest import read_lines, read_sheets

COLUMNS = ("number", "at", "text", "data", "nothing")
AT = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
ROW = (7, AT, '=SUM(A1) "é" 🙂\n,;<b>&', {"b": [1], "a": "=x"}, None)
SAID_AT = "2026-01-31T12:00:00.250000+00:00"


def made(form: str, pieces: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    writer = writer_of(form, COLUMNS, "history")
    yield writer.begin()
    for rows in pieces:
        yield writer.add(rows)
    yield writer.end()


def test_csv_disarms_formulas() -> None:
    text = b"".join(made("csv", [[ROW]])).decode().removeprefix(BYTE_ORDER_MARK)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        list(COLUMNS),
        ["7", SAID_AT, f"'{ROW[2]}", '{"a": "=x", "b": [1]}', ""],
    ]


def test_json_lines_are_exact() -> None:
    assert (
        read_lines(made("jsonl", [[ROW], [ROW]]))
        == [{"number": 7, "at": SAID_AT, "text": ROW[2], "data": ROW[3], "nothing": None}] * 2
    )


def test_a_workbook_has_numbers_and_texts_but_no_formula() -> None:
    content = b"".join(made("xlsx", [[ROW], [], [ROW]]))
    row = (7, SAID_AT, f"'{ROW[2]}", '{"a": "=x", "b": [1]}')  # no cell for nothing
    assert read_sheets([content]) == [[COLUMNS, row, row]]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert "<f>" not in archive.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize(
    "text", ["\x00\x07", "a\rb", "_x000D_", "  blanks  ", "<![CDATA[", "\ufffe", "x" * CELL_LIMIT]
)
def test_a_workbook_says_each_text(text: str) -> None:
    ((_names, row),) = read_sheets(made("xlsx", [[(1, None, text, None, None)]]))
    assert xml_unescaped(row[2]) == text


def test_a_text_that_is_too_long_for_a_cell_is_cut_with_a_word_about_it() -> None:
    ((_names, row),) = read_sheets(made("xlsx", [[(1, None, "🙂" * CELL_LIMIT, None, None)]]))
    assert row[2].startswith("🙂" * 100)
    assert row[2].endswith("characters is in CSV and JSON Lines]")
    assert f"{CELL_LIMIT:,}" in row[2]
    assert len(row[2].encode("utf-16-le")) // 2 <= CELL_LIMIT


def test_what_a_spreadsheet_can_not_count_is_a_text() -> None:
    ((_names, row),) = read_sheets(made("xlsx", [[(2**62, None, "", None, True)]]))
    assert row[0] == str(2**62)
    assert row[4] == "True"


def test_more_rows_than_a_sheet_has_go_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "ROWS_A_SHEET", 3)
    rows = [(number, None, "", None, None) for number in range(5)]
    sheets = read_sheets(made("xlsx", [rows]))
    assert [[row[0] for row in sheet] for sheet in sheets] == [
        ["number", 0, 1],
        ["number", 2, 3],
        ["number", 4],
    ]


@pytest.mark.parametrize("form", ExportFormat.values)
def test_nothing_is_a_file_that_opens(form: str) -> None:
    content = b"".join(made(form, []))
    if form == "xlsx":
        assert read_sheets([content]) == [[COLUMNS]]
    else:
        assert content.count(b"\n") == (form == "csv")


@pytest.mark.parametrize("form", ExportFormat.values)
def test_memory_does_not_grow_with_the_rows(form: str) -> None:
    rows = [(number, AT, f"text {number} " * 20, None, None) for number in range(500)]

    def most(pieces: int) -> int:
        tracemalloc.start()
        for _part in made(form, (rows for _ in range(pieces))):  # type: ignore[arg-type]
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = most(4), most(40)
    assert many < 1.2 * few + 100_000
