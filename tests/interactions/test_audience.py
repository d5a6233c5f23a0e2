"""The audience language: what it reads and writes, which chats it means, and what it refuses."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.accounts.models import Team, User
from console.errors import InvalidInput
from console.interactions.audience.audience import Audience
from console.interactions.audience.fields import FIELDS as FIELDS_OF_THE_LANGUAGE
from console.interactions.audience.simple_filter import InteractionFilter
from console.interactions.audience.values import (
    CONDITIONS_MOST,
    DEPTH_MOST,
    TEXT_MOST,
    VALUES_MOST,
    Condition,
    Everyone,
    Group,
    Node,
    Not,
    Op,
)
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible
from tests.support.factories import ROOT

Make = Callable[..., Interaction]


def found(audience: Audience | InteractionFilter, actor: Any = ROOT) -> set[str]:
    return {chat.pk for chat in interactions_visible(actor, audience)}


def text(written: str) -> set[str]:
    return found(Audience.from_text(written))


# --- What it means -------------------------------------------------------------------------------

CROWD: dict[str, dict[str, Any]] = {
    "a1": {
        "queue": "billing",
        "agent": "Ann",
        "locale": "es-MX",
        "waited": 400,
        "user_data": {"Plan": "gold", "Amount": "120.50", "Due": "2026-03-01", "Note": "  "},
    },
    "b2": {
        "queue": "sales",
        "agent": "",
        "locale": "es",
        "waited": 100,
        "user_data": {"Plan": "Golden Eye", "Amount": "9", "Due": "2026-03-01T23:30:00+02:00"},
    },
    "c3": {
        "queue": "billing",
        "agent": "",
        "locale": "en_GB",
        "waited": 20,
        "user_data": {"Plan": "100%", "Amount": "1,200", "Due": "2026-02-30", "Order No": "7 (8)"},
    },
    "d4": {"queue": "Sales", "agent": "Bob", "locale": "", "waited": 5, "is_online": False},
    "e5": {
        "queue": "back_office",
        "agent": "bo,b",
        "locale": "iw",
        "waited": 900,
        "user_data": {"Plan": "", "Amount": -3, "VIP": "true", "k-1": 'qu"ote\\'},
    },
}


@pytest.fixture
def crowd(make_interaction: Make) -> None:
    # Not when the module is imported: other tests may run in between.
    now = timezone.now()
    for pk, chat in CROWD.items():
        given = {name: value for name, value in chat.items() if name != "waited"}
        data = {"FirstName": "Zed", "LastName": "", **given.pop("user_data", {})}
        received = (now - timedelta(seconds=chat["waited"])).isoformat()
        make_interaction(pk, **given, user_data=data, received_at=received)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("everyone", "a1 b2 c3 d4 e5"),
        ("queue:billing", "a1 c3"),
        ("queue:billing,sales", "a1 b2 c3"),
        ("queue:billing or queue:sales agent:Bob", "a1 c3"),
        ("(queue:billing or queue:sales) has:agent", "a1"),
        ("queue^s", "b2 d4"),
        ("queue~k_o", "e5"),
        ("no:agent", "b2 c3"),
        ("not has:agent", "b2 c3"),
        ("-queue:billing", "b2 d4 e5"),
        ("not (queue:billing or no:agent)", "d4 e5"),
        ('agent:"bo,b"', "e5"),
        ("language:es", "b2"),
        ("language:EN-gb", "c3"),
        ("language:he", "e5"),
        ("language^es", "a1 b2"),
        ("no:language", "d4"),
        ("online:no", "d4"),
        ("waiting>5m", "a1 e5"),
        ("waiting<90s", "c3 d4"),
        ("waiting>1m30s waiting<=2m", "b2"),
        ("data.Plan:gold", "a1"),
        ("data.Plan~gold", "a1 b2"),
        ("data.Plan^gold", "a1 b2"),
        ("data.Plan~%", "c3"),
        ("not data.Plan:gold", "b2 c3 d4 e5"),
        ("has:data.Plan", "a1 b2 c3"),
        ("no:data.Note", "a1 b2 c3 d4 e5"),
        ("no:data.Plan", "d4 e5"),
        ("no:data.Empty", "a1 b2 c3 d4 e5"),
        ('data."Order No":"7 (8)"', "c3"),
        ('has:data."Order No"', "c3"),
        ("data.Amount>9", "a1"),
        ("data.Amount>=9", "a1 b2"),
        ("data.Amount<0", "e5"),
        ("not data.Amount<0", "a1 b2 c3 d4"),
        ("data.Due<2026-03-01", ""),
        ("data.Due<=2026-03-01", "a1"),
        ("data.Due>=2026-03-01T21:30:00Z", "b2"),
        ("data.VIP:true", "e5"),
        ('data.k-1:"qu\\"ote\\\\"', "e5"),
        ("BILL", "a1 c3"),
        ('"bill" ann', "a1"),
        ("bob and not online:yes", "d4"),
        ("chat_server:chat-east queue:sales", "b2"),
        ("id:a1,e5", "a1 e5"),
    ],
)
def test_it_means_these_chats(crowd: None, written: str, expected: str) -> None:
    assert text(written) == set(expected.split())


@pytest.mark.django_db
def test_no_value_of_a_chat_breaks_a_comparison(make_interaction: Make) -> None:
    """Of the blanks that there are, PostgreSQL's regular expressions know more than its numbers."""
    blanks = [chr(each) for each in range(1, 0x3001) if chr(each).isspace()]
    for number, blank in enumerate([*blanks, "\ufeff", "\u200b"]):
        make_interaction(f"after-{number}", user_data={"Amount": f"12{blank}"})
        make_interaction(f"before-{number}", user_data={"Amount": f"{blank}2026-01-31"})
    plain = [number for number, blank in enumerate(blanks) if blank in " \t\n\r\f\v"]
    assert text("data.Amount>=12") == {f"after-{number}" for number in plain}
    text("data.Amount>=2026-01-01")  # is answered


