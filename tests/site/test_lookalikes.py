"""Texts that people take for one another, by Unicode's own data."""

import pytest

from console.errors import InvalidInput
from console.security.lookalikes import LONGEST, are_alike, is_like_ascii, require_plain, skeleton


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Admin", "Аdmin", True),
        ("admin", "аdmіn", True),
        ("Your Bank", "Yоur Bаnk", True),
        ("mybank", "rnybank", True),
        ("paypal", "paypa1", True),
        ("paypal", "paypaI", True),
        ("Oracle", "0racle", True),
        ("Desk", "desk", True),
        ("ｄｅｓｋ", "desk", True),
        ("Zoë", "Zoe\u0308", True),
        ("Desk", "De\u200bsk", True),
        ("Desk", "Desk\u3164", True),
        ("Desk", "D\u00adesk\ufe0f", True),
        ("Desk", "\u200eDesk", True),
        ("Your Desk", "Your  Desk", True),
        ("Your Desk", "Your \u2800Desk", True),
        ("Desk", "Dusk", False),
        ("Your Desk", "YourDesk", False),
        ("Zoë", "Zoe", False),
        ("Иван", "Ivan", False),
        ("ian", "lan", False),
    ],
)
def test_alike(one: str, other: str, alike: bool) -> None:
    assert are_alike(one, other) is alike


@pytest.mark.parametrize("text", ["ѵесо", "арріе", "օս", "ꓡꓲꓢꓴ", "ɡoogle"])
def test_another_script_in_the_shape_of_ascii(text: str) -> None:
    assert is_like_ascii(text)


@pytest.mark.parametrize("text", ["veco", "банк", "straße", "œuvre", "ελλάδα", "שלום", "東京", "ş"])
def test_a_word_of_its_own_script(text: str) -> None:
    assert not is_like_ascii(text)


@pytest.mark.parametrize(
    "text", ["Zoë", "Иван Ivan", "日本語テスト", "한국abc", "Ann 2", "علی\u200cرضا"]
)
def test_a_plain_name(text: str) -> None:
    require_plain(text, what="The name", field="name", others=[text, "Somebody"])


@pytest.mark.parametrize("text", ["Аdmin", "Bаnk Service", "Gοogle"])
def test_a_name_of_two_scripts(text: str) -> None:
    with pytest.raises(InvalidInput, match="mixes") as refused:
        require_plain(text, what="The name", field="name")
    assert refused.value.details == {"field": "name"}


@pytest.mark.parametrize("turn", ["\u202e", "\u202b", "\u2067", "\u2068"])
def test_a_name_that_is_shown_in_another_order(turn: str) -> None:
    with pytest.raises(InvalidInput, match="turn the order") as refused:
        require_plain(f"{turn}ecivreS", what="The name", field="name")
    assert refused.value.code == "look_alike"
    require_plain("\u200fשרות", what="The name", field="name")


def test_a_skeleton_stays_itself_and_is_bounded() -> None:
    for text in ("Аdmin", "rnybank", "straße", "ﬁ", "0OlI1|"):
        assert skeleton(skeleton(text)) == skeleton(text)
    assert len(skeleton("m" * 10**6)) == 2 * LONGEST
