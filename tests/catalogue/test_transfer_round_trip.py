"""Out of one installation and into another, and not a byte is different."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tablib import Dataset

from console.accounts.models import User
from console.accounts.services import team_create
from console.actors import Actor, system_actor
from console.audit.models import AuditEntry
from console.catalogue.content.categories import category_create
from console.catalogue.content.notices import notice_create, notice_retire
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
)
from console.catalogue.models import (
    CannedNotice,
    Category,
    NoticeVersion,
    NoticeWords,
    VersionStatus,
    VisibilityPreset,
)
from console.catalogue.review.presets import preset_create
from console.catalogue.transfer.catalogue_export_record import catalogue_export
from console.catalogue.transfer.columns import COLUMNS
from console.catalogue.transfer.files.formats import FORMATS
from console.catalogue.transfer.importing import catalogue_import, catalogue_restore
from console.errors import InvalidInput
from tests.support.preset_proposals import approve_seen
from tests.support.shared_world import shared_world

pytestmark = pytest.mark.django_db

ROOT = system_actor("tests")
AUTHOR = Actor("user:author", "Author", ROOT.permissions)
REVIEWER = Actor("user:reviewer", "Reviewer", ROOT.permissions)
HARD = {
    "quotes": "She said \"no\", it's 'fine', isn’t it?",
    "newlines": "one\ntwo\r\nthree\rfour\n\n",
    "emoji": "👩‍👩‍👧‍👦 \U0001f600 é e\u0301",
    "rtl": 'مرحبا {{ data.FirstName | default: "ضيف" }} \u200f!',
    "formula": '=HYPERLINK("http://example.com")',
    "plus": "+49 30 1234",
    "quoted-formula": "'=1+1",
    "at": "  @sum(A1)",
    "tab": "\tindented\tby tabs",
    "blanks": "  leading and trailing  ",
    "vertical": "a\x0bb\x0cc\x1b[0m",
    "xml": "<b>&amp;</b> _x000D_ _x005F_",
    "semicolons": "a;b,c;d",
    "null-words": "NULL",
    "number": "007",
    "liquid": "{% if data.x %}{{ data.x | upcase }}{% else %}-{% endif %} {} {{ '}' }}",
    "long": "word " * 800,
}


def publish(key: str, bodies: dict[str, str], *, kind: str = "message", **content: Any) -> Any:
    notice = CannedNotice.objects.filter(key=key).first() or notice_create(
        AUTHOR, key=key, kind=kind, title=f'=Title, "{key}"', category="Deliveries; late"
    )
    version = version_create(
        AUTHOR, notice, VersionContent(default_locale="en", bodies=bodies, **content)
    )
    version_submit(AUTHOR, version)
    return version_approve(REVIEWER, version)


def publish_with_snippets() -> None:
    """A notice that has the first version of a snippet with another in it, and asks its sender."""
    publish("signature", {"en": "Ann", "pt-BR": "Ana"}, kind="snippet")
    publish("closing", {"en": "Yours, {% snippet 'signature' %}"}, kind="snippet")
    publish(
        "asks",
        {"en": "{{ field.new_date }}. {% snippet 'closing' %}"},
        fields=[
            {"name": "new_date", "type": "date", "label": "New date", "required": True},
            {"name": "why", "type": "choice", "choices": ["late", "lost"]},
        ],
    )
    publish("closing", {"en": "Bye, {% snippet 'signature' %}"}, kind="snippet")


def make_full() -> None:
    """A catalogue with all that there can be in one."""
    publish_with_snippets()
    for key, text in HARD.items():
        publish(key, {"en": text, "pt-BR": f"{text} (pt)", "ar": f"{text} (ar)"})
    publish("page", {"en": "https://example.com/{{ data.Order }}?a=1&b=2"}, kind="push_url")
    staff = VisibilityPreset.objects.get(name="Staff only")
    desk = preset_create(AUTHOR, name="Desk", visibility="INT", nickname="Help", roles=["editor"])
    approve_seen(REVIEWER, desk)
    preset_create(AUTHOR, name="Proposed", visibility="VIP")
    zone = timezone(timedelta(hours=5, minutes=45))
    publish(
        "blanks",
        {"en": "second", "zh-Hant-TW": "第二"},
        preset=staff,
        nickname="-Desk",
        message_type="text/plain",
        valid_from=datetime(2026, 1, 1, 9, 30, 0, 123456, zone),
        valid_until=datetime(2027, 1, 1, tzinfo=UTC),
        change_note="=why\nand how",
    )
    rejected = version_create(
        AUTHOR,
        CannedNotice.objects.get(key="emoji"),
        VersionContent(default_locale="en", bodies={"en": "No"}),
    )
    version_submit(AUTHOR, rejected)
    version_reject(REVIEWER, rejected, reason="@Too short")
    waiting = version_create(
        AUTHOR,
        CannedNotice.objects.get(key="emoji"),
        VersionContent(default_locale="en", bodies={"en": "Yes"}),
    )
    version_submit(AUTHOR, waiting)
    version_create(
        AUTHOR,
        CannedNotice.objects.get(key="plus"),
        VersionContent(default_locale="en", bodies={"en": "Draft"}),
    )
    sales = team_create(ROOT, name="Sales")
    top = category_create(ROOT, name="Sales", team=sales)
    category_create(ROOT, name="Spring", parent=top)
    notice_create(
        ROOT,
        key="wordless",
        kind="custom",
        title="No words",
        team=sales,
        category="Sales / Spring",
        tags=["late", "two words"],
        shortcut="/none",
    )
    later = publish("later", {"en": "Later"}, valid_from=datetime(2099, 1, 1, tzinfo=UTC))
    assert later.status == VersionStatus.SCHEDULED
    notice_retire(ROOT, CannedNotice.objects.get(key="tab"))


full = shared_world("full", make_full)


def empty() -> None:
    """As in a new installation: what the database keeps goes only without its triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE catalogue_noticeversion DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM catalogue_noticewords")
        cursor.execute("DELETE FROM catalogue_favourite")
        cursor.execute("DELETE FROM catalogue_presetchange")
        for table in ("noticeversion", "cannednotice", "category", "visibilitypreset"):
            cursor.execute(f"DELETE FROM catalogue_{table}")
        cursor.execute("DELETE FROM accounts_team")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE catalogue_noticeversion ENABLE TRIGGER USER")