@pytest.mark.django_db
def test_members_of_an_object_must_all_hold(crowd: None) -> None:
    raw: Any = {
        "queue": ["billing", "sales"],
        "data": {"Amount": {"at_least": 9, "less_than": "100"}},
    }
    assert found(Audience.from_mapping(raw)) == {"b2"}
    assert found(Audience.from_mapping({"agent": {"exists": False}})) == {"b2", "c3"}
    assert found(Audience.from_mapping({"data": {"VIP": True, "Amount": -3}})) == {"e5"}


def test_a_team_that_is_not_there_for_somebody_is_refused(
    crowd: None, team: Team, supervisor: User, outsider: User
) -> None:
    # "Not in a team that nobody knows" would be everybody.
    for written in ("team:Nobody", "not team:Nobody"):
        with pytest.raises(InvalidInput):
            text(written)
    audience = Audience.from_text(f"not team:{team.name}")
    assert "b2" not in found(audience, supervisor.to_actor())
    with pytest.raises(InvalidInput):
        found(audience, outsider.to_actor())


# --- The same in all its forms ------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SEEN = WORDS.map(str.strip).filter(lambda word: bool(re.search(r"[^\W_]", word)))
FIELDS = ("queue", "agent", "state", "customer", "id", "chat_server")
MOMENTS = st.datetimes(
    datetime(1971, 1, 1), datetime(8999, 1, 1), timezones=st.just(UTC), allow_imaginary=False
)
NUMBERS = st.decimals(-(10**12), 10**12, places=3, allow_nan=False, allow_infinity=False)


def one(field: str, op: Op, *values: Any, key: str = "") -> Condition:
    return Condition(field, op, values, key)


LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(
        lambda field, values: Condition(field, Op.IS, tuple(values)),
        st.sampled_from(FIELDS),
        st.lists(SEEN, min_size=1, max_size=3, unique=True),
    ),
    st.builds(one, st.sampled_from(FIELDS), st.sampled_from([Op.CONTAINS, Op.BEGINS_WITH]), SEEN),
    st.builds(lambda key: Condition("data", Op.EXISTS, (), key), SEEN),
    st.builds(lambda key, value: one("data", Op.IS, value, key=key), SEEN, SEEN),
    st.builds(
        lambda key, op, value: one("data", op, value, key=key),
        SEEN,
        st.sampled_from([Op.MORE_THAN, Op.AT_LEAST, Op.LESS_THAN, Op.AT_MOST]),
        st.one_of(NUMBERS, MOMENTS),
    ),
    st.builds(lambda seconds: one("waiting", Op.MORE_THAN, seconds), st.integers(0, 10**9)),
    st.builds(lambda value: one("text", Op.CONTAINS, value), SEEN),
    st.builds(lambda value: one("online", Op.IS, value), st.booleans()),
)
NODES: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(Not),
        st.builds(
            lambda members, is_any: Group(tuple(members), is_any),
            st.lists(inner, min_size=2, max_size=3),
            st.booleans(),
        ),
    ),
    max_leaves=8,
)


