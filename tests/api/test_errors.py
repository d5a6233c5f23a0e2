"""Every error in the one shape, with the right status, and never a page or a traceback."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from console.api.http.parsers import BodyTooLarge, BoundedJSONParser
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from tests.support.calling import Caller, error

pytestmark = pytest.mark.django_db

NOTICE = {"key": "newest", "kind": "message", "title": "New"}


# --- 404 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/api/", "/api/v2/notices/", "/api/v1/", "/api/v1/nothing/", "/api/v1/sends"]
)
def test_an_address_where_nothing_is(anybody: Caller, method: str, path: str) -> None:
    error(anybody.raw(method, path, {} if method != "GET" else None), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("interactions/nobody/", "interaction_not_found"),
        ("interactions/%ff/", "interaction_not_found"),
        ("notices/nothing/", "notice_not_found"),
        ("notices/delay/versions/9/", "version_not_found"),
        ("notices/delay/versions/99999999999999999999999/", "version_not_found"),
        ("chat-servers/nowhere/", "chat_server_not_found"),
        ("chat-servers/no/where/", "chat_server_not_found"),
        ("sends/99999/", "send_not_found"),
        ("sends/99999999999999999999999/", "send_not_found"),
        ("sends/99999/deliveries/", "send_not_found"),
        ("sends/-1/", "not_found"),
        ("presets/abc/", "not_found"),
        ("notices/?page=9", "not_found"),
        ("notices/?page=0", "not_found"),
        ("notices/?page=x", "not_found"),
        ("deliveries/?cursor=nonsense", "not_found"),
    ],
)
def test_a_thing_that_is_not_there(
    almighty: Caller, make_notice: Callable[..., NoticeVersion], path: str, code: str
) -> None:
    make_notice(key="delay")
    error(almighty.raw("GET", path), 404, code)


@pytest.mark.parametrize(
    "path", ["interactions/a%00b/", "chat-servers/a%00b/", "interactions/?q=%00", "%00"]
)
def test_an_address_with_a_nul(almighty: Caller, anybody: Caller, path: str) -> None:
    for call in (almighty, anybody):
        error(call.raw("GET", path), 400, "bad_request")


@pytest.mark.parametrize("position", ["abc", "1.5", "", "9" * 40, "-1", "1\0"])
def test_a_cursor_that_somebody_made_up(almighty: Caller, position: str) -> None:
    cursor = base64.b64encode(f"p={position}".encode()).decode()
    response = almighty.raw("GET", f"deliveries/?cursor={cursor}")
    if response.status_code != 200:
        error(response, 404, "not_found")


def test_things_of_other_names_are_not_there_either(almighty: Caller) -> None:
    error(almighty.raw("PATCH", "presets/99999/", {"name": "x"}), 404, "preset_not_found")
    error(almighty.raw("PATCH", "chat-servers/nowhere/", {}), 404, "chat_server_not_found")
    error(almighty.raw("POST", "notices/", {**NOTICE, "team": "Nobody"}), 404, "team_not_found")
    error(almighty.raw("POST", "sends/99999/cancel/"), 404, "send_not_found")
    almighty.post("notices/", NOTICE)
    wrong = {"default_locale": "en", "bodies": {"en": "Hi"}, "preset": "Nobody"}
    error(almighty.raw("POST", "notices/newest/versions/", wrong), 404, "preset_not_found")
    error(
        almighty.raw("POST", "sends/", {"notice": "nothing", "interactions": ["a1"]}),
        404,
        "notice_not_found",
    )


# --- 406, 413, 415 -------------------------------------------------------------------------------


def test_another_form_than_json_is_not_there(almighty: Caller) -> None:
    error(almighty.raw("GET", "notices/", Accept="text/html"), 406, "not_acceptable")
    error(almighty.raw("GET", "notices/?format=xml"), 400, "unknown_filter")


def test_a_body_too_large(almighty: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 300
    body = json.dumps(NOTICE)
    assert almighty("POST", "notices/", body + " " * (300 - len(body)))[0] == 201
    answer = error(almighty.raw("POST", "notices/", " " * 301), 413, "body_too_large")
    assert "300" in answer["message"]


def test_a_body_too_large_that_does_not_say_how_large_it_is(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 300
    with pytest.raises(BodyTooLarge) as refused:
        BoundedJSONParser().parse(io.BytesIO(b" " * 301))
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"],
)
def test_a_body_of_another_kind(almighty: Caller, content_type: str) -> None:
    response = almighty.raw("POST", "notices/", b"key=new", Content_Type=content_type)
    error(response, 415, "unsupported_media_type")


def test_a_form_of_a_session_is_refused_in_the_same_shape(
    editor: Any, person: Callable[..., Caller], settings: Any
) -> None:
    # Here Django itself would read the form, in search of a CSRF token.
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = person(editor).raw(
        "POST",
        "notices/",
        b"a=" + b"x" * 1000,
        Content_Type="application/x-www-form-urlencoded",
    )
    assert response.status_code in (400, 413, 415)
    error(response, response.status_code, json.loads(response.content)["code"])


# --- 409, 422 ------------------------------------------------------------------------------------


def test_what_contradicts_what_is_there(almighty: Caller) -> None:
    almighty.post("notices/", NOTICE)
    error(almighty.raw("POST", "notices/", NOTICE), 409, "key_taken")
    server = {"name": "chat-east", "url": "esp+json://h:1"}
    almighty.post("chat-servers/", server)
    error(almighty.raw("POST", "chat-servers/", server), 409, "name_taken")
    preset = {"name": "Everyone", "visibility": "ALL"}
    error(almighty.raw("POST", "presets/", preset), 409, "name_taken")


def test_what_the_state_of_things_does_not_allow(
    almighty: Caller,
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
) -> None:
    make_interaction("a1")
    almighty.post("notices/", NOTICE)
    send = {"notice": "newest", "interactions": ["a1"]}
    error(almighty.raw("POST", "sends/", send), 422, "notice_not_published")
    almighty.post("notices/newest/retire/", status=200)
    error(almighty.raw("POST", "sends/", send), 422, "notice_retired")
    error(almighty.raw("PATCH", "notices/newest/", {"title": "x"}), 422, "notice_retired")


# --- 429 -----------------------------------------------------------------------------------------


def test_too_many_requests_say_when_to_come_back(
    program: Callable[..., Caller], settings: Any
) -> None:
    settings.API_RATE = "2/min"
    busy, other = program("read"), program("read")
    assert [busy("GET", "notices/")[0] for _ in range(2)] == [200, 200]
    response = busy.raw("GET", "notices/")
    error(response, 429, "too_many_requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    # Each program for itself.
    assert other("GET", "notices/")[0] == 200


# --- 500, 503 ------------------------------------------------------------------------------------


def test_a_failure_of_the_console(
    almighty: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise ZeroDivisionError("secret words of the inside")

    monkeypatch.setattr("console.catalogue.selectors.notices", broken)
    almighty.client.raise_request_exception = False
    answer = error(almighty.raw("GET", "notices/"), 500, "failed")
    assert "secret" not in json.dumps(answer)
    assert "secret words" in caplog.text


def test_a_database_that_takes_no_writes(almighty: Caller) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    error(almighty.raw("POST", "categories/", {"name": "Late"}), 503, "database_unavailable")


def test_a_database_that_is_away(
    almighty: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise OperationalError("connection to 10.0.0.7 refused")

    monkeypatch.setattr("console.catalogue.selectors.notices", broken)
    answer = error(almighty.raw("GET", "notices/"), 503, "database_unavailable")
    assert "10.0.0.7" not in json.dumps(answer)
