"""The formats of an export. Each takes rows in pieces, and returns the file's bytes so far."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _

from console.exports.files.cells import Row, cell, plain
from console.exports.files.workbook import WorkbookWriter

# Without it Excel does not recognise UTF-8.
BYTE_ORDER_MARK = "\ufeff"


class ExportFormat(models.TextChoices):
    CSV = "csv", _("CSV, for any spreadsheet")
    XLSX = "xlsx", _("Excel (.xlsx)")
    JSONL = "jsonl", _("JSON Lines, for programs")


CONTENT_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportFormat.JSONL: "application/x-ndjson",
}


class Writer(Protocol):
    """Turns rows into a file. The file is what `begin`, each `add` and `end` returned, joined."""

    def begin(self) -> bytes: ...

    def add(self, rows: Sequence[Row]) -> bytes: ...

    def end(self) -> bytes: ...


class CsvWriter:
    """Every cell in quotes; a text that looks like a formula has an apostrophe before it."""

    def __init__(self, columns: Sequence[str], title: str) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        return BYTE_ORDER_MARK.encode() + self.add([tuple(self._columns)])

    def add(self, rows: Sequence[Row]) -> bytes:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([map(cell, row) for row in rows])
        return text.getvalue().encode()

    def end(self) -> bytes:
        return b""


class JsonLinesWriter:
    """An object for each row. Texts are exactly as they are stored."""

    def __init__(self, columns: Sequence[str], title: str) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        return b""

    def add(self, rows: Sequence[Row]) -> bytes:
        return b"".join(map(self._line, rows))

    def _line(self, row: Row) -> bytes:
        values = dict(zip(self._columns, map(plain, row), strict=True))
        return json.dumps(values, ensure_ascii=False).encode() + b"\n"

    def end(self) -> bytes:
        return b""


WRITERS: dict[ExportFormat, Callable[[Sequence[str], str], Writer]] = {
    ExportFormat.CSV: CsvWriter,
    ExportFormat.XLSX: WorkbookWriter,
    ExportFormat.JSONL: JsonLinesWriter,
}


def writer_of(form: str, columns: Sequence[str], title: str) -> Writer:
    """Return a new writer. `title` is the name of a workbook's sheets."""
    return WRITERS[ExportFormat(form)](columns, title)
