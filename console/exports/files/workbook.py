"""An XLSX file that is written while its rows are read: it is never in memory, nor on a disk.

openpyxl makes the workbook around the rows. It would keep all rows until the end itself, so the
rows are written here, each sheet straight into the zip file.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO
from xml.sax.saxutils import escape

import openpyxl
from openpyxl.utils import get_column_letter

from console.exports.files.cells import Row, cell
from console.text.spreadsheets import CELL_LIMIT, xml_escaped

ROWS_A_SHEET = 1_048_576  # Excel's limit
# A larger part of a zip file needs a form that Excel does not open.
BYTES_A_SHEET = 1_500_000_000
# Whole numbers beyond it are not exact in a spreadsheet.
NUMBER_LIMIT = 10**15
BEGIN, END = b"<sheetData>", b"</sheetData>"
CUT = " … [cut here: the whole text of {count:,} characters is in CSV and JSON Lines]"


class WorkbookWriter:
    """Writes rows into as many sheets as they need. Each sheet begins with the columns' names."""

    def __init__(self, columns: Sequence[str], title: str) -> None:
        self._columns, self._title = columns, title
        self._out = _Outgoing()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._letters = [get_column_letter(number) for number in range(1, len(columns) + 1)]
        self._head, self._tail = self._around_rows()
        self._sheets = 0
        self._rows = self._bytes = 0

    def begin(self) -> bytes:
        self._open_sheet()
        return self._out.take()

    def add(self, rows: Sequence[Row]) -> bytes:
        for row in rows:
            if self._rows >= ROWS_A_SHEET or self._bytes >= BYTES_A_SHEET:
                self._open_sheet()
            self._write(row)
        return self._out.take()

    def end(self) -> bytes:
        self._close_sheet()
        for name, content in self._parts(self._sheets):
            if not name.startswith("xl/worksheets/"):
                self._zip.writestr(name, content)
        self._zip.close()
        return self._out.take()

    def _open_sheet(self) -> None:
        self._close_sheet()
        self._sheets += 1
        self._sheet: IO[bytes] = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        self._sheet.write(self._head)
        self._rows, self._bytes = 0, len(self._head)
        self._write(tuple(self._columns))

    def _close_sheet(self) -> None:
        if self._sheets:
            self._sheet.write(self._tail)
            self._sheet.close()

    def _write(self, row: Row) -> None:
        self._rows += 1
        cells = "".join(
            _cell(f"{letter}{self._rows}", value)
            for letter, value in zip(self._letters, row, strict=True)
        )
        written = f'<row r="{self._rows}">{cells}</row>'.encode()
        self._bytes += len(written)
        self._sheet.write(written)

    def _around_rows(self) -> tuple[bytes, bytes]:
        """Return what a sheet has before its rows and after them."""
        empty = dict(self._parts(1))["xl/worksheets/sheet1.xml"]
        before, _begin, rest = empty.partition(BEGIN)
        _rows, _end, after = rest.partition(END)
        return before + BEGIN, END + after

    def _parts(self, sheets: int) -> Iterator[tuple[str, bytes]]:
        """Yield the parts of a workbook with so many empty sheets, by name."""
        book = openpyxl.Workbook(write_only=True)
        for number in range(1, sheets + 1):
            name = self._title if number == 1 else f"{self._title} {number}"
            book.create_sheet(name).freeze_panes = "A2"
        made = io.BytesIO()
        book.save(made)
        with zipfile.ZipFile(made) as source:
            for part in source.infolist():
                yield part.filename, source.read(part)


class _Outgoing:
    """A file that can only be written. What was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, content: bytes) -> int:
        self._written.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _cell(place: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < NUMBER_LIMIT:
        return f'<c r="{place}"><v>{value}</v></c>'
    text = cell(value)
    if not text:
        return ""
    shown = escape(_short(xml_escaped(text)))
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'


def _short(text: str) -> str:
    """Cut a text that is too long for a cell, and say so in the cell."""
    if len(text.encode("utf-16-le")) // 2 <= CELL_LIMIT:
        return text
    said = CUT.format(count=len(text))
    # Excel counts in units of UTF-16, of which a character has two at most.
    kept = text.encode("utf-16-le")[: 2 * (CELL_LIMIT - len(said))]
    return kept.decode("utf-16-le", errors="ignore") + said