def depth(node: Node) -> int:
    if isinstance(node, Not):
        return 1 + depth(node.member)
    if isinstance(node, Group):
        return 1 + max(map(depth, node.members))
    return 1


@given(NODES.filter(lambda node: depth(node) < 5))
def test_what_is_written_is_read_again(node: Node) -> None:
    audience = Audience(node)
    assert Audience.from_text(audience.to_text()) == audience, audience.to_text()
    assert Audience.from_mapping(audience.to_mapping()) == audience, audience.to_mapping()


def test_everyone_is_said_in_so_many_words() -> None:
    everyone = Audience(Everyone())
    assert Audience.from_text(" Everyone ") == Audience.from_mapping({"everyone": True}) == everyone
    assert (everyone.to_text(), everyone.to_mapping()) == ("everyone", {"everyone": True})
    nothing: tuple[object, ...] = (
        {},
        {"everyone": False},
        {"everyone": True, "queue": "a"},
        [],
        None,
        "everyone",
    )
    for raw in nothing:
        with pytest.raises(InvalidInput):
            Audience.from_mapping(raw)
    for written in ("", "  ", "\u200b", "queue:a everyone", "not everyone", "(everyone)"):
        with pytest.raises(InvalidInput):
            Audience.from_text(written)


def test_what_is_in_both() -> None:
    billing, spanish = Audience.from_text("queue:billing"), Audience.from_text("language:es")
    everyone = Audience(Everyone())
    assert everyone.and_also(everyone) == everyone
    assert billing.and_also(everyone) == everyone.and_also(billing) == billing.and_also(billing)
    assert billing.and_also(spanish).to_text() == "queue:billing language:es"


# --- Against another reading of it --------------------------------------------------------------


class Reference:
    """Decides for one chat of the crowd in plain Python."""

    def __init__(self, pk: str) -> None:
        chat = CROWD[pk]
        self.columns = {
            "id": pk,
            "queue": chat["queue"],
            "agent": chat["agent"],
            "state": "",
            "customer": "Zed",
            "chat_server": "chat-east",
        }
        self.online = chat.get("is_online", True)
        self.waited = chat["waited"]
        raw = {"FirstName": "Zed", "LastName": "", **chat.get("user_data", {})}
        as_json = {True: "true", False: "false"}
        self.data = {
            key: as_json.get(value, str(value)) if isinstance(value, bool) else str(value)
            for key, value in raw.items()
            if value is not None
        }

    def holds(self, node: Node) -> bool:
        if isinstance(node, Everyone):
            return True
        if isinstance(node, Not):
            return not self.holds(node.member)
        if isinstance(node, Group):
            return (any if node.is_any else all)(self.holds(each) for each in node.members)
        return self._condition(node)

    def _condition(self, asked: Condition) -> bool:
        if asked.field == "online":
            return self.online in asked.values
        if asked.field == "waiting":
            return bool(self.waited > asked.values[0])
        if asked.field == "text":
            word = asked.values[0].lower()
            seen = ("id", "queue", "agent", "customer")
            return any(word in self.columns[name].lower() for name in seen)
        if asked.field == "data":
            return self._data(asked)
        value = self.columns[asked.field]
        return self._text(asked, value)

    def _text(self, asked: Condition, value: str) -> bool:
        if asked.op is Op.EXISTS:
            return bool(value.strip())
        if asked.op is Op.IS:
            return value in asked.values
        word = asked.values[0].lower()
        return word in value.lower() if asked.op is Op.CONTAINS else value.lower().startswith(word)

    def _data(self, asked: Condition) -> bool:
        value = self.data.get(asked.key)
        if value is None:
            return False
        if asked.op not in (Op.MORE_THAN, Op.AT_LEAST, Op.LESS_THAN, Op.AT_MOST):
            return self._text(asked, value)
        compared = asked.values[0]
        if isinstance(compared, Decimal):
            if not re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", value):
                return False
            mine: Any = Decimal(value)
        else:
            try:
                mine = datetime.fromisoformat(value)
            except ValueError:
                return False
            mine = mine if mine.tzinfo else mine.replace(tzinfo=UTC)
        return {
            Op.MORE_THAN: mine > compared,
            Op.AT_LEAST: mine >= compared,
            Op.LESS_THAN: mine < compared,
            Op.AT_MOST: mine <= compared,
        }[asked.op]


