"""The rows of a file as a dataset of texts: its size limits, and cells that are no text."""

from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings
from openpyxl.utils import get_column_letter
from tablib import Dataset

from console.errors import InvalidInput
from console.text.sentences import Sentence, term
from console.text.visible import is_blank

# XLSX allows 16,384. A catalogue has some thirty, and one for each language.
COLUMNS_LIMIT = 1000
# The largest number of rows of an import, with fifty columns each.
CELLS_LIMIT = 5_000_000
# Characters in all cells for each byte of the largest allowed file, which may be compressed.
CHARACTERS_A_BYTE = 5
SHOWN = 40


class NotRead(str):
    """A cell without a value. Its row is refused with the reason `why`, and the text is dropped."""

    __slots__ = ("why",)
    why: Sentence


def not_read(shown: str, why: Sentence) -> NotRead:
    made = NotRead(shown)
    made.why = why
    return made


def bounded(rows: Iterable[list[str]], *, is_limited: bool = True) -> Iterator[list[str]]:
    """Yield the same rows. Raises InvalidInput once they are too many or too large."""
    characters = cells = 0
    most = settings.IMPORT_LIMIT * CHARACTERS_A_BYTE
    for number, row in enumerate(rows, start=1):
        if len(row) > COLUMNS_LIMIT:
            raise InvalidInput(
                "too_many_columns",
                "Row {number:,} has {count:,} columns; at most {limit:,} go. Look at an export "
                "for their names.",
                number=number,
                count=len(row),
                limit=COLUMNS_LIMIT,
            )
        if is_limited and number > settings.IMPORT_ROW_LIMIT + 1:
            raise too_many_rows()
        cells += len(row)
        characters += sum(map(len, row))
        if is_limited and (cells > CELLS_LIMIT or characters > most):
            raise InvalidInput(
                "file_too_large",
                "Up to row {number:,} this file has {cells:,} cells with {characters:,} "
                "characters; at most {limit:,} with {most:,} go. Import it in parts.",
                number=number,
                cells=cells,
                characters=characters,
                limit=CELLS_LIMIT,
                most=most,
            )
        yield row


def too_many_rows() -> InvalidInput:
    return InvalidInput(
        "too_many_rows",
        "An import has at most {limit:,} rows. Import it in parts.",
        limit=settings.IMPORT_ROW_LIMIT,
    )


def require_size(columns: Sequence[str], rows: int) -> None:
    """Raise InvalidInput for a table that is too large to build."""
    if len(columns) > COLUMNS_LIMIT:
        raise InvalidInput(
            "too_many_columns",
            "The records have {count:,} names of columns; at most {limit:,} go. Look at an export "
            "for them.",
            count=len(columns),
            limit=COLUMNS_LIMIT,
        )
    if rows * len(columns) > CELLS_LIMIT and rows > settings.IMPORT_ROW_LIMIT:
        raise too_many_rows()


def table(rows: list[list[str]]) -> Dataset:
    """Return rows as a dataset, whose headers are the first row. Short rows are padded.

    A column without a name is dropped; it must be empty. Raises InvalidInput.
    """
    if not rows:
        return Dataset(headers=[])
    headers = rows[0]
    _require_plain_headers(headers)
    named = [place for place, name in enumerate(headers) if not is_blank(name)]
    _require_no_others(rows, set(named))
    width = len(headers)
    if len(named) == width:
        filled = [row + [""] * (width - len(row)) for row in rows]
    else:
        filled = [[row[place] if place < len(row) else "" for place in named] for row in rows]
    return Dataset(*([row[:width] for row in filled[1:]]), headers=filled[0])


def _require_plain_headers(headers: list[str]) -> None:
    for place, name in enumerate(headers):
        if isinstance(name, NotRead):
            raise InvalidInput(
                "unreadable_file", "{cell}: {why}", cell=cell_name(1, place + 1), why=name.why
            )


def _require_no_others(rows: list[list[str]], named: set[int]) -> None:
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            if place not in named and not is_blank(cell):
                raise InvalidInput(
                    "column_without_name",
                    "{cell} has “{content}”, and the column has no name in the first row. Name "
                    "the column, or empty it.",
                    cell=cell_name(number, place + 1),
                    content=cell[:SHOWN],
                )


def cell_name(number: int, column: int) -> Sentence:
    """Where a cell stands, as spreadsheets say it; columns count from 1."""
    return term("Row {number:,}, column {letter}", number=number, letter=get_column_letter(column))
