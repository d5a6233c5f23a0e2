"""Comparing two versions takes a moment, whatever their texts."""

import difflib
import re
from typing import Any

import pytest

from console.web.templatetags.differences import COMPARED_TOKENS, difference

LIMIT = 4096


@pytest.fixture
def _no_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any, **_named: Any) -> None:
        raise AssertionError("compared word by word")

    monkeypatch.setattr(difflib, "SequenceMatcher", refused)


@pytest.mark.usefixtures("_no_comparing")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("." * LIMIT, "!" + "." * (LIMIT - 2) + "?"),
        (".!" * 400, ".?" * 400),
        ("a " * (COMPARED_TOKENS // 2 + 1), "b"),
    ],
)
def test_where_it_would_take_long_all_went_and_all_came(old: str, new: str) -> None:
    parts = re.findall(r"<(\w+)>(.*?)</\1>", difference(old, new))
    assert [name for name, _text in parts if name != "span"] == ["del", "ins"]
    assert "".join(text for name, text in parts if name != "ins") == old
    assert "".join(text for name, text in parts if name != "del") == new


def test_a_change_within_a_long_text_is_still_shown_alone() -> None:
    text = "word " * 400
    assert difference(f"{text}old {text}", f"{text}new {text}") == (
        f"<span>{text}</span><del>old</del><ins>new</ins><span> {text}</span>"
    )


def test_two_changes_are_shown_by_themselves() -> None:
    assert difference("Dear Ann, hello", "Dear Bob, hi") == (
        "<span>Dear </span><del>Ann</del><ins>Bob</ins><span>, </span><del>hello</del><ins>hi</ins>"
    )
    assert difference("a", "a") == "<span>a</span>"