def exported(ending: str) -> bytes:
    return catalogue_export(ROOT, file_name=f"all.{ending}")[0]


def restore(content: bytes, ending: str, **options: Any) -> Any:
    return catalogue_restore(ROOT, file_name=f"all.{ending}", content=content, **options)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_catalogue_comes_back_as_it_went(ending: str, full: None) -> None:
    before = exported(ending)
    rows = set(NoticeVersion.objects.values_list("notice__key", "number", "status", "created_at"))
    texts = {v.notice.key: v.bodies["en"] for v in NoticeVersion.objects.filter(number=1)}
    assert texts.items() >= {**HARD, "later": "Later"}.items()
    empty()

    plan = restore(before, ending)

    assert [row.to_json() for row in plan.rows if row.refusals] == []
    assert exported(ending) == before
    assert NoticeWords.objects.count() == CannedNotice.objects.count()
    assert Category.objects.get(name="Spring").parent == Category.objects.get(name="Sales")
    assert VisibilityPreset.objects.get(name="Desk").is_approved
    asks = NoticeVersion.objects.get(notice__key="asks")
    assert [field["name"] for field in asks.fields] == ["new_date", "why"]
    assert asks.snippets == {"closing": 1}
    found = NoticeVersion.objects.values_list("notice__key", "number", "status", "created_at")
    assert set(found) == rows
    assert {v.notice.key: v.bodies["en"] for v in NoticeVersion.objects.filter(number=1)} == texts


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_catalogue_is_the_same_file(ending: str, full: None) -> None:
    assert exported(ending) == exported(ending)


def test_the_forms_say_the_same(full: None) -> None:
    tables = [FORMATS[ending]().create_dataset(exported(ending)) for ending in FORMATS]
    assert len(tables) == 3
    assert tables[0].headers == tables[1].headers == tables[2].headers
    assert list(tables[0]) == list(tables[1]) == list(tables[2])


def test_nothing_in_a_spreadsheet_is_a_formula(full: None) -> None:
    assert b'"=' not in exported("csv")
    import io

    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(exported("xlsx")))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert not [cell.value for cell in cells if str(cell.value or "").startswith("=")]


def test_who_has_reviewed_is_kept_with_a_proof(full: None) -> None:
    before = exported("json")
    empty()
    restore(before, "json")

    version = NoticeVersion.objects.get(notice__key="quotes")
    assert (version.author_ref, version.author_name) == ("imported:user:author", "Author")
    assert (version.reviewer_ref, version.reviewer_name) == ("imported:user:reviewer", "Reviewer")
    entry = AuditEntry.objects.get(action="notice.imported", target_ref="quotes")
    said = json.loads(entry.data) if isinstance(entry.data, str) else entry.data
    assert said["file"] == "all.json"
    assert said["versions"]["1"]["reviewer_name"] == "Reviewer"
    assert len(said["versions"]["1"]["digest"]) == 64


def test_a_second_import_changes_nothing(full: None) -> None:
    before = exported("csv")
    entries = AuditEntry.objects.count()

    plan = restore(before, "csv")

    assert {row.outcome.name for row in plan.rows} == {"UNCHANGED"}
    assert AuditEntry.objects.count() == entries


