"""What clients that follow the standards expect: problem details, ETags, rate limits, 415."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from console.accounts.models import ApiClient, Scope, Team
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer
from tests.support.calling import Caller, by_token, error
from tests.support.factories import make_public_webhook

pytestmark = pytest.mark.django_db
PROBLEM = "application/problem+json"


# --- Problem details -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("notices/no-such/", 404, "notice_not_found"),
        ("no-such/", 404, "not_found"),
        ("notices/?stauts=x", 400, "unknown_filter"),
        ("notices/?q=%00", 400, "bad_request"),
    ],
)
@pytest.mark.parametrize("accept", [PROBLEM, f"application/json, {PROBLEM};q=0.9"])
def test_an_error_as_problem_details_has_both_shapes(
    almighty: Caller, path: str, status: int, code: str, accept: str
) -> None:
    response = almighty.raw("GET", path, Accept=accept)
    assert response.headers["Content-Type"] == PROBLEM
    answer = json.loads(response.content)
    assert (answer["status"], answer["code"]) == (status, code)
    assert answer["detail"] == answer["message"]
    ours = {"code", "message", "params", "details"}
    assert set(answer) == {"type", "title", "status", "detail", *ours}
    assert response.headers.get("Content-Length", str(len(response.content))) == str(
        len(response.content)
    )


@pytest.mark.parametrize("accept", ["application/json", "*/*", f"{PROBLEM};q=0, */*"])
def test_who_does_not_ask_for_them_gets_the_house_shape(almighty: Caller, accept: str) -> None:
    error(almighty.raw("GET", "notices/no-such/", Accept=accept), 404, "notice_not_found")


def test_who_asks_for_problems_alone_gets_what_is_none_as_json(almighty: Caller) -> None:
    response = almighty.raw("GET", "notices/", Accept=PROBLEM)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    error(almighty.raw("GET", "notices/", Accept="text/html"), 406, "not_acceptable")


# --- What is not read ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["notices/", "sends/1/pause/"])
def test_an_encoding_that_is_not_read(almighty: Caller, path: str) -> None:
    body = gzip.compress(b"{}")
    response = almighty.raw("POST", path, body, Content_Encoding="gzip")
    error(response, 415, "unsupported_content_encoding")
    assert response.headers["Accept-Encoding"] == "identity"
    other = almighty.raw("POST", "notices/", {}, Content_Encoding="identity")
    error(other, 400, "invalid_input")


@pytest.mark.parametrize("path", ["notices/", "sends/1/pause/", "notices/greeting/retire/"])
@pytest.mark.parametrize("kind", ["text/xml", "application/x-www-form-urlencoded", ""])
def test_a_type_that_is_not_read_where_nothing_is_read_too(
    almighty: Caller, path: str, kind: str
) -> None:
    response = almighty.raw("POST", path, b"a=1", Content_Type=kind)
    error(response, 415, "unsupported_media_type")


# --- How much is left ----------------------------------------------------------------------------


def test_each_answer_says_how_many_calls_are_left(almighty: Caller, settings: Any) -> None:
    settings.API_RATE = "2/min"
    first, second, third = (almighty.raw("GET", "presets/") for _ in range(3))
    assert {a.headers["RateLimit-Policy"] for a in (first, second, third)} == {'"actor";q=2;w=60'}
    assert first.headers["RateLimit"].startswith('"actor";r=1;t=')
    assert second.headers["RateLimit"].startswith('"actor";r=0;t=')
    error(third, 429, "too_many_requests")
    assert third.headers["RateLimit"].startswith('"actor";r=0;t=')
    assert 1 <= int(third.headers["RateLimit"].rpartition("=")[2]) <= 60


# --- A slash too few -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["sends", "notices/greeting", "sends/1/pause"])
def test_a_missing_slash_is_named(almighty: Caller, method: str, path: str) -> None:
    answer = error(almighty.raw(method, path, {}), 404, "not_found")
    assert answer["details"] == {"address": f"/api/v1/{path}/"}
    assert f"/api/v1/{path}/" in answer["message"]


@pytest.mark.parametrize("path", ["sendings", "sends/one/two/three"])
def test_what_a_slash_does_not_mend_is_not_there(almighty: Caller, path: str) -> None:
    assert error(almighty.raw("GET", path), 404, "not_found")["details"] == {}


# --- Edited meanwhile ----------------------------------------------------------------------------


@pytest.fixture
def edited(
    almighty: Caller, make_notice: Callable[..., NoticeVersion], chat_server: ChatServer
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Of each thing that is edited its address, and a change."""
    make_notice(key="greeting")
    version = {"default_locale": "en", "bodies": {"en": "Hi"}}
    almighty.post("notices/greeting/versions/", version)
    preset = almighty.get("presets/")["results"][0]["id"]
    category = almighty.post("categories/", {"name": "Some"})["id"]
    Team.objects.create(name="Desk")
    theirs = {"name": "Some", "audience": {"queue": "sales"}, "team": "Desk"}
    view = almighty.post("audiences/", theirs)["id"]
    webhook = make_public_webhook().pk
    return {
        "notice": ("notices/greeting/", {"tags": ["other"]}),
        "version": ("notices/greeting/versions/2/", {"change_note": "Other"}),
        "preset": (f"presets/{preset}/", {"name": "Other"}),
        "audience": (f"audiences/{view}/", {"name": "Other"}),
        "category": (f"categories/{category}/", {"name": "Other"}),
        "chat-server": ("chat-servers/chat-east/", {"window": 7}),
        "webhook": (f"webhooks/{webhook}/", {"name": "Other"}),
    }