def near(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


KEYS = ["Plan", "Amount", "Due", "Note", "Order No", "VIP", "k-1", "Nothing"]
TEXTS = ["billing", "sales", "Sales", "bill", "o", "ann", "gold", "Gold", "100%", "_", "7 (8)", "9"]
DATES = [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 21, 30, tzinfo=UTC)]
NEAR_LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(one, near(["queue", "agent", "id"]), near([Op.IS, Op.CONTAINS, Op.BEGINS_WITH]),
              near(TEXTS)),
    st.builds(lambda field: Condition(field, Op.EXISTS), near(["queue", "agent"])),
    st.builds(lambda op, value, key: one("data", op, value, key=key),
              near([Op.IS, Op.CONTAINS, Op.BEGINS_WITH]), near(TEXTS), near(KEYS)),
    st.builds(lambda key: Condition("data", Op.EXISTS, (), key), near(KEYS)),
    st.builds(lambda op, value, key: one("data", op, value, key=key),
              near([Op.MORE_THAN, Op.AT_LEAST, Op.LESS_THAN, Op.AT_MOST]),
              near([Decimal("9"), Decimal("120.5"), Decimal(-3), *DATES]), near(KEYS)),
    st.builds(lambda seconds: one("waiting", Op.MORE_THAN, seconds), near([60, 300, 3600])),
    st.builds(lambda value: one("online", Op.IS, value), st.booleans()),
    st.builds(lambda value: one("text", Op.CONTAINS, value), near(TEXTS)),
)  # fmt: skip
NEAR_NODES = st.recursive(
    NEAR_LEAVES,
    lambda inner: st.one_of(
        inner.map(Not),
        st.builds(
            lambda members, is_any: Group(tuple(members), is_any),
            st.lists(inner, min_size=2, max_size=3),
            st.booleans(),
        ),
    ),
    max_leaves=6,
)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(node=NEAR_NODES)
def test_the_query_finds_what_plain_python_finds(crowd: None, node: Node) -> None:
    expected = {pk for pk in CROWD if Reference(pk).holds(node)}
    assert found(Audience(node)) == expected, Audience(node).to_text()


# --- What it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "queue:",
        "queue: billing",
        'queue:""',
        'queue:"  "',
        "queue:a,",
        "queue:a,,b",
        "queues:a",
        "data:gold",
        "data.:gold",
        'data."":gold',
        "queue.x:a",
        "waiting:300",
        "waiting>soon",
        "waiting>99999999999",
        "online:perhaps",
        "online~y",
        "data.Amount>gold",
        "data.Due>2026-13-01",
        "data.Amount>1,2",
        "queue>5",
        "text:abc",
        "(queue:a",
        "queue:a)",
        "()",
        "or queue:a",
        "queue:a or",
        "queue:a or or queue:b",
        "and",
        "not",
        'queue:"a',
        '"a\\b"',
        "has:",
        "has:nothing",
        "no:data",
        "has:waiting",
        ":a",
        "a\0b",
        "x" * 4001,
        "(" * 2000,
        "not " * 900 + "a",
        "-" * 3000 + "a",
        " ".join(["queue:a"] * 51),
        "id:" + ",".join(map(str, range(201))),
        "queue:" + "x" * 256,
        "received:send/0",
        "received:send",
        "received:notice/",
        "received:send/1=",
        "received:send/1=lost",
        "received:message/1",
    ],
)
def test_what_is_unfilled_or_unknown_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Audience.from_text(written)
    assert refused.value.code == "invalid_audience"
    assert refused.value.details == {"field": "audience"}
    assert refused.value.message


