"""Each action of the ledger is a valid event in OCSF and in CEF, whatever characters are in it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.audit.actions import EVENTS, Action
from console.audit.siem import events, reading
from console.audit.siem.cef import cef
from console.audit.siem.events import ACCOUNT, AUTHENTICATION, ENTITY, MEANINGS, UNKNOWN_ACTION
from console.audit.siem.message import DATA_BYTES, MESSAGE_BYTES, Message, bounded
from console.audit.siem.ocsf import ocsf
from console.audit.siem.settings import Destination
from console.audit.siem.streaming import written
from console.audit.siem.syslog import counted, syslog
from tests.audit.siem.receivers import MESSAGE

AT = datetime(2027, 3, 31, 9, 0, 2, 117_500, UTC)
SIEM = Destination("syslog+tls://siem.example:6514", "syslog+tls", "siem.example", 6514)


def message(action: str = "user.sign_in_failed", **more: Any) -> Message:
    said: dict[str, Any] = {
        "seq": 4711,
        "at": AT,
        "actor_ref": "user:12",
        "actor_name": "Ada",
        "action": action,
        "label": "Sign-in failed",
        "target_kind": EVENTS[Action(action)].target if action in Action.values else "thing",
        "target_ref": "7",
        "target_name": "sue",
        "follows": 4700,
        "prev_hash": "b" * 64,
        "hash": "a" * 64,
        "data": {"address": "192.0.2.7"},
    }
    return Message(**{**said, **more})


# --- OCSF ----------------------------------------------------------------------------------------

# Of schema 1.8.0: what the classes require beyond the base event, and the numbers of activities.
REQUIRED = {3001: {"user"}, 3002: {"user"}, 3004: {"entity"}}
REQUIRED_OF_ALL = {
    *("activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"),
}
ACTIVITIES = {
    3001: {0, *range(1, 13), 99},
    3002: {0, *range(1, 8), 99},
    3004: {0, *range(1, 14), 99},
}
TYPES_OF_USERS = {0: "Unknown", 1: "User", 2: "Admin", 3: "System", 4: "Service", 99: "Other"}


def valid(event: dict[str, Any]) -> None:
    """What OCSF 1.8.0 asks of an event of these classes."""
    uid = event["class_uid"]
    assert REQUIRED_OF_ALL | REQUIRED[uid] <= event.keys()
    assert event["category_uid"] == 3
    assert event["activity_id"] in ACTIVITIES[uid]
    assert event["type_uid"] == uid * 100 + event["activity_id"]
    assert event["severity_id"] in range(7)
    assert event["status_id"] in (0, 1, 2)
    assert event["time"] == 1_806_483_602_117
    assert {"version", "product"} <= event["metadata"].keys()
    assert event["metadata"]["version"] == "1.8.0"
    assert event["metadata"]["product"]["name"]
    for user in [event["actor"]["user"], *([event["user"]] if "user" in event else [])]:
        assert user.get("name") or user.get("uid")
        assert user["type"] == TYPES_OF_USERS[user["type_id"]]
    if uid == 3002:  # one of service and dst_endpoint
        assert event["service"]["name"]
    if uid == 3004:
        assert event["entity"].get("name") or event["entity"].get("uid")
        assert event["entity"]["type_id"] in (0, *range(1, 8), 99)
        assert event["entity"]["type"]


def test_each_action_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Action.values)
    listed = [action for _class, _activity, some in events._BY_ACTIVITY for action in some]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("action", Action.values)
@pytest.mark.parametrize("ref", ["7", ""])
def test_each_action_is_a_valid_event(action: str, ref: str) -> None:
    event = json.loads(ocsf(message(action, target_ref=ref), "0.2.0"))
    valid(event)
    assert event["metadata"]["event_code"] == action
    header, extension = cef_parsed(cef(message(action, target_ref=ref), "0.2.0"))
    assert header[4] == action
    assert 0 <= int(header[6]) <= 10
    assert extension["externalId"] == "4711"


def test_people_and_programs_are_accounts_and_all_else_is_an_entity() -> None:
    for action in Action:
        kind, target = MEANINGS[action].event_class, EVENTS[action].target
        assert (kind in (ACCOUNT, AUTHENTICATION)) == (target in ("user", "api_client")), action


def test_what_failed_says_so() -> None:
    assert json.loads(ocsf(message("user.sign_in_failed"), "1"))["status"] == "Failure"
    assert json.loads(ocsf(message("deliveries.unknown"), "1"))["status"] == "Unknown"
    assert json.loads(ocsf(message("user.signed_in"), "1"))["status"] == "Success"


def test_an_action_of_another_version_is_an_entity() -> None:
    event = json.loads(ocsf(message("thing.invented"), "1"))
    valid(event)
    assert message("thing.invented").meaning == UNKNOWN_ACTION


@pytest.mark.parametrize("own", [reading.LOST, reading.OF_THE_STREAM])
def test_what_the_stream_says_itself_is_valid(own: events.Meaning) -> None:
    valid(json.loads(ocsf(message("stream.gap", target_kind="ledger", told_as=own), "1")))


@pytest.mark.parametrize("meaning", MEANINGS.values())
def test_activities_have_names(meaning: events.Meaning) -> None:
    assert meaning.activity_name
    assert meaning.event_class in (ACCOUNT, AUTHENTICATION, ENTITY)


def test_addresses_and_programs() -> None:
    event = json.loads(ocsf(message("api_client.refused", actor_ref="client:3"), "1"))
    assert event["src_endpoint"] == {"ip": "192.0.2.7"}
    assert event["actor"]["user"]["type"] == event["user"]["type"] == "Service"
    assert event["user"]["uid"] == "client:7"
    odds: list[Any] = ["", "unknown", ["192.0.2.7"], None, {}, 7]
    for odd in odds:
        event = json.loads(ocsf(message(data={"address": odd}), "1"))
        assert "src_endpoint" not in event


# --- CEF -----------------------------------------------------------------------------------------


def cef_parsed(line: bytes) -> tuple[list[str], dict[str, str]]:
    """As a receiver reads it: seven fields with pipes between, and then key=value. A backslash
    takes its meaning from the sign after it."""
    text = line.decode()
    assert "\n" not in text
    assert "\r" not in text
    header, rest = [], text
    for _field in range(7):
        found = re.match(r"((?:[^\\|]|\\[\\|])*)\|", rest)
        assert found is not None, rest
        header.append(re.sub(r"\\(.)", r"\1", found[1]))
        rest = rest[found.end() :]
    extension, ends = {}, {"n": "\n", "r": "\r"}
    for pair in re.split(r" (?=[A-Za-z0-9]+=)", rest):
        key, value = re.fullmatch(
            r"([A-Za-z0-9]+)=((?:[^\\=]|\\[\\=nr])*)", pair, re.DOTALL
        ).groups()
        assert key not in extension
        extension[key] = re.sub(r"\\(.)", lambda m: ends.get(m[1], m[1]), value)
    return header, extension


NASTY = st.text(
    st.one_of(
        st.sampled_from("|=\\\n\r \t\"'nr<>[]§ß漢😀"),
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")),
    ),
    max_size=200,
)


@given(NASTY, NASTY, NASTY)
def test_nasty_characters_come_through_cef(name: str, label: str, data: str) -> None:
    made = message(actor_name=name, label=label, data={"why": data}, target_name=name)
    header, extension = cef_parsed(cef(made, "0.2.0|=\\"))
    assert header[0] == "CEF:0"
    assert header[3] == "0.2.0|=\\"
    assert header[5] == re.sub(r"[\r\n]+", " ", label)
    assert extension["suser"] == name
    assert extension.get("cs3", "") == name
    assert json.loads(extension["cs4"]) == {"why": data}
    assert extension["cs5"] == "a" * 64


@given(NASTY, NASTY)
def test_nasty_characters_come_through_ocsf(name: str, data: str) -> None:
    event = json.loads(ocsf(message(actor_name=name, data={"why": data}), "1"))
    assert event["actor"]["user"].get("name", "") == name
    assert event["unmapped"]["data"] == {"why": data}


def test_what_would_end_a_message_is_taken_out_of_cef() -> None:
    line = cef(message(actor_name="a\0b\x1bc\x85d\u2028e"), "1")
    assert b"suser=a b c d e " in line


def test_an_ipv6_address_has_the_field_that_cef_has_for_it() -> None:
    _header, extension = cef_parsed(cef(message(data={"address": "2001:db8::7"}), "1"))
    assert (extension["c6a1"], extension["c6a1Label"]) == ("2001:db8::7", "sourceAddress")
    assert "src" not in extension
    assert cef_parsed(cef(message(), "1"))[1]["src"] == "192.0.2.7"


# --- Bounds --------------------------------------------------------------------------------------


def test_the_largest_fields_are_left_out_first() -> None:
    made = bounded(message(data={"a": "x" * 900, "b": ["y" * 90] * 30, "c": 7}))
    assert made.data == {"a": "x" * 900, "c": 7}
    assert made.left_out == {"b": 30}
    event = json.loads(ocsf(made, "1"))
    assert event["metadata"]["is_truncated"] is True
    assert event["unmapped"]["left_out"] == {"b": 30}
    assert cef_parsed(cef(made, "1"))[1]["cs6"] == '{"b":30}'


@pytest.mark.parametrize("form", ["ocsf", "cef"])
def test_no_message_is_larger_than_receivers_take(form: str, settings: Any) -> None:
    """The longest names that the ledger has, of the signs that need most room."""
    settings.SIEM_FORMAT = form
    signs = '=\\\n😀"|'
    for sign, of_data in product(signs, signs):
        longest = message(
            actor_name=sign * 200,
            target_name=sign * 255,
            target_ref=sign * 128,
            actor_ref=sign * 64,
            data={str(n): of_data * 90 for n in range(30)},
        )
        (made,) = written(SIEM, [bounded(longest)])
        assert len(made) <= MESSAGE_BYTES
        assert b"4711" in made
    plain = bounded(message(data={"why": "x" * (DATA_BYTES - 20)}))
    assert plain.data
    assert b"x" * 2000 in written(SIEM, [plain])[0]


@given(st.dictionaries(st.text(max_size=20), NASTY | st.integers() | st.lists(NASTY)))
def test_data_is_bounded_whatever_it_is(data: dict[str, Any]) -> None:
    made = bounded(message(data=data))
    assert len(made.data_json().encode()) <= DATA_BYTES
    assert made.data.keys() | made.left_out.keys() == data.keys()


# --- Syslog --------------------------------------------------------------------------------------


def test_a_message_of_syslog() -> None:
    content = b'{"a": "\xc3\xa4"}'
    made = syslog(message(), content, host="web 1.exämple", version='0"]\\')
    found = MESSAGE.fullmatch(made)
    assert found is not None
    assert found[1] == b"108"  # log audit (13 × 8), warning (4)
    assert found[2] == b"2027-03-31T09:00:02.117500Z"
    assert found[3] == b"web1.exmple"
    assert found.group(4, 5) == (b"notice-console", b"user.sign_in_failed")
    assert found[6] == rb'[origin software="notice-console" swVersion="0\"\]\\"]'
    assert found[7] == content
    assert counted(b"\xc3\xa4x") == b"3 \xc3\xa4x"


def test_a_name_that_syslog_has_no_room_for() -> None:
    long = replace(message(), action="x" * 64)
    found = MESSAGE.fullmatch(syslog(long, b"-", host="", version="1"))
    assert found is not None
    assert found.group(3, 5) == (b"-", b"x" * 32)
