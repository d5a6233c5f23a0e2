"""Files that are made to harm, and such as people make by mistake: nothing of them is stored, and
what is wrong is named by its row and column."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import User
from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.transfer.files import tables
from console.catalogue.transfer.files.tables import COLUMNS_LIMIT
from console.catalogue.transfer.importing import catalogue_import
from console.errors import ConsoleError
from tests.catalogue.hostile import HEADERS, entities, row, sheet, text, workbook
from tests.support.growth import seconds

pytestmark = pytest.mark.django_db

GOOD = row("late", "message", "Late", "Text")
BOMB = row("late", "message", "Late", "&f;")
UTF16, UTF32 = "<?xml version='1.0' encoding='UTF-16'?>", "<?xml version='1.0'?>"
LATIN = "<?xml version='1.0' encoding='ISO-8859-1'?>"
STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</sst>'


def cell(number: int, column: str, value: str) -> str:
    return f'<c r="{column}{number}" t="inlineStr"><is><t>{value}</t></is></c>'


HARMFUL: dict[str, tuple[Callable[[], bytes], str]] = {
    "entities": (lambda: workbook(sheet(BOMB, before=entities())), "unreadable_file"),
    "entities behind a long comment": (
        lambda: workbook(sheet(BOMB, before=entities(comment=5000))),
        "unreadable_file",
    ),
    "entities in UTF-16": (
        lambda: workbook(sheet(BOMB, before=entities(says=UTF16)).encode("utf-16")),
        "unreadable_file",
    ),
    "entities in UTF-16 BE": (
        lambda: workbook(("\ufeff" + sheet(BOMB, before=entities())).encode("utf-16-be")),
        "unreadable_file",
    ),
    "entities in UTF-32": (
        lambda: workbook(sheet(BOMB, before=entities(says=UTF32)).encode("utf-32")),
        "unreadable_file",
    ),
    "entities in UTF-8 with a mark": (
        lambda: workbook(("\ufeff" + sheet(BOMB, before=entities(comment=9))).encode()),
        "unreadable_file",
    ),
    "entities in Latin-1": (
        lambda: workbook(sheet(BOMB, before=entities(says=LATIN)).encode("latin-1")),
        "unreadable_file",
    ),
    "entities in another part": (
        lambda: workbook(sheet(GOOD), sharedStrings=entities() + STRINGS.format("<si/>")),
        "unreadable_file",
    ),
    "a document type without entities": (
        lambda: workbook(sheet(GOOD, before="<!DOCTYPE worksheet>")),
        "unreadable_file",
    ),
    "an entity from a file": (
        lambda: workbook(sheet(BOMB, before='<!DOCTYPE x [<!ENTITY f SYSTEM "/etc/passwd">]>')),
        "unreadable_file",
    ),
    "deep": (lambda: workbook(sheet("<a>" * 50_000 + "</a>" * 50_000)), "unreadable_file"),
    "wide": (
        lambda: workbook(sheet(f"<row>{cell(2, 'XFD', 'x')}</row>")),
        "too_many_columns",
    ),
    "many columns": (
        lambda: workbook(sheet(row(*["x"] * (COLUMNS_LIMIT + 1)))),
        "too_many_columns",
    ),
    "far down": (
        lambda: workbook(sheet(f'<row r="1048576">{cell(1_048_576, "A", "x")}</row>')),
        "too_many_rows",
    ),
    "out of order": (
        lambda: workbook(sheet('<row r="9">' + text("x") + "</row>", '<row r="3">' + text("y")
                               + "</row>")),
        "unreadable_file",
    ),
    "a long cell": (
        lambda: workbook(sheet(row("late", "message", "Late", "x" * 32_768))),
        "cell_too_long",
    ),
    "a long text that is shared": (
        lambda: workbook(
            sheet(row("late", "message", "Late", '<c t="s"><v>0</v></c>')),
            sharedStrings=STRINGS.format(f"<si><t>{'x' * 5_000_000}</t></si>"),
        ),
        "cell_too_long",
    ),
    "a text that is in many cells": (
        lambda: workbook(
            sheet(*[row(*['<c t="s"><v>0</v></c>'] * 4)] * 1000),
            sharedStrings=STRINGS.format(f"<si><t>{'x' * 32_000}</t></si>"),
        ),
        "file_too_large",
    ),
    "a shared text that is not there": (
        lambda: workbook(sheet(row('<c t="s"><v>7</v></c>'))),
        "unreadable_file",
    ),
    "a number that is none": (
        lambda: workbook(sheet(row("<c><v>" + "1" * 5000 + "</v></c>"))),
        "unreadable_file",
    ),
    "a date that is none": (
        lambda: workbook(sheet(row('<c t="d"><v>0000-99-99</v></c>'))),
        "unreadable_file",
    ),
    "broken off": (lambda: workbook(sheet(GOOD)[:-20]), "unreadable_file"),
    "a name of a column that is an error": (
        lambda: workbook(sheet(GOOD, headers=(*HEADERS[:3], '<c t="e"><v>#REF!</v></c>'))),
        "unreadable_file",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "code"), HARMFUL.values(), ids=HARMFUL)
def test_a_harmful_file_is_refused_as_a_whole(
    make: Callable[[], bytes], code: str, editor: User, settings: Any
) -> None:
    settings.IMPORT_LIMIT = 10_000_000
    content = make()

    def ask() -> None:
        with pytest.raises(ConsoleError) as refused:
            catalogue_import(editor.to_actor(), file_name="a.xlsx", content=content)
        assert refused.value.code == code

    assert seconds(ask) < 20
    assert not CannedNotice.objects.exists()


def test_a_plain_file_of_the_same_make_is_read(editor: User) -> None:
    for content in (sheet(GOOD), "\ufeff" + sheet(GOOD), sheet(GOOD).encode("utf-16")):
        plan = catalogue_import(editor.to_actor(), file_name="a.xlsx", content=workbook(content))
        assert [row.refusals for row in plan.rows] == [[]]
    assert NoticeVersion.objects.get().bodies == {"en": "Text"}


CELLS = {
    "an error": ('<c t="e"><v>#N/A</v></c>', "an error here, #N/A"),
    "an error of a formula": ('<c t="e"><f>A9</f><v>#REF!</v></c>', "an error here, #REF!"),
    "an error as a text": ("#DIV/0!", "an error here, #DIV/0!"),
    "a formula without a value": ("<c><f>1+1</f></c>", "A formula stands here"),
    "a formula with a wrong type": ('<c t="str"><f>A1</f></c>', "A formula stands here"),
    "nothing": ("<c/>", "Give the notice a text"),
    "nothing to see": ("\u200b", "Give the notice a text"),
    "an empty value of a formula": ('<c t="str"><f>A1</f><v></v></c>', "Give the notice a text"),
}


@pytest.mark.parametrize(("written", "why"), CELLS.values(), ids=CELLS)
def test_a_cell_that_is_no_text_is_named(written: str, why: str, editor: User) -> None:
    content = workbook(sheet(GOOD, row("later", "message", "Later", written)))
    for skip_refused in (False, True):
        plan = catalogue_import(
            editor.to_actor(), file_name="a.xlsx", content=content, skip_refused=skip_refused
        )
        refusal = plan.rows[1].refusals[0]
        assert (plan.rows[1].number, refusal.column) == (3, "body:en")
        assert why in refusal.message
        stored = list(CannedNotice.objects.values_list("key", flat=True))
        assert stored == (["late"] if skip_refused else [])


@pytest.mark.parametrize("column", [1, 3])
def test_an_error_is_named_in_whatever_column(column: int, editor: User) -> None:
    cells = ["late", "message", "Late", "Text"]
    cells[column] = '<c t="e"><v>#NAME?</v></c>'
    content = workbook(sheet(row(*cells)))
    plan = catalogue_import(editor.to_actor(), file_name="a.xlsx", content=content)
    assert plan.rows[0].refusals[0].column == HEADERS[column]
    assert not CannedNotice.objects.exists()


def test_a_formula_with_its_value_is_that_value(editor: User) -> None:
    written = '<c t="str"><f>A1</f><v>Text</v></c>'
    content = workbook(sheet(row("late", "message", "Late", written)))
    catalogue_import(editor.to_actor(), file_name="a.xlsx", content=content)
    assert NoticeVersion.objects.get().bodies == {"en": "Text"}


def test_an_error_in_a_csv_is_named_too(editor: User) -> None:
    content = b"key,kind,title,body:en\nlate,message,Late,#N/A\n"
    plan = catalogue_import(editor.to_actor(), file_name="a.csv", content=content)
    assert [each.column for each in plan.rows[0].refusals] == ["body:en"]
    assert not CannedNotice.objects.exists()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_column_without_a_name_has_to_be_empty(form: str, editor: User) -> None:
    def made(stray: str) -> bytes:
        first = ["late", "message", "Late", "Text", "", " ", "\u00a0"]
        second = ["later", "message", "Later", "Text", "", stray]
        if form == "xlsx":
            return workbook(sheet(row(*first), row(*second), headers=(*HEADERS, "", " ")))
        lines = [[*HEADERS, "", " "], first, second]
        return "\n".join(",".join(line) for line in lines).encode()

    actor, name = editor.to_actor(), f"a.{form}"
    with pytest.raises(ConsoleError, match="Row 3, column F has “x”") as refused:
        catalogue_import(actor, file_name=name, content=made("x"))
    assert refused.value.code == "column_without_name"
    assert not CannedNotice.objects.exists()
    plan = catalogue_import(actor, file_name=name, content=made(" "))
    assert [row.refusals for row in plan.rows] == [[], []]
    assert CannedNotice.objects.count() == 2


def test_csv_and_json_have_the_same_limits(
    editor: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IMPORT_ROW_LIMIT = 3
    many = [{f"name-{n}": "x"} for n in range(COLUMNS_LIMIT + 1)]
    for name, content, code in (
        ("a.csv", b"," * (COLUMNS_LIMIT + 5), "too_many_columns"),
        ("a.csv", b"key\n" * 9, "too_many_rows"),
        ("a.json", json.dumps(many).encode(), "too_many_columns"),
    ):
        with pytest.raises(ConsoleError) as refused:
            catalogue_import(editor.to_actor(), file_name=name, content=content)
        assert refused.value.code == code
    cells = b"key,title,kind,tags\n" + b",,,\n" * 300
    settings.IMPORT_ROW_LIMIT = 1000
    monkeypatch.setattr(tables, "CELLS_LIMIT", 1000)
    with pytest.raises(ConsoleError, match="cells"):
        catalogue_import(editor.to_actor(), file_name="a.csv", content=cells)