@pytest.mark.parametrize(
    "raw",
    [
        {"queue": ""},
        {"queue": []},
        {"queue": {}},
        {"queue": None},
        {"queue": ["a", None]},
        {"queue": {"like": "a"}},
        {"queue": {"more_than": 1}},
        {"queue": {"contains": ["a", "b"]}},
        {"queue": {"exists": "yes"}},
        {"queue": {"is": {"is": "a"}}},
        {"data": "gold"},
        {"data": {}},
        {"data": {"": "gold"}},
        {"data": {"Plan": None}},
        {"waiting": 300},
        {"waiting": {"more_than": 1.5}},
        {"waiting": {"more_than": True}},
        {"waiting": {"more_than": -1}},
        {"all": True},
        {"all": []},
        {"any": [{}]},
        {"any": {"queue": "a"}},
        {"not": []},
        {"not": {"everyone": True}},
        {"any": [{"everyone": True}]},
        {"locale": "en"},
        {"received": 12},
        {"received": {"send": 12, "notice": "a"}},
        {"received": {"send": True}},
        {"received": {"send": 12, "outcome": []}},
        {"received": {"send": 12, "outcome": ["gone"]}},
        {"received": {"send": 12, "when": "now"}},
    ],
)
def test_json_that_is_unfilled_or_unknown_is_refused(raw: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        Audience.from_mapping(raw)
    assert refused.value.code == "invalid_audience"


def deep(levels: int) -> dict[str, Any]:
    raw: dict[str, Any] = {"queue": "a"}
    for _level in range(levels):
        raw = {"not": raw}
    return raw


def test_depth_has_a_limit() -> None:
    Audience.from_mapping(deep(9))
    with pytest.raises(InvalidInput):
        Audience.from_mapping(deep(10))
    Audience.from_text("not " * 9 + "queue:a")


@given(st.text(max_size=60) | st.text('qu:e~"^()<>=, -\\ordata.nothas', max_size=60))
def test_no_text_breaks_the_reader(written: str) -> None:
    try:
        audience = Audience.from_text(written)
    except InvalidInput:
        return
    assert Audience.from_text(audience.to_text()) == audience


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "all",
                    "any",
                    "not",
                    "everyone",
                    "queue",
                    "data",
                    "received",
                    "send",
                    "is",
                    "exists",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_json_breaks_the_reader(raw: object) -> None:
    try:
        audience = Audience.from_mapping(raw)
    except InvalidInput:
        return
    assert Audience.from_mapping(audience.to_mapping()) == audience


# --- The short form ------------------------------------------------------------------------------


def test_a_filter_is_an_audience(crowd: None) -> None:
    raw = {
        "queue": "billing",
        "agent": "Ann",
        "chat_server": "chat-east",
        "locale": "es-MX",
        "online": True,
        "q": "bill",
        "waiting_longer_than": 60,
    }
    filter = InteractionFilter.from_mapping(raw)
    assert filter.to_audience().to_text() == (
        "queue:billing agent:Ann chat_server:chat-east language:es-MX online:true bill waiting>1m"
    )
    assert found(filter) == found(filter.to_audience()) == {"a1"}
    assert InteractionFilter().to_audience() == Audience(Everyone())


# --- What docs/audiences.md says ----------------------------------------------------------------

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "audiences.md").read_text("utf-8")


def test_the_documents_examples_are_read() -> None:
    in_text = re.findall(r"^\| `([^`]+)` \|", DOCUMENT, re.MULTILINE)
    assert len(in_text) > 15
    for written in in_text:
        Audience.from_text(written.replace("\\|", "|"))
    blocks = re.findall(r"^```json\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    pairs = [json.loads(block) for block in blocks]
    assert pairs
    for raw in pairs:
        Audience.from_mapping(raw.get("audience", raw))


def test_the_document_names_each_field_and_its_comparisons() -> None:
    rows = dict(re.findall(r"^\| `([A-Za-z_.]+)` \| .*? \| (.*?) \|$", DOCUMENT, re.MULTILINE))
    assert {name.removesuffix(".KEY") for name in rows} == set(FIELDS_OF_THE_LANGUAGE)
    for name, field in FIELDS_OF_THE_LANGUAGE.items():
        row = rows.get(name) or rows[f"{name}.KEY"]
        assert set(re.findall(r"`([a-z_]+)`", row)) == {op.value for op in field.ops}, name


def test_the_document_says_the_limits() -> None:
    for limit in (CONDITIONS_MOST, VALUES_MOST, DEPTH_MOST, f"{TEXT_MOST:,}"):
        assert str(limit) in DOCUMENT
