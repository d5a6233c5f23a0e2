"""XLSX: written so that the same catalogue is the same file, read without trusting it."""

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import openpyxl
from django.conf import settings
from django.utils import timezone
from import_export.formats import base_formats
from openpyxl.utils.exceptions import InvalidFileException
from tablib import Dataset

from console.catalogue.transfer.escaping import (
    with_formula,
    without_formula,
    xml_escaped,
    xml_unescaped,
)
from console.errors import InvalidInput, Unprocessable

SHEET = "catalogue"
CELL_LIMIT = 32_767  # Excel's own
# A sheet of texts shrinks to a fifth; a bomb to a thousandth.
INFLATION_LIMIT = 30
PARTS_LIMIT = 1000
WRITTEN_AT = (1980, 1, 1, 0, 0, 0)
ABOUT = "docProps/core.xml"
SAID_ABOUT = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/'
    'core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:creator>Notice Console</dc:creator></cp:coreProperties>"
)
NOT_READABLE = "This is no XLSX file that can be read. Save it again as .xlsx, or use CSV or JSON."


class XLSX(base_formats.XLSX):
    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        """Raises Unprocessable for a text that no cell can hold."""
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet(SHEET)
        sheet.append(dataset.headers)
        for row in dataset:
            sheet.append([_written(cell) if cell else None for cell in row])
        written = io.BytesIO()
        book.save(written)
        return _without_times(written)

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> Dataset:
        """Raises InvalidInput for what is no XLSX, or would be far larger than it looks."""
        try:
            _require_harmless(in_stream)
            book = openpyxl.load_workbook(io.BytesIO(in_stream), read_only=True, data_only=True)
            rows = _rows(book)
        # openpyxl lets through whatever its parsers raise.
        except (InvalidFileException, zipfile.BadZipFile, *_PARSER_ERRORS) as error:
            raise InvalidInput("unreadable_file", NOT_READABLE) from error
        return table(rows)


_PARSER_ERRORS = (KeyError, ValueError, TypeError, AttributeError, SyntaxError, EOFError, OSError)


def table(rows: list[list[str]]) -> Dataset:
    """Rows as a dataset, the first as its headers; short ones are filled up."""
    width = max(map(len, rows), default=0)
    filled = [row + [""] * (width - len(row)) for row in rows]
    return Dataset(*filled[1:], headers=filled[0] if filled else [])


def _written(cell: str) -> str:
    text = xml_escaped(without_formula(cell))
    if len(text) > CELL_LIMIT:
        raise Unprocessable(
            "text_too_long_for_xlsx",
            f"A text of {len(cell):,} characters is too long for a cell of XLSX, which holds "
            f"{CELL_LIMIT:,}. Export as CSV or JSON.",
        )
    return text


def _without_times(written: io.BytesIO) -> bytes:
    """The same parts in a zip file that says nothing of when it was made."""
    out = io.BytesIO()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(out, "w") as target:
        for part in source.infolist():
            content = SAID_ABOUT.encode() if part.filename == ABOUT else source.read(part)
            info = zipfile.ZipInfo(part.filename, WRITTEN_AT)
            target.writestr(info, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _require_harmless(content: bytes) -> None:
    """Before anything is unpacked: how large it would become, and no entities in its XML."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        most = INFLATION_LIMIT * settings.IMPORT_LIMIT
        if len(parts) > PARTS_LIMIT or sum(part.file_size for part in parts) > most:
            raise InvalidInput(
                "file_too_large",
                f"Unpacked this file would have more than {most:,} bytes. "
                "Import it in parts, or as CSV.",
            )
        for part in parts:
            with archive.open(part) as opened:
                if b"<!DOCTYPE" in opened.read(1000):
                    raise InvalidInput("unreadable_file", NOT_READABLE)


def _rows(book: Any) -> list[list[str]]:
    if not book.worksheets:
        return []
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # a file may lie about them
    rows: list[list[str]] = []
    for row in _bounded(sheet.iter_rows(values_only=True)):
        cells = [_read(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        rows.append(cells)
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _bounded(rows: Iterator[Any]) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number > settings.IMPORT_ROW_LIMIT:
            raise InvalidInput(
                "too_many_rows",
                f"An import has at most {settings.IMPORT_ROW_LIMIT:,} rows. Import it in parts.",
            )
        yield row


def _read(cell: Any) -> str:
    """What people's own spreadsheets hold besides texts, as a text."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return timezone.make_aware(cell).isoformat()
    return with_formula(xml_unescaped(str(cell)))
