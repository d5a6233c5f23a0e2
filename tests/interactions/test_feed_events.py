"""One event of the feed: what a good one says, and what every bad one is told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.actors import system_actor
from console.errors import ConsoleError, InvalidInput
from console.interactions.feed.events import USER_DATA_LIMIT, FeedEvent, parse_event, says_offline
from console.interactions.models import Interaction
from console.interactions.services import feed_apply
from tests.support.factories import upsert

FEED = system_actor("tests")


def parsed(**interaction: Any) -> FeedEvent:
    return parse_event(upsert("a1", **interaction))


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"leaf": "x"}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


# --- What it says --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_flag", "is_online_key", "expected"),
    [
        (None, "0", False),
        (None, 0, False),
        (None, "false", False),
        (None, " 0 ", False),
        (None, "1", True),
        (None, "anything", True),
        (True, "1", True),
        (False, "1", False),
        # A contradiction: nothing may go to a session that either of them says has ended.
        (True, "0", False),
    ],
)
def test_is_online_follows_the_user_data(
    given_flag: bool | None, is_online_key: object, expected: bool
) -> None:
    event = parsed(is_online=given_flag, user_data={"IsOnline": is_online_key})
    assert event.is_online is expected


def test_an_absent_is_online_does_not_block() -> None:
    raw = upsert("a1")
    del raw["interaction"]["user_data"]["IsOnline"]
    assert parse_event(raw).is_online is True


def test_an_event_without_user_data_says_nothing_of_being_online() -> None:
    raw = upsert("a1")
    del raw["interaction"]["user_data"]
    event = parse_event(raw)
    assert (event.is_online, event.user_data, event.chat_server_name) == (None, None, None)


def test_says_offline_reads_zero_alone() -> None:
    assert not says_offline({})
    assert not says_offline({"IsOnline": "00"})
    assert says_offline({"IsOnline": "0"})


def test_the_chat_server_is_the_user_datas_unless_the_event_names_it() -> None:
    assert parsed().chat_server_name == "chat-east"
    assert parsed(chat_server_app_name="chat-west").chat_server_name == "chat-west"
    assert parsed(user_data={"ChatServerAppName": 7}).chat_server_name is None


def test_times_are_kept_in_utc() -> None:
    event = parsed(occurred_at="2026-01-31T12:00:00+02:00")
    assert event.occurred_at == datetime(2026, 1, 31, 10, tzinfo=UTC)


# --- What is refused -----------------------------------------------------------------------------

BAD_EVENTS: dict[str, Any] = {
    "null": None,
    "a text": "event",
    "a list": [upsert("a1")],
    "a number": 7,
    "empty": {},
    "no type": {**upsert("a1"), "type": None},
    "unknown type": {**upsert("a1"), "type": "delete"},
    "type of another kind": {**upsert("a1"), "type": ["upsert"]},
    "a misspelt field": {**upsert("a1"), "sequnce": 3},
    "no time": {**upsert("a1"), "occurred_at": None},
    "a time without zone": {**upsert("a1"), "occurred_at": "2026-01-31T12:00:00"},
    "a date": {**upsert("a1"), "occurred_at": "2026-01-31"},
    "a time that is none": {**upsert("a1"), "occurred_at": "2026-02-31T12:00:00Z"},
    "a time out of range": {**upsert("a1"), "occurred_at": "0001-01-01T00:00:00+14:00"},
    "a numeric time": {**upsert("a1"), "occurred_at": 1769860800},
    "a fractional sequence": {**upsert("a1"), "sequence": 1.0},
    "a boolean sequence": {**upsert("a1"), "sequence": True},
    "a negative sequence": {**upsert("a1"), "sequence": -1},
    "a sequence too large": {**upsert("a1"), "sequence": 2**63},
    "a textual sequence": {**upsert("a1"), "sequence": "1"},
    "no interaction": {**upsert("a1"), "interaction": None},
    "interaction as a list": {**upsert("a1"), "interaction": []},
    "an unknown field": upsert("a1", ended_at="2026-01-31T12:00:00Z"),
    "an unknown field with half a character": upsert("a1", **{"a\ud800": 1}),
    "no id": upsert(""),
    "a numeric id": upsert("a1", id=17),
    "an id too long": upsert("a1", id="a" * 65),
    "an id outside ASCII": upsert("a1", id="ä1"),
    "an id with a slash": upsert("a1", id="a/1"),
    "an id with a space": upsert("a1", id="a 1"),
    "an id with NUL": upsert("a1", id="a\x001"),
    "an id with a line break": upsert("a1", id="a1\n"),
    **{
        f"{name}: {value!r}"[:60]: upsert("a1", **{name: value})
        for name in ("media_type", "state", "queue", "agent", "locale", "chat_server_app_name")
        for value in (7, 1.5, True, ["x"], {"x": "y"}, "x" * 256, "a\0b", "a\ud800b")
    },
    **{
        f"tenant_id: {value!r}": upsert("a1", tenant_id=value)
        for value in ("101", 1.0, True, 2**31, -(2**31) - 1, [1])
    },
    **{
        f"is_online: {value!r}": upsert("a1", is_online=value)
        for value in ("1", 1, 0, "true", list[Any]())
    },
    **{
        f"received_at: {value!r}": upsert("a1", received_at=value)
        for value in ("yesterday", 5, True, "2026-01-31T12:00:00", "9999-12-31T23:59:59-10:00")
    },
    "user data as a list": {
        **upsert("a1"),
        "interaction": {"id": "a1", "user_data": [["IsOnline", "1"]]},
    },
    **{
        f"user data value {value!r}"[:60]: upsert("a1", user_data={"Key": value})
        for value in (None, 1.5, True, ["x"], 2**31, "a\0b", "a\ud800b", "\udfff")
    },
    **{
        f"user data key {key!r}": upsert("a1", user_data={key: "x"})
        for key in ("", "Zoë", "a\0b", "a\ud800", "名")
    },
    "a bad value inside": upsert("a1", user_data={"Address": {"City": None}}),
    "too much": upsert("a1", user_data={"Note": "ü" * (USER_DATA_LIMIT // 2)}),
    "too deep": upsert("a1", user_data={"Deep": deep(8)}),
}


@pytest.mark.parametrize("raw", BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_event_is_refused_in_a_sentence(raw: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_event(raw)
    assert refused.value.code == "invalid_event"
    assert refused.value.message.endswith(".")
    # The answer travels as UTF-8: half a character of the input must not be in it.
    refused.value.message.encode()
    assert len(refused.value.message) < 500


def test_the_deepest_that_goes() -> None:
    event = parsed(user_data={"Deep": deep(7)})
    assert event.user_data is not None


# All that JSON may hold, halves of characters included.
TEXTS = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(JSON)
def test_nothing_at_all_makes_it_stumble(garbage: object) -> None:
    for raw in (
        garbage,
        upsert("a1", user_data={"Key": garbage}),
        {**upsert("a1"), "interaction": garbage},
        *({**upsert("a1"), name: garbage} for name in ("type", "occurred_at", "sequence")),
        *(upsert("a1", **{name: garbage}) for name in ("queue", "tenant_id", "received_at")),
    ):
        try:
            parse_event(raw)
        except ConsoleError as refused:
            refused.message.encode()


def test_every_bad_event_is_named_and_the_good_ones_between_are_taken(db: None) -> None:
    events: list[object] = []
    for number, bad in enumerate(BAD_EVENTS.values()):
        events += [bad, upsert(f"good{number}")]
    result = feed_apply(FEED, events)
    assert [entry["index"] for entry in result.rejected] == list(range(0, len(events), 2))
    assert {entry["code"] for entry in result.rejected} == {"invalid_event"}
    assert all(entry["message"] for entry in result.rejected)
    assert result.accepted == len(BAD_EVENTS)
    assert Interaction.objects.count() == len(BAD_EVENTS)
