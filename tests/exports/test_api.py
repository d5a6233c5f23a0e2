"""The API's exports: ordered, followed, fetched with their digest, cancelled."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import ApiClient
from console.exports.models import ExportJob
from console.exports.running import export_run
from tests.exports.conftest import Sent, read_lines
from tests.support.calling import Caller, by_token, error

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(make_client: Callable[..., tuple[ApiClient, str]]) -> Caller:
    return by_token(make_client("read")[1])


def test_a_program_orders_follows_fetches_and_deletes(sent: Sent, reader: Caller) -> None:
    sent(chats=3)
    body = {"format": "jsonl", "filter": {"status": "pending", "from": "2020-01-01"}}
    made = reader.post("deliveries/exports/", body)
    assert (made["subject"], made["format"], made["status"]) == ("history", "jsonl", "waiting")
    assert made["filter"]["since"].startswith("2020-01-01T00:00:00")
    assert (made["rows"], made["progress"], made["kept_until"]) == (0, 0.0, None)
    address = f"exports/{made['id']}/"
    error(reader.raw("GET", f"{address}file/"), 409, "export_not_ready")
    export_run(made["id"])
    done = reader.get(address)
    assert (done["status"], done["rows"], done["estimated_rows"]) == ("done", 3, 3)
    assert done["kept_until"] is not None
    file = reader.raw("GET", f"{address}file/")
    content = b"".join(file)
    digest = hashlib.sha256(content)
    assert len(read_lines([content])) == 3
    assert done["bytes"] == len(content) == int(file.headers["Content-Length"])
    assert done["sha256"] == digest.hexdigest()
    assert file.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert [each["id"] for each in reader.get("exports/")["results"]] == [made["id"]]
    assert reader("DELETE", address)[0] == 204
    error(reader.raw("GET", address), 404, "export_not_found")
    error(reader.raw("GET", f"{address}file/"), 404, "export_not_found")


def test_the_trail(reader: Caller, make_client: Callable[..., tuple[ApiClient, str]]) -> None:
    auditor = by_token(make_client("audit")[1])
    made = auditor.post("audit/entries/exports/", {"format": "csv", "filter": {"action": "api_"}})
    assert (made["subject"], made["filter"]) == ("trail", {"action": "api_"})
    error(reader.raw("GET", f"exports/{made['id']}/"), 404, "export_not_found")
    error(
        reader.raw("POST", "audit/entries/exports/", {"format": "csv"}), 403, "permission_refused"
    )


def test_one_more_than_goes(reader: Caller, settings: Any) -> None:
    settings.EXPORTS_A_PERSON = 1
    reader.post("deliveries/exports/", {"format": "csv"})
    refused = reader.raw("POST", "deliveries/exports/", {"format": "csv"})
    error(refused, 429, "too_many_exports")


def test_a_failure_says_why(reader: Caller) -> None:
    made = reader.post("deliveries/exports/", {"format": "csv"})
    ApiClient.objects.update(is_active=False)
    export_run(made["id"])
    ApiClient.objects.update(is_active=True)
    shown = reader.get(f"exports/{made['id']}/")
    assert (shown["status"], shown["error_code"]) == ("failed", "nobody")
    assert "not active any more" in shown["error"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_input"),
        ({"format": "pdf"}, "unknown_format"),
        ({"format": "csv", "filter": {"colour": "red"}}, "unknown_filter"),
        ({"format": "csv", "filter": {"status": "lost"}}, "invalid_filter"),
        ({"format": "csv", "filter": {"version": 3}}, "invalid_input"),
        ({"format": "csv", "filter": []}, "invalid_input"),
        ({"format": "csv", "subject": "trail"}, "invalid_input"),
    ],
)
def test_what_is_wrong_is_said(body: dict[str, Any], code: str, reader: Caller) -> None:
    error(reader.raw("POST", "deliveries/exports/", body), 400, code)
    assert not ExportJob.objects.exists()
