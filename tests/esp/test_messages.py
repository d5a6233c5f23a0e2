from typing import Any

import pytest

from console.esp import InvalidRequest, KVList, Pair, ValueType, Visibility


class SafeText(str):
    """Like a template engine's safe string: `str()` of it is still not a plain str."""

    def __str__(self) -> str:
        return self


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("Chat", ValueType.STR),
        ("", ValueType.STR),
        ("Grüße", ValueType.UTF),
        ("👋", ValueType.UTF),
        (0, ValueType.INT),
        (2**31 - 1, ValueType.INT),
        (-(2**31), ValueType.INT),
        (b"\x00\xff", ValueType.BYTES),
        (KVList(), ValueType.KVLIST),
    ],
)
def test_a_pair_takes_its_type_from_the_value(value: Any, kind: ValueType) -> None:
    pair = Pair.of("key", value)
    assert (pair.key, pair.type, pair.value) == ("key", kind, value)


@pytest.mark.parametrize(
    "value", [None, True, False, 1.5, ["a"], ("a", 1), bytearray(b"a"), 2**31, -(2**31) - 1]
)
def test_what_esp_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="'key'") as caught:
        Pair.of("key", value)
    assert caught.value.code == "invalid_value"


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(InvalidRequest, match="does not fit"):
        Pair.of("key", "broken \ud83d emoji")


@pytest.mark.parametrize("key", ["schlüssel", None, 5, b"key"])
def test_a_key_is_ascii_text(key: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Pair.of(key, "value")
    assert caught.value.code == "invalid_key"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ValueType.STR, "Grüße"),
        (ValueType.STR, b"bytes"),
        (ValueType.STR, 5),
        (ValueType.UTF, 5),
        (ValueType.INT, "5"),
        (ValueType.INT, True),
        (ValueType.BYTES, "text"),
        (ValueType.KVLIST, [Pair.of("a", 1)]),
        ("str", "a plain word is no ValueType"),
    ],
)
def test_a_pair_that_contradicts_itself_cannot_be_built(kind: Any, value: Any) -> None:
    with pytest.raises(InvalidRequest, match="does not fit the type"):
        Pair("key", kind, value)


def test_ascii_may_go_as_utf() -> None:
    assert Pair("key", ValueType.UTF, "plain").value == "plain"


@pytest.mark.parametrize("value", [SafeText("text"), Visibility.ALL])
def test_a_kind_of_str_becomes_a_plain_one(value: str) -> None:
    assert type(Pair.of("key", value).value) is str


def test_a_pair_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Pair.of("key", "value").value = "other"  # type: ignore[misc]


def test_a_list_keeps_order_and_duplicates() -> None:
    kvlist = KVList.of([("b", 1), ("a", 2), ("b", 3)])
    assert [(pair.key, pair.value) for pair in kvlist] == [("b", 1), ("a", 2), ("b", 3)]
    assert len(kvlist) == 3
    assert kvlist.get("b") == 1


def test_a_missing_key_has_a_default() -> None:
    assert KVList().get("a") is None
    assert KVList().get("a", "b") == "b"


def test_a_mapping_in_a_mapping_becomes_a_nested_list() -> None:
    kvlist = KVList.of({"outer": {"inner": {"n": 1}}})
    assert kvlist == KVList.of([("outer", KVList.of([("inner", KVList.of([("n", 1)]))]))])
    assert kvlist[0].type is ValueType.KVLIST


def test_lists_are_equal_if_their_pairs_are_in_order() -> None:
    assert KVList.of({"a": 1, "b": 2}) == KVList.of({"a": 1, "b": 2})
    assert KVList.of({"a": 1, "b": 2}) != KVList.of({"b": 2, "a": 1})
    assert KVList.of({"a": "1"}) != KVList.of({"a": 1})
    assert hash(KVList.of({"a": 1})) == hash(KVList.of({"a": 1}))


def test_a_list_is_made_of_pairs_only() -> None:
    with pytest.raises(InvalidRequest, match=r"Use KVList\.of"):
        KVList([("a", 1)])  # type: ignore[list-item]


def test_a_list_shows_itself() -> None:
    assert repr(KVList.of({"a": 1})).startswith("KVList([Pair(key='a'")


def nested(levels: int) -> dict[str, Any]:
    innermost: dict[str, Any] = {"a": 1}
    for _ in range(levels - 1):
        innermost = {"a": innermost}
    return innermost


def test_sixteen_levels_are_allowed_and_no_more() -> None:
    assert KVList.of(nested(16))
    with pytest.raises(InvalidRequest) as caught:
        KVList.of(nested(17))
    assert caught.value.code == "too_deep"


def test_a_mapping_inside_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    with pytest.raises(InvalidRequest, match="16 deep"):
        KVList.of(endless)
