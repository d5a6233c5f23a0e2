"""Reads and checks the cells of a file's rows, one by one."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from tablib import Dataset

from console.accounts.roles import Role
from console.catalogue.content.bodies import LOCALE
from console.catalogue.content.categories import NAME_LIMIT, is_name
from console.catalogue.content.notices import KEY, RESERVED_KEYS, normal_shortcut, normal_tags
from console.catalogue.content.version_content import BODY, is_said, json_cell
from console.catalogue.content.version_content import MOMENTS as LIMITS
from console.catalogue.models import (
    CATEGORY_DEPTH,
    CATEGORY_SEPARATOR,
    NoticeClass,
    NoticeKind,
    VersionStatus,
    Visibility,
)
from console.catalogue.transfer.columns import (
    CATEGORY,
    COLUMNS,
    LONGEST,
    MOMENTS,
    NOTICE,
    PRESET,
    PROVENANCE,
)
from console.catalogue.transfer.files.tables import NotRead
from console.catalogue.transfer.reports import RowReport
from console.errors import InvalidInput
from console.text.inputs import ALL
from console.text.moments import moment_text, on_clocks, read_iso
from console.text.sentences import Sentence, sentence_of, term
from console.text.visible import is_blank, is_one_line, normal_line

# What spreadsheets write for a failed formula, also into a CSV.
ERRORS = frozenset(
    ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!")
)
UNSTORABLE = term("There is a NUL or half a character in it: take it out.")
# Blanks around these are meaningless, and the services strip them.
NAMES = ("record", "key", "title", "category", "team", "preset", "default_locale")
LINES = ("title", "new_title", "category", "team", "preset", "nickname", "message_type")
# A file without these columns is no export that can be restored.
RESTORED = (
    *("kind", "title", "version", "status", "default_locale", "visibility"),
    *(name for name in PROVENANCE if name != "snippets"),
)


@dataclass(slots=True)
class Row:
    """A row of the file.

    `cells` are in the form of an export, so that they can be compared; `values` are the parsed
    values.
    """

    report: RowReport
    record: str
    key: str
    cells: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.report.number

    @property
    def bodies(self) -> dict[str, str]:
        """Texts by language, without empty ones."""
        return {
            name.removeprefix(BODY): cell
            for name, cell in self.cells.items()
            if cell and name.startswith(BODY)
        }


def read_rows(dataset: Dataset, *, first: int, restore: bool) -> list[Row]:
    """Return all rows except empty ones. Raises InvalidInput for a table that is no catalogue."""
    headers = [str(name).strip() for name in dataset.headers or []]
    _require_columns(headers, restore=restore)
    if len(dataset) > settings.IMPORT_ROW_LIMIT and not restore:
        raise InvalidInput(
            "too_many_rows",
            "The file has {count:,} rows; an import has at most {limit:,}. Import it in parts.",
            count=len(dataset),
            limit=settings.IMPORT_ROW_LIMIT,
        )
    # People may leave out columns; in an export, a missing column is empty.
    empty = dict.fromkeys(COLUMNS, "") if restore else {}
    return [
        _row(number, empty | _said(headers, cells), may_be_errors=restore)
        for number, cells in enumerate(dataset, start=first)
        if any(cells)
    ]


def _said(headers: list[str], cells: Iterable[str | None]) -> dict[str, str]:
    """Return the cells by column, without those that a JSON record lacks."""
    return {name: cell for name, cell in zip(headers, cells, strict=True) if cell is not None}


def _require_columns(headers: list[str], *, restore: bool) -> None:
    if not headers:
        raise InvalidInput("empty_file", "There is nothing in this file. Look at an export.")
    twice = sorted({name for name in headers if headers.count(name) > 1})
    if twice:
        raise InvalidInput(
            "column_twice",
            "These columns stand there twice: {columns}. Keep one.",
            columns=", ".join(twice) or term("(no name)"),
        )
    unknown = [
        name
        for name in headers
        if name not in COLUMNS
        and not (name.startswith(BODY) and LOCALE.fullmatch(name.removeprefix(BODY)))
    ]
    if unknown:
        raise InvalidInput(
            "unknown_column",
            "There are no columns named {columns}. Texts stand in columns such as body:en; an "
            "export has all the names.",
            {"columns": unknown[:100]},
            columns=[repr(name[:40]) for name in unknown[:10]],
        )
    needed = ("key", *(RESTORED if restore else ()))
    missing = [name for name in needed if name not in headers]
    if missing:
        raise InvalidInput(
            "column_missing",
            "These columns are missing: {missing}. {why}",
            {"columns": missing},
            missing=missing,
            why=term(
                "Only a whole export can be restored; what people have written is imported as "
                "somebody's drafts (--as)."
            )
            if restore
            else term("A notice is known by its key."),
        )


def _row(number: int, cells: dict[str, str], *, may_be_errors: bool) -> Row:
    unread = _without_value(cells, may_be_errors)
    cells |= dict.fromkeys(unread, "")
    cells |= {name: cells[name].strip() for name in NAMES if name in cells}
    # A cell without anything visible is empty, in any column.
    cells |= dict.fromkeys((name for name, cell in cells.items() if is_blank(cell)), "")
    record = cells.get("record", "") or NOTICE
    key = cells.get("key", "")
    name = cells.get(record, "") if record in (PRESET, CATEGORY) else key
    row = Row(RowReport(number, name), record, key, cells)
    report = row.report
    for column, why in unread.items():
        report.refuse(column, why)
    if record not in (PRESET, CATEGORY, NOTICE):
        report.refuse(
            "record",
            term(
                "A record is a {notice}, {category} or {preset}; {record!r} is none of these.",
                notice=NOTICE,
                category=CATEGORY,
                preset=PRESET,
                record=record[:40],
            ),
        )
    _read_cells(row)
    _check_name(row, has_key="key" not in unread)
    return row


def _read_cells(row: Row) -> None:
    for column, cell in row.cells.items():
        if "\0" in cell or not _is_encodable(cell):
            row.report.refuse(column, UNSTORABLE)
        elif column in LINES and not is_one_line(cell):
            row.report.refuse(column, term("It stands on one line: take the line breaks out."))
        elif len(cell) > LONGEST.get(column, len(cell)):
            row.report.refuse(
                column,
                term(
                    "It has at most {limit} characters: shorten it.",
                    limit=LONGEST[column],
                ),
            )
        elif cell and column in READERS:
            _read(row, column, cell)


def _check_name(row: Row, *, has_key: bool) -> None:
    """The key of a notice, or the name of a preset; `has_key` where its cell could be read."""
    report = row.report
    if row.record == NOTICE and not row.key and has_key:
        report.refuse("key", term("This row has no key: write the key of its notice there."))
    elif row.record == NOTICE and not (KEY.fullmatch(row.key) and len(row.key) <= 100):
        report.refuse(
            "key",
            term("Use small letters, digits and hyphens for the key, for example late-delivery."),
        )
    if row.record == NOTICE and row.key in RESERVED_KEYS:
        report.refuse(
            "key", term("No notice can be called {key}: choose another key.", key=row.key)
        )
    if row.record == PRESET and not report.name:
        report.refuse("preset", term("Give the preset a name."))


def _without_value(cells: dict[str, str], may_be_errors: bool) -> dict[str, Sentence]:
    """Return the columns whose cells have no readable value, each with the reason."""
    found = {column: cell.why for column, cell in cells.items() if isinstance(cell, NotRead)}
    if may_be_errors:
        return found
    return found | {
        column: term("The spreadsheet had an error here, {cell}. Mend it there.", cell=cell)
        for column, cell in cells.items()
        if cell in ERRORS and column not in found
    }


def _read(row: Row, column: str, cell: str) -> None:
    """Parse a cell, and store both its value and the text that an export would have."""
    try:
        value, text = READERS[column](cell.strip())
    except ValueError as error:
        row.report.refuse(column, sentence_of(error))
    else:
        row.values[column], row.cells[column] = value, text


def _moment(cell: str) -> tuple[datetime, str]:
    moment = read_iso(cell)
    if not isinstance(moment, datetime):
        raise ValueError(
            term(
                "{cell!r} is no time: write for example 2026-03-01T09:00:00+01:00.", cell=cell[:40]
            )
        )
    if moment.tzinfo is None:
        zone: Any = timezone.get_default_timezone()
        try:
            moment = on_clocks(moment, zone, field="")
        except InvalidInput as error:
            raise ValueError(error.said) from error
    try:
        return moment, moment_text(moment)
    except OverflowError as error:
        raise ValueError(term("{cell!r} is out of the calendar.", cell=cell[:40])) from error


def _limit(cell: str) -> tuple[datetime | None, str]:
    """Read a start or end of validity; a star means none."""
    return (None, "") if cell == ALL else _moment(cell)


# Whole numbers as some spreadsheets write them: 1.0, 1,00.
_WHOLE = re.compile(r"([0-9]{1,10})[.,]0{1,15}")


def _whole(cell: str) -> tuple[int, str]:
    if found := _WHOLE.fullmatch(cell):
        cell = found[1]
    if not (cell.isascii() and cell.isdecimal() and 0 < int(cell[:10]) < 2**31 and len(cell) < 11):
        raise ValueError(
            term("{cell!r} is no number of a version: they count from 1.", cell=cell[:40])
        )
    return int(cell), str(int(cell))


def _one_of(choices: Iterable[str]) -> Callable[[str], tuple[str, str]]:
    known = list(choices)

    def read(cell: str) -> tuple[str, str]:
        if cell not in known:
            raise ValueError(
                term("{cell!r} is not known here: choose {known}.", cell=cell[:40], known=known)
            )
        return cell, cell

    return read


def _notice_class(cell: str) -> tuple[str, str]:
    """Read a class. In an export the cell of a routine notice is empty."""
    value, text = _one_of(NoticeClass.values)(cell)
    return value, text if is_said("notice_class", value) else ""


def _roles(cell: str) -> tuple[list[str], str]:
    roles = [] if cell == ALL else sorted(set(cell.split()))
    unknown = [role for role in roles if role not in Role.values]
    if unknown:
        raise ValueError(
            term(
                "{unknown}: no such role; use {known}, or {all} for everybody.",
                unknown=", ".join(unknown)[:80],
                known=Role.values,
                all=ALL,
            )
        )
    return roles, " ".join(roles)


def _json_of(kind: type) -> Callable[[str], tuple[Any, str]]:
    def read(cell: str) -> tuple[Any, str]:
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, kind):
            raise ValueError(
                term("This is not the JSON that an export has here. Copy it from one.")
            )
        text = json_cell(value)
        # In JSON text a NUL is still escaped; a literal backslash is doubled.
        if "\\u0000" in text.replace(r"\\", "") or not _is_encodable(text):
            raise ValueError(UNSTORABLE)
        return value, text

    return read


def _pins(cell: str) -> tuple[dict[str, int], str]:
    """Read the version numbers of snippets by key."""
    value, text = _json_of(dict)(cell)
    value = {key: _as_whole(number) for key, number in value.items()}
    text = json_cell(value)
    for key, number in value.items():
        if not KEY.fullmatch(key) or type(number) is not int or not 0 < number < 2**31:
            raise ValueError(
                term('Write the snippets as an export has them, for example {"greeting": 2}.')
            )
    return value, text


def _as_whole(number: Any) -> Any:
    """Return 2 for 2.0, since some JSON libraries write all numbers as floats."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _tags(cell: str) -> tuple[list[str], str]:
    try:
        tags = normal_tags([cell])
    except InvalidInput as error:
        raise ValueError(error.said) from error
    return tags, ", ".join(tags)


