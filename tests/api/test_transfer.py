"""The catalogue by API: out as a file, in as drafts."""

import json
from typing import Any

import pytest

from console.catalogue.models import NoticeVersion
from tests.support.calling import by_token

pytestmark = pytest.mark.django_db

RECORD = {"key": "late", "kind": "message", "title": "Late", "bodies": {"en": "It is late."}}


@pytest.fixture
def call(make_client: Any) -> Any:
    _client, token = make_client("catalogue")
    return by_token(token)


def test_a_dry_run_and_then_the_import(call: Any) -> None:
    status, said = call("POST", "notices/import/", {"records": [RECORD], "dry_run": True})
    assert (status, said["dry_run"], said["created"]) == (200, True, 1)
    assert not NoticeVersion.objects.exists()

    status, said = call("POST", "notices/import/", {"records": [RECORD]})
    assert (status, said["created"], said["rows"][0]["outcome"]) == (200, 1, "created")
    assert NoticeVersion.objects.get().status == "draft"
    status, said = call("POST", "notices/import/", {"records": [RECORD]})
    assert (status, said["created"], said["unchanged"]) == (200, 0, 1)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("bad", ["\\u0000", "\\ud800", "\\\\\\u0000"])
@pytest.mark.parametrize(
    "field",
    [
        '{"name": "a", "label": "x%s"}',
        '{"name": "a%s"}',
        '{"name": "a", "x%s": 1}',
        '{"name": "a", "type": "choice", "choices": ["x%s"]}',
    ],
)
def test_what_can_not_be_kept_is_refused_within_a_cell_too(
    call: Any, field: str, bad: str, dry_run: bool
) -> None:
    record = {**RECORD, "fields": f"[{field % bad}]"}
    status, said = call("POST", "notices/import/", {"records": [record], "dry_run": dry_run})
    rows = said["rows"] if dry_run else said["details"]["rows"]
    assert status == (200 if dry_run else 422)
    (refusal,) = rows[0]["refusals"]
    assert refusal["column"] == "fields"
    assert "There is a NUL or half a character in it" in refusal["message"]


def test_what_looks_like_it_and_is_none_is_kept(call: Any) -> None:
    label = r"C:\u0000 and \ud800 and \ud83d\ude00"
    record = {**RECORD, "fields": json.dumps([{"name": "a", "label": label + "😀"}])}
    status, _said = call("POST", "notices/import/", {"records": [record]})
    assert status == 200
    assert NoticeVersion.objects.get().fields[0]["label"] == label + "😀"


def test_refused_records_refuse_all_or_are_left_out(call: Any) -> None:
    records = [RECORD, {"key": "bad", "kind": "message", "bodies": {"en": "x"}}]
    status, said = call("POST", "notices/import/", {"records": records})
    assert (status, said["code"]) == (422, "rows_refused")
    assert said["details"]["rows"] == [
        {
            "row": 2,
            "name": "bad",
            "refusals": [
                {
                    "column": "title",
                    "code": "invalid_cell",
                    "message": "Give the notice a title.",
                    "params": {"name": "title"},
                }
            ],
        }
    ]
    assert not NoticeVersion.objects.exists()
    status, said = call("POST", "notices/import/", {"records": records, "skip_refused": True})
    assert (status, said["created"], said["refused"]) == (200, 1, 1)


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([5], "unreadable_file"),
        ([{"key": ["late"]}], "unreadable_file"),
        ([{"colour": "red", "key": "late"}], "unknown_column"),
        ([{"title": "x"}], "column_missing"),
        ([], "empty_file"),
    ],
)
def test_what_is_no_record_is_refused(records: Any, code: str, call: Any) -> None:
    status, said = call("POST", "notices/import/", {"records": records})
    assert (status, said["code"]) == (400, code)


@pytest.mark.parametrize("form", ["", "json", "csv", "xlsx"])
def test_exports(form: str, call: Any, make_notice: Any) -> None:
    make_notice(key="hello")
    answer: Any = call.raw("GET", "/api/v1/notices/export/" + (f"?format={form}" if form else ""))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith(f'.{form or "json"}"')
    if form in ("", "json"):
        records = json.loads(answer.content)["records"]
        assert [each["key"] for each in records if each["record"] == "notice"] == ["hello"]


def test_an_export_goes_back_in_unchanged(call: Any, make_notice: Any) -> None:
    make_notice(key="hello")
    document = json.loads(call.raw("GET", "/api/v1/notices/export/").content)
    status, said = call("POST", "notices/import/", document)
    assert (status, said["created"], said["changed"], said["refused"]) == (200, 0, 0, 0)


def test_another_form_is_refused(call: Any) -> None:
    assert call("GET", "notices/export/?format=ods")[0] == 400