KINDS = ["notice", "version", "preset", "audience", "category", "chat-server", "webhook"]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_writes_over_what_they_have_not_seen(
    almighty: Caller, edited: dict[str, Any], kind: str
) -> None:
    path, change = edited[kind]
    seen = almighty.raw("GET", path).headers["ETag"]
    assert almighty.raw("GET", path).headers["ETag"] == seen
    done = almighty.raw("PATCH", path, change, If_Match=seen)
    assert done.status_code == 200, done.content
    now = almighty.raw("GET", path).headers["ETag"]
    assert done.headers["ETag"] == now != seen
    answer = error(almighty.raw("PATCH", path, change, If_Match=seen), 412, "changed_meanwhile")
    assert answer["details"] == {"etag": now}
    for tags in (f'"other", {now}', "*"):
        assert almighty.raw("PATCH", path, change, If_Match=tags).status_code == 200


@pytest.mark.parametrize("kind", ["audience", "category", "webhook"])
def test_nobody_deletes_what_they_have_not_seen(
    almighty: Caller, edited: dict[str, Any], kind: str
) -> None:
    path, change = edited[kind]
    seen = almighty.raw("GET", path).headers["ETag"]
    almighty.post(path, None, status=405)
    assert almighty.raw("PATCH", path, change).status_code == 200
    error(almighty.raw("DELETE", path, If_Match=seen), 412, "changed_meanwhile")
    now = almighty.raw("GET", path).headers["ETag"]
    assert almighty.raw("DELETE", path, If_Match=now).status_code == 204


@pytest.mark.parametrize("tag", ["", " ", "abc", '"abc', 'W/"abc" "d"', '"a",'])
def test_an_if_match_that_is_none(almighty: Caller, edited: dict[str, Any], tag: str) -> None:
    path, change = edited["notice"]
    error(almighty.raw("PATCH", path, change, If_Match=tag), 400, "invalid_if_match")


def test_a_weak_tag_is_never_the_same(almighty: Caller, edited: dict[str, Any]) -> None:
    path, change = edited["notice"]
    weak = "W/" + almighty.raw("GET", path).headers["ETag"]
    error(almighty.raw("PATCH", path, change, If_Match=weak), 412, "changed_meanwhile")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS)
def test_of_two_at_the_same_moment_one_wins(
    edited: dict[str, Any],
    almighty: Caller,
    make_client: Callable[..., tuple[ApiClient, str]],
    kind: str,
) -> None:
    path, change = edited[kind]
    if kind in ("version", "preset"):
        caller = almighty  # their author alone may go on
        tokens = [caller.headers["Authorization"].split()[1]] * 2
    else:
        tokens = [make_client(*Scope.values)[1] for _ in range(2)]
    seen = almighty.raw("GET", path).headers["ETag"]
    start = Barrier(2)

    def ask(number: int) -> int:
        try:
            start.wait(60)
            name, value = next(iter(change.items()))
            other = {name: _another(value, number)}
            return by_token(tokens[number]).raw("PATCH", path, other, If_Match=seen).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, range(2))) == [200, 412]


def _another(value: Any, number: int) -> Any:
    if isinstance(value, list):
        return [_another(each, number) for each in value]
    return value + number if isinstance(value, int) else f"{value} {number}"