def _shortcut(cell: str) -> tuple[str, str]:
    try:
        word = normal_shortcut(cell)
    except InvalidInput as error:
        raise ValueError(error.said) from error
    return word, word


def _category(cell: str) -> tuple[list[str], str]:
    names = [normal_line(name) for name in cell.split(CATEGORY_SEPARATOR)]
    fit = all(0 < len(name) <= NAME_LIMIT for name in names)
    if len(names) > CATEGORY_DEPTH or not fit or not all(map(is_name, names)):
        raise ValueError(
            term(
                'A category is at most {limit} names of at most {length} characters, with " / " '
                "between them.",
                limit=CATEGORY_DEPTH,
                length=NAME_LIMIT,
            )
        )
    return names, CATEGORY_SEPARATOR.join(names)


READERS: Mapping[str, Callable[[str], tuple[Any, str]]] = {
    **dict.fromkeys(MOMENTS, _moment),
    **dict.fromkeys(LIMITS, _limit),
    "version": _whole,
    "kind": _one_of(NoticeKind.values),
    "status": _one_of(VersionStatus.values),
    "visibility": _one_of(Visibility.values),
    "notice_class": _notice_class,
    "roles": _roles,
    "tags": _tags,
    "fields": _json_of(list),
    "snippets": _pins,
    "shortcut": _shortcut,
    "category": _category,
}


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
