"""JSON's own types, and no look-alikes: what a program got wrong is told, not guessed."""

from typing import Any

import pytest

from tests.support.calling import Caller, error

pytestmark = pytest.mark.django_db

SERVER = {"name": "east", "url": "esp+json://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("chat-servers/", {**SERVER, "window": "5"}, "window"),
        ("chat-servers/", {**SERVER, "window": True}, "window"),
        ("chat-servers/", {**SERVER, "pace_per_second": "1.5"}, "pace_per_second"),
        ("chat-servers/", {**SERVER, "enabled": "true"}, "enabled"),
        ("chat-servers/", {**SERVER, "enabled": 1}, "enabled"),
        ("chat-servers/", {**SERVER, "name": 7}, "name"),
        ("notices/", {"key": "a", "kind": "message", "title": 1.5}, "title"),
        ("presets/", {"name": "x", "visibility": 1}, "visibility"),
        ("sends/", {"notice": "a", "interactions": [1]}, "interactions"),
        ("sends/", {"notice": "a", "interactions": ["1"], "dry_run": "yes"}, "dry_run"),
    ],
)
def test_a_look_alike_is_refused(
    almighty: Caller, path: str, body: dict[str, Any], field: str
) -> None:
    answer = error(almighty.raw("POST", path, body), 400, "invalid_input")
    assert set(answer["details"]) == {field}


@pytest.mark.parametrize("query", ["queue=", "q=", "queue=a&queue=b", "page=1&page=2", "cursor=a"])
def test_a_filter_that_is_empty_or_twice_there_is_no_filter(almighty: Caller, query: str) -> None:
    answer = almighty.raw("GET", f"interactions/?{query}").json()
    assert answer["code"] in ("invalid_filter", "unknown_filter"), answer


@pytest.mark.parametrize("seconds", ["1_000", " 5", "٥", "5.0", "-1", "9" * 5000])
def test_seconds_are_digits(almighty: Caller, seconds: str) -> None:
    error(
        almighty.raw("GET", f"interactions/?waiting_longer_than={seconds}"), 400, "invalid_filter"
    )


def test_a_page_is_a_number(almighty: Caller) -> None:
    error(almighty.raw("GET", "interactions/?page=last"), 404, "not_found")
