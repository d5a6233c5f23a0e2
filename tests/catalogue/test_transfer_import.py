"""What a person's import does: drafts of theirs, row by row, all of it or nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from console.accounts.models import Team, User
from console.actors import Actor, system_actor
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus, VisibilityPreset
from console.catalogue.transfer.catalogue_export_record import catalogue_export
from console.catalogue.transfer.importing import catalogue_import, catalogue_restore
from console.errors import ConsoleError, PermissionRefused
from tests.support.entries import without_rows
from tests.support.every_table import everything
from tests.support.preset_proposals import approve_seen

pytestmark = pytest.mark.django_db

ROOT = system_actor("tests")


def imported(actor: Actor, text: str, name: str = "texts.csv", **options: Any) -> Any:
    return catalogue_import(actor, file_name=name, content=text.encode(), **options)


def outcomes(plan: Any) -> list[tuple[int, str, list[tuple[str, str]]]]:
    return [
        (row.number, row.outcome.name, [(each.column, each.message) for each in row.refusals])
        for row in plan.rows
    ]


NEW = "key,kind,title,body:en,body:pt-BR\nlate,message,Late,It is late.,Atrasado.\n"


def test_new_texts_become_drafts_that_another_approves(
    editor: User, approver: User, make_user: Callable[..., User]
) -> None:
    both = make_user("bo", "editor", "approver").to_actor()

    plan = imported(both, NEW)

    assert outcomes(plan) == [(2, "CREATED", [])]
    version = NoticeVersion.objects.get()
    assert (version.status, version.author_ref) == ("draft", both.ref)
    assert version.bodies == {"en": "It is late.", "pt-BR": "Atrasado."}
    assert version.change_note == "Imported from texts.csv"
    version_submit(both, version)
    with pytest.raises(PermissionRefused, match="their own version"):
        version_approve(both, version)
    version_approve(approver.to_actor(), version)
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    wanted = ["notice.created", "version.created", "catalogue.imported"]
    assert [each for each in actions if each in wanted] == wanted


def test_published_words_of_a_file_are_no_more_than_a_draft(
    editor: User, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Old", key="late")
    content, _rows = catalogue_export(ROOT, file_name="all.json")

    changed = content.replace(b'"Old"', b'"New"').replace(b'"late"', b'"later"')
    plan = catalogue_import(editor.to_actor(), file_name="all.json", content=changed)

    assert [row.outcome.name for row in plan.rows][-1] == "CREATED"
    version = NoticeVersion.objects.get(notice__key="later")
    assert (version.status, version.reviewer_ref) == ("draft", "")
    with pytest.raises(PermissionRefused):
        catalogue_restore(editor.to_actor(), file_name="all.json", content=changed)


def test_a_dry_run_changes_nothing(editor: User) -> None:
    actor = editor.to_actor()
    before = everything()

    plan = imported(actor, NEW, dry_run=True)

    assert outcomes(plan) == [(2, "CREATED", [])]
    assert everything() == before


def test_a_second_import_changes_nothing(editor: User) -> None:
    imported(editor.to_actor(), NEW)
    before = everything()

    plan = imported(editor.to_actor(), NEW)

    assert outcomes(plan) == [(2, "UNCHANGED", [])]
    assert everything() == before


def test_a_translators_file_adds_a_language_and_leaves_the_rest(
    editor: User, make_notice: Callable[..., NoticeVersion]
) -> None:
    old = make_notice("It is late.", key="late", message_type="text/plain", nickname="Desk")

    plan = imported(editor.to_actor(), "key;body:de\nlate;Es ist spät.\n")

    (row,) = plan.rows
    changes = {each.column: (each.before, each.after) for each in row.changes}
    assert changes == {
        "body:de": ("", "Es ist spät."),
        "change_note": ("", "Imported from texts.csv"),
    }
    draft = NoticeVersion.objects.get(notice=old.notice, number=2)
    assert draft.bodies == {"en": "It is late.", "de": "Es ist spät."}
    assert (draft.message_type, draft.nickname) == ("text/plain", "Desk")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key;body:nb\nlate;Ny\n", {"en": "It is late.", "no": "Ny"}),
        ("key;body:no;body:nb\nlate;Ny;\n", {"en": "It is late.", "no": "Ny"}),
        ("key;body:de;body:nb\nlate;Neu;\n", {"en": "It is late.", "no": "Gammel", "de": "Neu"}),
        ("key;body:nb;body:nob\nlate;Ny;Nyere\n", None),
        ("key;body:no;body:nb\nlate;Ny;Nyere\n", None),
    ],
)
def test_a_language_goes_on_under_the_tag_that_it_has(
    editor: User, make_notice: Callable[..., NoticeVersion], text: str, expected: Any
) -> None:
    make_notice("It is late.", key="late", bodies={"en": "It is late.", "no": "Gammel"})

    plan = imported(editor.to_actor(), text)

    if expected is None:
        assert [row.outcome.name for row in plan.rows] == ["REFUSED"]
        assert "mean the same" in plan.rows[0].refusals[0].message
    else:
        assert NoticeVersion.objects.get(number=2).bodies == expected


def test_own_drafts_are_gone_on_with_and_others_are_not_touched(
    editor: User, make_user: Callable[..., User]
) -> None:
    imported(editor.to_actor(), NEW)
    newer = NEW.replace("It is late.", "It will be late.")
    assert outcomes(imported(editor.to_actor(), newer)) == [(2, "CHANGED", [])]
    assert NoticeVersion.objects.get().bodies["en"] == "It will be late."

    colleague = make_user("cora", "editor").to_actor()
    plan = imported(colleague, NEW)

    assert outcomes(plan)[0][1] == "REFUSED"
    assert "Version 1 by Eddy is not decided yet" in outcomes(plan)[0][2][0][1]
    assert NoticeVersion.objects.get().bodies["en"] == "It will be late."


def test_a_draft_whose_author_is_not_here_can_be_taken_over(editor: User) -> None:
    absent = Actor("user:gone", "Gone", ROOT.permissions)
    imported(absent, NEW)
    content, _rows = catalogue_export(ROOT, file_name="all.json")
    NoticeVersion.objects.all().delete()
    CannedNotice.objects.all().delete()
    catalogue_restore(ROOT, file_name="all.json", content=content)
    assert NoticeVersion.objects.get().author_ref == "imported:user:gone"

    plan = imported(editor.to_actor(), NEW.replace("It is", "It's"))

    assert outcomes(plan) == [(2, "CHANGED", [])]
    version = NoticeVersion.objects.get()
    assert (version.number, version.author_ref) == (1, editor.to_actor().ref)


BAD = {
    "late,message,Late,{{ data.x": "body:en",
    "late,message,,Text": "title",
    "late,letter,Late,Text": "kind",
    "Late One,message,Late,Text": "key",
    "import,message,Late,Text": "key",
    "late,message," + "x" * 201 + ",Text": "title",
    "late,push_url,Late,javascript:alert(1)": "body:en",
    "late,message,Late,a\0b": "body:en",
}


@pytest.mark.parametrize(("line", "column"), BAD.items(), ids=range(len(BAD)))
def test_what_is_wrong_is_said_and_nothing_is_done(line: str, column: str, editor: User) -> None:
    before = everything()
    good = "good,message,Good,Text"

    plan = imported(editor.to_actor(), f"key,kind,title,body:en\n{good}\n{line}\n")

    assert [(row.number, row.outcome.name) for row in plan.rows] == [(2, "CREATED"), (3, "REFUSED")]
    assert [each.column for each in plan.rows[1].refusals] == [column]
    assert plan.rows[1].refusals[0].message.strip().endswith((".", "?"))
    assert everything() == before


def test_a_row_without_a_key_is_told_that(editor: User) -> None:
    plan = imported(editor.to_actor(), "key,kind,title,body:en\n,message,Late,Text\n")
    (refusal,) = plan.rows[0].refusals
    assert refusal.message == "This row has no key: write the key of its notice there."


def test_refused_notices_can_be_left_out_whole(editor: User) -> None:
    text = (
        "key,kind,title,version,body:en\n"
        "good,message,Good,1,Text\n"
        "bad,message,Bad,1,{% if\n"
        "bad,message,Bad,2,Text\n"
        "worse,message,Worse,one,Text\n"
    )

    plan = imported(editor.to_actor(), text, skip_refused=True)

    assert [row.outcome.name for row in plan.rows] == ["CREATED", "UNCHANGED", "CREATED", "REFUSED"]
    assert set(CannedNotice.objects.values_list("key", flat=True)) == {"good", "bad"}
    assert set(NoticeVersion.objects.values_list("bodies__en", flat=True)) == {"Text"}


def test_the_same_notice_twice_is_refused(editor: User) -> None:
    text = "key,kind,title,body:en\nlate,message,Late,One\nlate,message,Late,Two\n"
    plan = imported(editor.to_actor(), text)
    assert [row.outcome.name for row in plan.rows] == ["REFUSED", "REFUSED"]
    assert not CannedNotice.objects.exists()


UNREADABLE = {
    ("texts.txt", b"key\nx\n"): "unknown_format",
    ("texts.csv", "key,title\nx,Zoë".encode("latin-1")): "not_utf8",
    ("texts.csv", "key\nx".encode("utf-16")): "not_utf8",
    ("texts.csv", b""): "empty_file",
    ("texts.csv", b"title,body:en\nx,y\n"): "column_missing",
    ("texts.csv", b"key,titel,colour\nx,y,z\n"): "unknown_column",
    ("texts.csv", b"key,title,title\nx,y,z\n"): "column_twice",
    ("texts.csv", b'key,title\nx,"y\n'): "unreadable_file",
    ("texts.csv", b'key,title\nx,"y"z\n'): "unreadable_file",
    ("texts.json", b"[1]"): "unreadable_file",
    ("texts.json", b"{"): "unreadable_file",
    ("texts.json", b'{"records": 5}'): "unreadable_file",
    ("texts.json", b'[{"key": "a", "title": ["b"]}]'): "unreadable_file",
    ("texts.xlsx", b"PK\x03\x04 no zip"): "unreadable_file",
    ("texts.xlsx", b"key,title"): "unreadable_file",
}


@pytest.mark.parametrize(("file", "code"), UNREADABLE.items(), ids=range(len(UNREADABLE)))
def test_what_is_no_catalogue_is_refused_as_a_whole(
    file: tuple[str, bytes], code: str, editor: User
) -> None:
    with pytest.raises(ConsoleError) as refused:
        catalogue_import(editor.to_actor(), file_name=file[0], content=file[1])
    assert refused.value.code == code


def test_with_and_without_a_byte_order_mark(editor: User) -> None:
    assert outcomes(imported(editor.to_actor(), "\ufeff" + NEW)) == [(2, "CREATED", [])]


def test_limits(editor: User, settings: Any) -> None:
    settings.IMPORT_ROW_LIMIT = 2
    rows = "".join(f"key-{n},message,T,x\n" for n in range(3))
    with pytest.raises(ConsoleError, match="at most 2"):
        imported(editor.to_actor(), "key,kind,title,body:en\n" + rows)
    settings.IMPORT_LIMIT = 10
    with pytest.raises(ConsoleError, match="at most 10"):
        imported(editor.to_actor(), NEW)


def test_a_bomb_is_not_unpacked(editor: User, settings: Any) -> None:
    import io
    import zipfile

    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 40_000_000)
    settings.IMPORT_LIMIT = 1_000_000
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(ConsoleError, match="Unpacked") as refused:
        catalogue_import(editor.to_actor(), file_name="b.xlsx", content=bomb.getvalue())
    assert refused.value.code == "file_too_large"


def test_teams_are_the_persons_own(make_user: Callable[..., User], team: Team) -> None:
    outside = make_user("ed", "editor").to_actor()
    text = "key,kind,title,team,body:en\na,message,A,Sales,x\nb,message,B,Nobody,x\n"
    plan = imported(outside, text)
    assert [row.refusals[0].column for row in plan.rows] == ["team", "team"]
    notice_create(ROOT, key="theirs", kind="message", title="Theirs", team=team)
    plan = imported(outside, "key,title\ntheirs,Mine\n")
    assert outcomes(plan)[0][1] == "REFUSED"


def test_only_editors_import(approver: User) -> None:
    with pytest.raises(PermissionRefused):
        imported(approver.to_actor(), NEW)


def test_a_record_of_json_says_what_it_has_alone(
    editor: User, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("It is late.", key="late", nickname="Desk")
    records = [
        {"key": "late", "bodies": {"de": "Spät."}},
        {"key": "new-one", "kind": "message", "title": "New", "bodies": {"en": "x"}},
    ]

    plan = imported(editor.to_actor(), json.dumps(records), name="a.json")

    assert outcomes(plan) == [(1, "CHANGED", []), (2, "CREATED", [])]
    draft = NoticeVersion.objects.get(notice__key="late", number=2)
    assert (draft.bodies, draft.nickname) == ({"en": "It is late.", "de": "Spät."}, "Desk")


def test_presets_come_with_it(editor: User) -> None:
    text = (
        "record,key,kind,title,preset,visibility,nickname,roles,body:en\n"
        "preset,,,,Desk,INT,Help,editor approver,\n"
        ",late,message,Late,Desk,,,,Text\n"
        ",later,message,Later,Nowhere,,,,Text\n"
    )
    plan = imported(editor.to_actor(), text, skip_refused=True)
    # A preset, too, is only proposed, and holds when somebody else has approved it.
    assert [row.outcome.name for row in plan.rows] == ["CREATED", "REFUSED", "REFUSED"]
    preset = VisibilityPreset.objects.get(name="Desk")
    assert sorted(preset.roles) == ["approver", "editor"]
    assert not preset.is_approved
    plan = imported(editor.to_actor(), text, skip_refused=True)
    assert [row.outcome.name for row in plan.rows] == ["UNCHANGED", "REFUSED", "REFUSED"]
    approve_seen(ROOT, preset)
    plan = imported(editor.to_actor(), text, skip_refused=True)
    assert [row.outcome.name for row in plan.rows] == ["UNCHANGED", "CREATED", "REFUSED"]
    version = NoticeVersion.objects.get()
    assert (version.preset, version.visibility, version.nickname) == (preset, "INT", "Help")
    opened = imported(editor.to_actor(), "record,key,preset,roles\npreset,,Desk,\n")
    assert outcomes(opened) == [
        (2, "REFUSED", [("roles", "Say who may use it: some roles, or * for everybody.")])
    ]
    said = imported(editor.to_actor(), "record,key,preset,roles\npreset,,Desk,*\n")
    assert [row.outcome.name for row in said.rows] == ["CHANGED"]


def test_restoring_refuses_what_no_export_has(make_notice: Callable[..., NoticeVersion]) -> None:
    make_notice("Text", key="late")
    content = json.loads(catalogue_export(ROOT, file_name="a.json")[0])
    record = next(each for each in content["records"] if each["record"] == "notice")

    def refusals(**changes: Any) -> list[str]:
        changed = {**record, **changes}
        body = json.dumps(
            {**content, "records": [{k: v for k, v in changed.items() if v is not None}]}
        )
        plan = catalogue_restore(ROOT, file_name="a.json", content=body.encode(), dry_run=True)
        return [each.column for row in plan.rows for each in row.refusals]

    assert refusals() == []
    assert refusals(key="other") == []
    assert refusals(key="other", reviewer=record["author"]) == ["reviewer"]
    assert refusals(key="other", reviewer=None) == ["reviewer"]
    assert refusals(key="other", status="draft")[:1] == ["reviewer"]
    assert refusals(key="other", author=None) == ["author"]
    assert refusals(key="other", created_at="yesterday") == ["created_at"]
    assert refusals(key="other", bodies={"de": "x"}) == ["body:en"]
    assert refusals(bodies={"en": "Other words"}) == ["body:en"]
    # As versions once could have it: what was kept comes back.
    assert refusals(key="other", bodies={"en": "x", "no": "y", "nb": "z"}) == []
    assert refusals(kind="custom") == ["kind"]
    assert refusals(version=2) == ["status"]  # two would be published
    assert refusals(version=0) == ["version"]
    for one in (1.0, "1.0", "1,00", "01"):
        assert refusals(version=one) == [], one
    for none in ("1.", "1.5", "1.01", "0.0", "1.0.0", "99999999999.0"):
        assert refusals(version=none) == ["version"], none


def test_the_command_says_what_it_would_do(
    editor: User, tmp_path: Path, capsys: Any, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("It is late.", key="late")
    path = tmp_path / "texts.csv"
    path.write_text("key,kind,title,body:en\nlate,message,Late,It's late.\nbad,message,,x\n")

    call_command("catalogue_import", str(path), "--as", "eddy", "--dry-run")

    said = capsys.readouterr().out
    assert "row 2: late: changed" in said
    assert "body:en: 'It is late.' → \"It's late.\"" in said
    assert "row 3: bad: refused\n    title: Give the notice a title." in said
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("catalogue_import", str(path), "--as", "eddy")
    call_command("catalogue_import", str(path), "--as", "eddy", "--skip-refused")
    assert NoticeVersion.objects.filter(status=VersionStatus.DRAFT).count() == 1
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("catalogue_import", str(path), "--as", "nobody")
    with pytest.raises(CommandError, match="columns are missing"):
        call_command("catalogue_import", str(path))


def test_an_empty_cell_does_not_take_a_notice_away_from_its_team(editor: User, team: Team) -> None:
    team.members.add(editor)
    notice_create(ROOT, key="theirs", kind="message", title="Theirs", team=team)
    refused = imported(editor.to_actor(), "key,title,team\ntheirs,Ours,\n")
    assert [each.message for each in refused.rows[0].refusals] == [
        "The notice is the team Sales's own: write that, or * for all teams."
    ]
    said = imported(editor.to_actor(), "key,title,team\ntheirs,Ours,*\n")
    changes = [(each.column, each.before, each.after) for each in said.rows[0].changes]
    assert ("team", "Sales", "") in changes


def test_the_ledger_says_the_same_of_a_version_from_a_file_and_from_a_page(editor: User) -> None:
    file = (
        'key,kind,title,body:en,fields\nlate,message,Late,{{ field.day }},"[{""name"": ""day""}]"\n'
    )
    imported(editor.to_actor(), file)
    version = NoticeVersion.objects.get()
    notice = notice_create(editor.to_actor(), key="late-2", kind="message", title="Late")
    version_create(editor.to_actor(), notice, VersionContent.of(version))

    of_file, of_page = AuditEntry.objects.filter(action="version.created").order_by("seq")
    source = {"file", "sha256"}
    of_both = {name: it for name, it in without_rows(of_file).items() if name not in source}
    assert without_rows(of_page) == of_both
    assert of_page.data["fields"][0]["name"] == "day"
    assert (of_page.data["status"], of_page.data["reject_reason"]) == ("draft", "")
