"""Bad input by API: each has its clear error, and nothing else is lost with it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from console.catalogue.models import NoticeVersion
from tests.support.calling import Caller, error
from tests.support.factories import upsert

pytestmark = pytest.mark.django_db

NOTICE = {"key": "newest", "kind": "message", "title": "New"}


# --- 400 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"key": "newest"',
        b'{"key": NaN}',
        b'{"key": Infinity}',
        b'{"key": "\xff"}',
        b"\xfe\xff\x00{",
        b'{"n": ' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"key": "a\\u0000b"}',
        b'{"key": "a\\ud800"}',
        b'{"a\\ud800": 1}',
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("path", ["notices/", "interactions/events/"])
def test_what_is_no_json(almighty: Caller, body: bytes, path: str) -> None:
    response = almighty.raw("POST", path, body)
    code = "invalid_json" if body else "invalid_input"
    error(response, 400, code)


@pytest.mark.parametrize("body", [[], "text", 7, None, True, [NOTICE]])
@pytest.mark.parametrize(
    "path", ["notices/", "interactions/events/", "sends/", "presets/", "chat-servers/"]
)
def test_what_is_no_object(almighty: Caller, path: str, body: object) -> None:
    error(almighty.raw("POST", path, json.dumps(body)), 400, "invalid_input")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("notices/", {**NOTICE, "titel": "x"}, "titel"),
        ("notices/", {**NOTICE, "key": None}, "key"),
        ("notices/", {**NOTICE, "key": {"a": 1}}, "key"),
        ("notices/", {**NOTICE, "kind": "telegram"}, "kind"),
        ("notices/", {**NOTICE, "title": "x" * 201}, "title"),
        ("notices/", {"kind": "message", "title": "x"}, "key"),
        ("notices/delay/versions/", {"default_locale": "en", "bodies": ["Hi"]}, "bodies"),
        ("notices/delay/versions/", {"default_locale": "en", "bodies": {"en": ["Hi"]}}, "bodies"),
        ("notices/delay/versions/", {"default_locale": "en", "bodies": {"en": None}}, "bodies"),
        (
            "notices/delay/versions/",
            {"default_locale": "en", "bodies": {"en": "x"}, "valid_from": "soon"},
            "valid_from",
        ),
        ("presets/", {"name": "x", "visibility": "INT", "roles": ["king"]}, "roles"),
        ("chat-servers/", {"name": "x", "url": "esp+json://h:1", "burst": "many"}, "burst"),
        (
            "chat-servers/",
            {"name": "x", "url": "esp+json://h:1", "pace_per_second": "nan"},
            "pace_per_second",
        ),
        ("chat-servers/", {"name": "x", "url": "esp+json://h:1", "enabled": 7}, "enabled"),
        ("chat-servers/", {"name": "x", "url": "esp+json://h:1", "health": "fine"}, "health"),
        ("sends/", {"notice": "delay", "interactions": "a1"}, "interactions"),
        ("sends/", {"notice": "delay", "interactions": [None]}, "interactions"),
        ("sends/", {"notice": "delay", "filter": []}, "filter"),
        ("sends/", {"notice": "delay", "filter": None}, "filter"),
        ("sends/", {"notice": "delay", "interactions": ["a1"], "dry_run": "maybe"}, "dry_run"),
        ("sends/", {"notice": "delay", "interactions": ["a1"], "dryrun": True}, "dryrun"),
        ("interactions/events/", {"events": {}}, "events"),
        ("interactions/events/", {"events": None}, "events"),
        ("interactions/events/", {"event": []}, "event"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    almighty: Caller,
    make_notice: Callable[..., NoticeVersion],
    path: str,
    body: dict[str, Any],
    field: str,
) -> None:
    make_notice(key="delay")
    answer = error(almighty.raw("POST", path, body), 400, "invalid_input")
    assert field in answer["details"]
    assert field in answer["message"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("notices/", {**NOTICE, "key": "New Key"}, "invalid_key"),
        ("notices/delay/versions/", {"default_locale": "en", "bodies": {}}, "empty_text"),
        ("notices/delay/versions/", {"default_locale": "en", "bodies": {"en": " "}}, "empty_text"),
        (
            "notices/delay/versions/",
            {"default_locale": "en", "bodies": {"en": "x" * 4097}},
            "text_too_long",
        ),
        (
            "notices/delay/versions/",
            {"default_locale": "en", "bodies": {"en": "Hi"}, "visibility": "ALLE"},
            "unknown_visibility",
        ),
        (
            "notices/page/versions/",
            {"default_locale": "en", "bodies": {"en": "javascript:alert(1)"}},
            "invalid_url",
        ),
        ("presets/", {"name": "x", "visibility": "all"}, "unknown_visibility"),
        ("chat-servers/", {"name": "x", "url": "http://h:1"}, "invalid_address"),
        (
            "chat-servers/",
            {"name": "x", "url": "esp+json://h:1", "window": 0},
            "invalid_chat_server",
        ),
        ("sends/", {"notice": "delay"}, "no_targets"),
        ("sends/", {"notice": "delay", "interactions": []}, "no_targets"),
        ("sends/", {"notice": "delay", "interactions": ["x" * 65]}, "invalid_interaction_id"),
        ("sends/", {"notice": "delay", "filter": {"queues": "x"}}, "unknown_filter"),
        ("sends/", {"notice": "delay", "filter": {"online": "x"}}, "invalid_filter"),
        (
            "sends/",
            {"notice": "delay", "interactions": ["a1"], "visibility": "PUBLIC"},
            "unknown_visibility",
        ),
        (
            "sends/",
            {"notice": "delay", "interactions": ["a1"], "scheduled_at": "2020-01-01T00:00:00Z"},
            "scheduled_in_the_past",
        ),
        (
            "sends/",
            {"notice": "delay", "interactions": ["a1"], "scheduled_at": "9999-12-31T23:59:59Z"},
            "scheduled_too_late",
        ),
    ],
)
def test_what_can_not_be_used(
    almighty: Caller,
    make_notice: Callable[..., NoticeVersion],
    path: str,
    body: dict[str, Any],
    code: str,
) -> None:
    make_notice(key="delay")
    almighty.post("notices/", {**NOTICE, "key": "page", "kind": "push_url"})
    error(almighty.raw("POST", path, body), 400, code)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("interactions/?online=perhaps", "invalid_filter"),
        ("interactions/?queues=x", "unknown_filter"),
        ("interactions/?queue=a&queue=b", "invalid_filter"),
        ("interactions/?waiting_longer_than=-1", "invalid_filter"),
        ("notices/?stauts=draft", "unknown_filter"),
        ("notices/?status=drafty", "invalid_filter"),
        ("notices/?kind=telegram", "invalid_filter"),
        ("notices/draft/versions/?status=draft", "unknown_filter"),
        ("deliveries/?status=lost", "invalid_filter"),
        ("deliveries/?from=yesterday", "invalid_filter"),
        ("deliveries/?when=now", "unknown_filter"),
        ("audit/entries/?actor=me", "unknown_filter"),
        ("sends/?state=running", "unknown_filter"),
        ("sends/?status=over", "invalid_filter"),
        ("sends/1/deliveries/?status=lost", "invalid_filter"),
        ("sends/1/deliveries/?stauts=failed", "unknown_filter"),
        ("presets/?name=x", "unknown_filter"),
        ("chat-servers/?health=healthy", "unknown_filter"),
    ],
)
def test_a_filter_that_is_wrong_is_refused(
    almighty: Caller, auditor: Any, person: Callable[..., Caller], path: str, code: str
) -> None:
    call = person(auditor) if path.startswith("audit") else almighty
    error(call.raw("GET", path), 400, code)


# --- The feed takes the good ones ----------------------------------------------------------------


def test_a_bad_event_is_told_and_blocks_no_other(almighty: Caller) -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = {"in": deep}
    events = [
        upsert("a1"),
        None,
        1.5,
        upsert("b1", user_data={"Note": "half a \ud800 character"}),
        upsert("c1", user_data={"Note": "a\0b"}),
        upsert("d1", user_data={"Zoë\ud800": "x"}),
        upsert("e1", user_data={"Deep": deep}),
        upsert("f1", user_data={"Fraction": 0.5}),
        upsert("g1"),
        [[[[upsert("h1")]]]],
    ]
    answer = almighty.post("interactions/events/", {"events": events}, status=202)
    assert (answer["accepted"], answer["ignored"]) == (2, 0)
    assert [entry["index"] for entry in answer["rejected"]] == [1, 2, 3, 4, 5, 6, 7, 9]
    for entry in answer["rejected"]:
        assert set(entry) == {"index", "code", "message", "params"}
        assert entry["code"] == "invalid_event"
    assert almighty.get("interactions/")["count"] == 2


def test_too_many_events(almighty: Caller, settings: Any) -> None:
    settings.FEED_EVENT_LIMIT = 1
    response = almighty.raw(
        "POST", "interactions/events/", {"events": [upsert("a1"), upsert("b1")]}
    )
    error(response, 400, "too_many_events")
