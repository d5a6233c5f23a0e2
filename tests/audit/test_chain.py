"""How an entry is written down and hashed: fixed for ever, so with literal bytes here."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.audit.chain import (
    FIELDS,
    GENESIS,
    canonical,
    canonical_data,
    canonical_time,
    entry_hash,
    text_digest,
)

# What a database can hold.
TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ENTRY: dict[str, Any] = {
    "seq": 1,
    "at": "2026-01-31T12:00:00.000001Z",
    "actor_ref": "user:1",
    "actor_name": "Zoë",
    "action": "notice.created",
    "target_kind": "notice",
    "target_ref": "delay",
    "target_name": 'The "late" one',
    "data": {"b": [1, None, True], "a": "ü\n"},
    "prev_hash": GENESIS,
}
BYTES = (
    b'{"action":"notice.created","actor_name":"Zo\xc3\xab","actor_ref":"user:1",'
    b'"at":"2026-01-31T12:00:00.000001Z","data":{"a":"\xc3\xbc\\n","b":[1,null,true]},'
    b'"prev_hash":"' + b"0" * 64 + b'","seq":1,"target_kind":"notice",'
    b'"target_name":"The \\"late\\" one","target_ref":"delay"}'
)


def test_an_entry_is_written_down_as_ever() -> None:
    assert canonical(ENTRY) == BYTES
    assert canonical(dict(reversed(ENTRY.items()))) == BYTES
    assert canonical({**ENTRY, "hash": "left out"}) == BYTES


def test_its_hash_is_as_ever() -> None:
    assert entry_hash(ENTRY) == "97ef47df8a229412fc90f04e0125ce7d247175300a7c456347b72c9b7b289763"


@pytest.mark.parametrize("field", FIELDS)
def test_the_hash_covers_every_field(field: str) -> None:
    other: object = 2 if field == "seq" else {} if field == "data" else "another"
    assert entry_hash({**ENTRY, field: other}) != entry_hash(ENTRY)


def test_times_are_utc_to_the_microsecond() -> None:
    at = datetime(2026, 1, 31, 14, 0, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    assert canonical_time(at) == "2026-01-31T12:00:00.000001Z"
    assert canonical_time(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00.000000Z"


def test_data_alone_has_the_same_form() -> None:
    assert canonical_data({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()


@pytest.mark.parametrize(
    "data", [{"a": 1.5}, {"a": [1e16]}, {"a": {"b": 0.0}}, {1: "a"}, {"a": ({None: 1},)}]
)
def test_what_a_database_gives_back_otherwise_is_refused(data: Any) -> None:
    with pytest.raises(TypeError):
        canonical_data(data)


def test_a_digest_needs_its_salt() -> None:
    assert text_digest("Hello", "aa") != text_digest("Hello", "ab")
    assert text_digest("Hello", "aa") == (
        "bc9ddf47c2136fc3579468e7bf6be7e079498cfed1e31e90c12ba3416e3d6ad6"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(TEXT), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(TEXT), JSON, max_size=6))
def test_the_form_is_that_of_the_standard_library(data: dict[str, Any]) -> None:
    """So that a verifier needs nothing else."""
    expected = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_data(data) == expected.encode()
