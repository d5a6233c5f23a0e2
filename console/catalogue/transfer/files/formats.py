"""The formats of a catalogue file: those of django-import-export, made lossless.

Files are read into a tablib dataset of texts and written from one. The library's own formats change
some texts (a formula loses its sign, an empty line its number, a line its end), so that a text
would not come back as it was.
"""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from django.conf import settings
from import_export.formats import base_formats
from tablib import Dataset

from console.catalogue.content.version_content import BODY
from console.catalogue.transfer.columns import COLUMNS
from console.catalogue.transfer.files.tables import bounded, require_size, table
from console.catalogue.transfer.files.workbooks import XLSX
from console.errors import InvalidInput
from console.text.sentences import Sentence, term
from console.text.spreadsheets import with_formula, without_formula

# Without it, Excel does not recognize UTF-8.
BYTE_ORDER_MARK = "\ufeff"
CSV_CELL_LIMIT = 1_000_000


class CSV(base_formats.CSV):
    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerow(dataset.headers)
        writer.writerows([without_formula(cell) for cell in row] for row in dataset)
        return (BYTE_ORDER_MARK + text.getvalue()).encode()

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> Dataset:
        """Read a CSV. `is_limited` says whether the limits for imports by people apply."""
        text = _decoded(in_stream)
        csv.field_size_limit(CSV_CELL_LIMIT)
        first, _end, _rest = text.partition("\n")
        delimiter = ";" if first.count(";") > first.count(",") else ","
        try:
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            read = ([with_formula(cell) for cell in line] for line in lines)
            rows = list(bounded(read, is_limited=kwargs.get("is_limited", True)))
        except csv.Error as error:
            raise InvalidInput(
                "unreadable_file",
                "This is no CSV that can be read: {error}. Export it anew.",
                error=error,
            ) from error
        while rows and not any(rows[-1]):
            rows.pop()
        return table(rows)


class JSON(base_formats.JSON):
    """One record a line, so that two exports can be compared line by line."""

    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        records = (json.dumps(_record(dataset.headers, row), ensure_ascii=False) for row in dataset)
        columns = json.dumps(dataset.headers, ensure_ascii=False)
        return (
            f'{{"columns": {columns},\n"records": [\n' + ",\n".join(records) + "\n]}\n"
        ).encode()

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> Dataset:
        try:
            parsed = json.loads(_decoded(in_stream))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(
                "unreadable_file", "This is no JSON that can be read: {error}.", error=error
            ) from error
        return document_table(parsed)


def document_table(document: Any) -> Dataset:
    """Return the dataset of a JSON document. Raises InvalidInput, which names the row.

    A value that a record lacks is "" if the document lists its columns, else None (no change).
    """
    if not isinstance(document, dict):
        document = {"records": document}
    columns, records = document.get("columns"), document.get("records")
    if not (columns is None or (isinstance(columns, list) and all(map(_is_text, columns)))):
        raise InvalidInput("unreadable_file", 'The JSON\'s "columns" are no list of names.')
    if not isinstance(records, list):
        raise InvalidInput(
            "unreadable_file", 'The JSON has no list of "records". Look at an export for its form.'
        )
    cells = [_cells(number, record) for number, record in enumerate(records, start=1)]
    found = dict.fromkeys(name for row in cells for name in row)
    require_size([*found, *(columns or ())], len(cells))
    if columns is None:
        columns = [name for name in COLUMNS if name in found]
        columns += sorted(name for name in found if name not in COLUMNS)
        return _table_of(columns, cells, None)
    columns = [*columns, *sorted(found.keys() - set(columns))]
    return _table_of(columns, cells, "")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _table_of(columns: list[str], cells: list[dict[str, str]], absent: str | None) -> Dataset:
    rows = ([row.get(name, absent) for name in columns] for row in cells)
    return Dataset(*rows, headers=columns)


FORMATS: dict[str, type[base_formats.TablibFormat]] = {"csv": CSV, "json": JSON, "xlsx": XLSX}
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def format_of(name: str) -> str:
    """Return the format for a file's ending. Raises InvalidInput for any other than the three."""
    ending = PurePath(name).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise InvalidInput(
            "unknown_format",
            "{name} ends with none of .csv, .xlsx and .json: rename or save it as one of these.",
            name=name,
        )
    return ending


def read_file(name: str, content: bytes, *, is_limited: bool = True) -> Dataset:
    """Read a file into a dataset of texts. Raises InvalidInput if it can't be read or is too large.

    `is_limited` says whether the limits for imports by people apply.
    """
    if is_limited and len(content) > settings.IMPORT_LIMIT:
        raise InvalidInput(
            "file_too_large",
            "The file has {count:,} bytes; at most {limit:,} go. Import it in parts.",
            count=len(content),
            limit=settings.IMPORT_LIMIT,
        )
    dataset: Dataset = FORMATS[format_of(name)]().create_dataset(content, is_limited=is_limited)
    return dataset


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "not_utf8",
            "The file is not in UTF-8: its byte {position:,} can't be read. Save it as “CSV "
            "UTF-8”.",
            position=error.start + 1,
        ) from error


def _record(names: Iterable[str], row: Iterable[str]) -> dict[str, Any]:
    """Return a row as a JSON record, without its empty cells and with its texts by language."""
    record: dict[str, Any] = {}
    bodies = {}
    for name, cell in zip(names, row, strict=True):
        if cell and name.startswith(BODY):
            bodies[name.removeprefix(BODY)] = cell
        elif cell:
            record[name] = int(cell) if name == "version" else cell
    return record | ({"bodies": bodies} if bodies else {})


def _cells(number: int, record: Any) -> dict[str, str]:
    if not isinstance(record, dict):
        raise _not_a_record(number, term("is no object"))
    bodies = record.get("bodies") or {}
    if not isinstance(bodies, dict):
        raise _not_a_record(number, term("has bodies that are no object of languages and texts"))
    flat = {name: value for name, value in record.items() if name != "bodies"}
    flat |= {f"{BODY}{locale}": body for locale, body in bodies.items()}
    cells = {}
    for name, value in flat.items():
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # some programs write all numbers so
        if isinstance(value, bool) or not isinstance(value, (str, int, type(None))):
            raise _not_a_record(number, term("has a {name} that is no text", name=name))
        cells[name] = "" if value is None else str(value)
    return cells


def _not_a_record(number: int, what: Sentence) -> InvalidInput:
    return InvalidInput(
        "unreadable_file",
        "Record {number} of the JSON {what}. Mend it there.",
        number=number,
        what=what,
    )
