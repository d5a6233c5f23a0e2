"""What counts as nothing, and as one line."""

import pytest

from console.text.visible import is_blank, is_one_line, normal_line, one_line

NOTHING = {
    "empty": "",
    "blank": " \t\n",
    "no-break space": "\u00a0",
    "ideographic space": "\u3000",
    "zero width space": "\u200b",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "combining grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
    "Hangul choseong filler": "\u115f",
    "halfwidth Hangul filler": "\uffa0",
    "Braille blank": "\u2800",
    "joiners alone": "\u200c\u200d",
    "direction marks": "\u200e\u200f\u061c",
    "override": "\u202e\u202c",
    "isolate": "\u2068\u2069",
    "variation selector": "\ufe0f",
    "Mongolian vowel separator": "\u180e",
    "Khmer inherent vowel": "\u17b4",
    "tags": "\U000e0041",
    "controls": "\x00\x07\x1b\x85",
    "musical null note head": "\U0001d159",
    "interlinear annotation": "\ufff9\ufffb",
    "line separator": "\u2028",
    "many of them": " \u200b\u3164\u2800 ",
}
SOMETHING = {
    "letter": "a",
    "letter among them": "\u200ba\u2800",
    "Persian with a joiner": "می\u200cخواهم",
    "family emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "heart with its selector": "\u2764\ufe0f",
    "Hebrew with points": "שָׁלוֹם",
    "Arabic number sign": "\u0600",
    "combining mark": "\u0301",
    "full stop": ".",
    "Braille letter": "\u2801",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_what_people_see_as_nothing_is_blank(text: str) -> None:
    assert is_blank(text)
    assert normal_line(text) == ""


@pytest.mark.parametrize("text", SOMETHING.values(), ids=SOMETHING)
def test_what_people_see_is_not_blank_and_stays_as_it_is(text: str) -> None:
    assert not is_blank(text)
    assert one_line(text) == text
    assert is_one_line(text)


def test_all_that_breaks_a_line_becomes_one_blank() -> None:
    for breaks in ("\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\0"):
        assert not is_one_line(f"a{breaks}b")
        assert one_line(f"a{breaks}b") == "a b"


def test_a_line_that_was_typed_is_kept_in_one_form() -> None:
    assert normal_line("  Zoe\u0308 \u00a0") == "Zoë"