def test_a_person_with_an_account_here_is_the_author_here(full: None, editor: User) -> None:
    notice = notice_create(editor.to_actor(), key="mine", kind="message", title="Mine")
    version = version_create(
        editor.to_actor(), notice, VersionContent(default_locale="en", bodies={"en": "Mine"})
    )
    version_submit(editor.to_actor(), version)
    before = exported("json")
    assert b'"author": "eddy"' in before
    empty()
    restore(before, "json")

    # So nobody approves here what they wrote there.
    assert NoticeVersion.objects.get(notice__key="mine").author_ref == f"user:{editor.pk}"
    assert exported("json") == before


def test_versions_go_on_from_stage_to_production(full: None) -> None:
    first = exported("json")
    publish("quotes", {"en": "Newer"})
    waiting = NoticeVersion.objects.get(notice__key="emoji", status=VersionStatus.IN_REVIEW)
    version_approve(REVIEWER, waiting)
    second = exported("json")
    empty()
    restore(first, "json")

    plan = restore(second, "json")

    assert not plan.is_refused
    assert exported("json") == second
    outcomes = [row.outcome.name for row in plan.rows if row.name == "quotes"]
    assert outcomes == ["CHANGED", "CREATED"]


def test_commands_go_by_the_ending(full: None, tmp_path: Path, capsys: Any) -> None:
    for ending in FORMATS:
        path = tmp_path / f"stage.{ending}"
        call_command("catalogue_export", str(path))
        call_command("catalogue_import", str(path))
        assert "0 created, 0 changed" in capsys.readouterr().out
    with pytest.raises(CommandError, match="there already"):
        call_command("catalogue_export", str(path))
    with pytest.raises(CommandError, match=r"none of \.csv"):
        call_command("catalogue_export", str(tmp_path / "stage.ods"))


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
) | st.from_regex(r"['=+@\- _x0-9A-F\r\n\t]{1,12}", fullmatch=True)


@pytest.mark.parametrize("ending", FORMATS)
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(TEXTS, min_size=2, max_size=4))
def test_any_text_comes_back(ending: str, texts: list[str]) -> None:
    names = ["record", "key", "title", "change_note"][: len(texts)]
    form = FORMATS[ending]()
    content = form.export_data(Dataset(texts, headers=names))
    back = form.create_dataset(content)
    assert (back.headers, list(back)) == (names, [tuple(texts)])


def test_the_small_world_is_what_it_says(full: None) -> None:
    statuses = set(NoticeVersion.objects.values_list("status", flat=True))
    assert statuses == set(VersionStatus.values)
    assert Category.objects.exists()


def test_an_operator_restores_what_is_too_large_to_hand_in(full: None, settings: Any) -> None:
    before = exported("json")
    empty()
    settings.IMPORT_LIMIT = settings.IMPORT_ROW_LIMIT = 5

    with pytest.raises(InvalidInput, match="at most 5 go"):
        catalogue_import(AUTHOR, file_name="all.json", content=before)
    restore(before, "json")

    assert exported("json") == before


def test_a_preset_that_waits_here_is_decided_first(full: None) -> None:
    before = exported("json")
    empty()
    preset_create(AUTHOR, name="Desk", visibility="VIP")

    plan = restore(before, "json")

    refused = {row.name: row.refusals[0].message for row in plan.rows if row.refusals}
    assert "not decided yet" in refused["Desk"]
    assert not CannedNotice.objects.exists()


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("key", "record")])
def test_a_column_that_is_empty_and_without_others_is_no_crash(column: str, editor: User) -> None:
    """A new notice by its key, its text and one more column, with nothing in that."""
    cells = {"key": "new-one", "kind": "message", "title": "New", "body:en": "Hello"} | {column: ""}
    content = f"{','.join(cells)}\n{','.join(cells.values())}\n".encode()
    plan = catalogue_import(editor.to_actor(), file_name="a.csv", content=content, dry_run=True)
    (row,) = plan.rows
    is_needed = column in ("kind", "title")
    assert [refusal.column for refusal in row.refusals] == [column] * is_needed


@pytest.mark.parametrize("column", ["valid_from", "valid_until"])
def test_an_empty_cell_takes_no_time_away(column: str, editor: User) -> None:
    at = datetime(2027, 3, 4, 9, 10, tzinfo=UTC)
    changes: dict[str, Any] = {column: at}
    publish("late", {"en": "Late"}, **changes)

    def plan(cell: str) -> Any:
        content = f"key,{column}\nlate,{cell}\n".encode()
        actor = editor.to_actor()
        return catalogue_import(actor, file_name="a.csv", content=content, dry_run=True).rows[0]

    assert [refusal.column for refusal in plan("").refusals] == [column]
    assert plan(at.isoformat()).outcome.name == "UNCHANGED"
    taken = plan("*")
    assert not taken.refusals
    assert {change.column: change.after for change in taken.changes}[column] == ""
