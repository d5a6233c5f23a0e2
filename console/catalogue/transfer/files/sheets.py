"""Reads an XLSX file without trusting it.

Its XML must have no document type. Only the existing cells of the first sheet are read; cells
without a readable value are reported.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.parsers.expat import ExpatError

import openpyxl
from defusedxml.ElementTree import XMLParser
from django.conf import settings
from django.utils import timezone
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._reader import FORMULA_TAG, INLINE_STRING, VALUE_TAG, WorkSheetParser

from console.catalogue.transfer.files.tables import (
    COLUMNS_LIMIT,
    cell_name,
    not_read,
    too_many_rows,
)
from console.errors import InvalidInput
from console.text.sentences import Sentence, term
from console.text.spreadsheets import CELL_LIMIT, with_formula, xml_unescaped

# A sheet of texts shrinks to a fifth; a zip bomb to a thousandth.
INFLATION_LIMIT = 10
PARTS_LIMIT = 1000
DEPTH_LIMIT = 100
XML = (".xml", ".rels", ".vml")
# Everything that openpyxl passes on from its parsers, zipfile and zlib.
_ERRORS = (
    *(InvalidFileException, zipfile.BadZipFile, zlib.error, SyntaxError, EOFError, OSError),
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError),
    *(AssertionError, ExpatError),
)


def sheet_rows(content: bytes) -> Iterator[list[str]]:
    """Yield the rows of the first sheet as texts.

    Raises InvalidInput for a file that is no XLSX, or that would be far larger when unpacked.
    """
    try:
        _require_harmless(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        yield from _rows(book)
    except _ERRORS as error:
        raise InvalidInput(
            "unreadable_file",
            "This is no XLSX file that can be read. Save it again as .xlsx, or use CSV or JSON.",
        ) from error


# --- Checks before parsing ----------------------------------------------------------------------


class _Depth:
    """The nesting depth of a parser. Raises ValueError beyond the limit."""

    def __init__(self) -> None:
        self.depth = 0

    def start(self, _tag: str, _attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise ValueError("nested too deeply")

    def end(self, _tag: str) -> None:
        self.depth -= 1


def _require_harmless(content: bytes) -> None:
    """Raise an error for a file that is too large when unpacked, or whose XML has a document type.

    Without a document type there are no entities, whatever the encoding and the position.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        most = INFLATION_LIMIT * settings.IMPORT_LIMIT
        if len(parts) > PARTS_LIMIT or sum(part.file_size for part in parts) > most:
            raise InvalidInput(
                "file_too_large",
                "Unpacked this file would have more than {limit:,} bytes. Import it in parts, or "
                "as CSV.",
                limit=most,
            )
        for part in parts:
            if part.filename.lower().endswith(XML):
                _require_plain_xml(archive, part)


def _require_plain_xml(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Raise ValueError (or the parser's own error) unless the part is plain XML."""
    # The library's handlers that refuse, and none of those that make something of it.
    parser, depth = XMLParser(forbid_dtd=True).parser, _Depth()
    parser.StartElementHandler, parser.EndElementHandler = depth.start, depth.end
    parser.CharacterDataHandler = parser.DefaultHandlerExpand = None
    parser.CommentHandler = parser.ProcessingInstructionHandler = None
    with archive.open(part) as opened:
        parser.ParseFile(opened)


# --- Cells ---------------------------------------------------------------------------------------


class _Parser(WorkSheetParser):
    """openpyxl's parser, which also reports a formula whose value is missing."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        has_value = element.find(VALUE_TAG) is not None or element.find(INLINE_STRING) is not None
        if element.find(FORMULA_TAG) is not None and not has_value:
            cell["data_type"] = "f"
        return cell


def _rows(book: Any) -> Iterator[list[str]]:
    """Yield the rows up to the last one with content; missing rows are empty lists."""
    if not book.worksheets:
        return
    sheet = book.worksheets[0]
    following = 1
    with sheet._get_source() as source:
        parser = _Parser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, cells in parser.parse():
            row = _row(number, cells)
            if not row:
                continue
            if number < following:
                raise ValueError("rows that are out of order")
            if number > settings.IMPORT_ROW_LIMIT + 1:
                raise too_many_rows()
            yield from ([] for _ in range(following, number))
            yield row
            following = number + 1


def _row(number: int, cells: list[dict[str, Any]]) -> list[str]:
    """Return the texts of a row, without empty cells at its end."""
    row: list[str] = []
    for cell in cells:
        text = _text(cell, cell_name(number, cell["column"]))
        if not text:
            continue
        column = cell["column"]
        if column > COLUMNS_LIMIT:
            raise InvalidInput(
                "too_many_columns",
                "Row {number:,} has a cell in column {letter}; at most {limit:,} columns go. Look "
                "at an export for their names.",
                number=number,
                letter=get_column_letter(column),
                limit=COLUMNS_LIMIT,
            )
        row += [""] * (column - len(row))
        row[column - 1] = text
    return row


def _text(cell: dict[str, Any], where: Sentence) -> str:
    """Return a cell's value as text, whatever type the spreadsheet gave it."""
    value = cell["value"]
    if cell["data_type"] == "f":
        return not_read(
            "(formula)",
            term(
                "A formula stands here whose value is not in the file. Open the file in a "
                "spreadsheet and save it, or write the text."
            ),
        )
    if value is None:
        return ""
    if cell["data_type"] == "e":
        return not_read(
            str(value)[:40],
            term(
                "The spreadsheet has an error here, {error}. Mend it there.", error=str(value)[:40]
            ),
        )
    if isinstance(value, str) and len(value) > CELL_LIMIT:
        raise InvalidInput(
            "cell_too_long",
            "{where} has {count:,} characters; at most {limit:,} go. Shorten it.",
            where=where,
            count=len(value),
            limit=CELL_LIMIT,
        )
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return timezone.make_aware(value).isoformat()
    return with_formula(xml_unescaped(str(value)))
