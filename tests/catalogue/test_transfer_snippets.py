"""Snippets and fill-in fields in a catalogue's file: with the words that were reviewed, or not."""

import json
from typing import Any

import pytest

from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.transfer.columns import COLUMNS
from console.catalogue.transfer.importing import catalogue_import
from tests.catalogue.test_transfer_round_trip import (
    AUTHOR,
    empty,
    exported,
    publish,
    publish_with_snippets,
    restore,
)

pytestmark = pytest.mark.django_db
ALL = [*COLUMNS, "body:en", "body:pt-BR"]


@pytest.fixture
def file(db: None) -> list[dict[str, Any]]:
    """An export's records, and nothing of it here any more."""
    publish_with_snippets()
    records: list[dict[str, Any]] = json.loads(exported("json"))["records"]
    empty()
    return records


def restored(records: list[dict[str, Any]], **options: Any) -> dict[str, list[str]]:
    """Why rows are refused, by their keys."""
    content = json.dumps({"columns": ALL, "records": records}).encode()
    plan = restore(content, "json", **options)
    return {
        row.name: [refusal.message for refusal in row.refusals] for row in plan.rows if row.refusals
    }


def test_what_goes_out_is_what_was_reviewed_there(file: list[dict[str, Any]]) -> None:
    assert restored(file) == {}
    asks = NoticeVersion.objects.get(notice__key="asks")
    assert asks.snippets == {"closing": 1}


def test_a_snippet_that_is_here_need_not_be_in_the_file(file: list[dict[str, Any]]) -> None:
    publish("signature", {"en": "Bob"}, kind="snippet")
    publish("closing", {"en": "Yours"}, kind="snippet")

    assert restored([row for row in file if row.get("key") == "asks"]) == {}


def test_without_its_snippet_no_version_is_restored(file: list[dict[str, Any]]) -> None:
    rest = [row for row in file if row.get("key") != "signature"]

    refused = restored(rest, skip_refused=True)

    assert "Version 1 of the snippet signature is neither here nor" in refused["closing"][0]
    # And what stands on it does not, either.
    assert "Version 1 of the snippet closing is neither here nor" in refused["asks"][0]
    assert not CannedNotice.objects.exists()


def test_a_file_closes_no_circle(file: list[dict[str, Any]]) -> None:
    for row in file:
        if row.get("key") == "signature":
            row["body:en"] = "{% snippet 'closing' %}"
            row["snippets"] = '{"closing": 1}'

    refused = restored(file, skip_refused=True)

    assert "signature → closing → signature" in refused["signature"][0]
    assert set(refused) == {"signature", "closing", "asks"}


def test_a_text_names_no_snippet_without_its_version(file: list[dict[str, Any]]) -> None:
    for row in file:
        if row.get("key") == "asks":
            row["snippets"] = ""
    assert restored(file, skip_refused=True) == {
        "asks": ["The text has the snippet closing: say which version of it."]
    }


@pytest.mark.parametrize("cell", ['{"closing": "1"}', '{"closing": 0}', '{"A b": 1}', "[1]", "{"])
def test_versions_of_snippets_are_numbers(cell: str, file: list[dict[str, Any]]) -> None:
    for row in file:
        if row.get("key") == "asks":
            row["snippets"] = cell
    [message] = restored(file, skip_refused=True)["asks"]
    assert "an export has" in message


@pytest.mark.parametrize("cell", ["[1]", '["new_date"]', "[null]", '[{"name": 1}]', "{}"])
def test_fields_that_are_none_are_refused_by_name(cell: str) -> None:
    rows = [{"key": "new", "kind": "message", "title": "New", "body:en": "Hi", "fields": cell}]

    plan = catalogue_import(
        AUTHOR, file_name="mine.json", content=json.dumps(rows).encode(), dry_run=True
    )

    assert plan.rows[0].refusals


def test_a_person_changes_the_fields_by_a_file() -> None:
    publish_with_snippets()
    fields = '[{"name": "new_date", "type": "text"}]'
    rows = [{"key": "asks", "fields": fields}]

    catalogue_import(AUTHOR, file_name="mine.json", content=json.dumps(rows).encode())

    draft = NoticeVersion.objects.get(notice__key="asks", number=2)
    assert [field["type"] for field in draft.fields] == ["text"]
    assert draft.bodies == NoticeVersion.objects.get(notice__key="asks", number=1).bodies
