"""Sentences: English words that know their code, template and parameters."""

import copy
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation

from console.errors import Conflict, InvalidInput, TooManyRequests
from console.text.sentences import (
    WORDINGS,
    Sentence,
    by_name,
    counted,
    from_parts,
    plain_params,
    read_stored,
    sentence_of,
    stored,
    term,
    with_texts,
    wording,
)
from console.text.wording import term_of, worded

AT = datetime(2027, 3, 29, 2, 30, tzinfo=UTC)
NESTED = Sentence(
    "a_code",
    "{who} has {what:and}, {number:,} in all, since {at:clock}: {why} ({state:lower}, {none})",
    who="{Ann}",
    what=[counted("{n} chat", "{n} chats", n=1), counted("{n} notice", "{n} notices", n=2)],
    number=12345,
    at=AT,
    why=Sentence("inner", "it reads {tag:language}.", tag="es"),
    state=term("Waiting"),
    none=None,
)
WORDS = (
    "{Ann} has 1 chat and 2 notices, 12,345 in all, since 02:30 on 29 March 2027: it reads "
    "Spanish. (waiting, None)"
)


def test_the_english_words_are_the_sentence() -> None:
    assert NESTED == WORDS
    assert worded(NESTED) == WORDS
    assert Sentence("c", "A brace is { a brace.") == "A brace is { a brace."


def test_it_comes_back_from_where_it_is_stored() -> None:
    for again in (read_stored(stored(NESTED)), pickle.loads(pickle.dumps(NESTED))):
        assert isinstance(again, Sentence)
        assert (again, again.code, again.params) == (NESTED, "a_code", NESTED.params)
    assert copy.deepcopy(NESTED).params == NESTED.params
    assert json.loads(stored(NESTED))["params"]["who"] == "{Ann}"


@pytest.mark.parametrize("old", ["", "Words.", "{", '{"code":', '{"code":"x"'])
def test_words_that_are_no_stored_sentence_stay_words(old: str) -> None:
    assert read_stored(old) == old
    assert read_stored(stored(old)) == old


def test_a_declared_code_is_stored_without_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.text.sentences.WORDINGS", dict(WORDINGS))
    made = wording("for_tests", "It was {what}.")
    with pytest.raises(ValueError, match="for_tests"):
        wording("for_tests", "Otherwise.")
    kept = stored(made(what="red"))
    assert kept == '{"code":"for_tests","params":{"what":"red"}}'

    made.template = "It is {what}."  # the template was changed, and so is what was said before
    assert read_stored(kept) == "It is red."
    made.template = "It is {color}."  # not what was stored: better the code than a failure
    assert read_stored(kept) == "for_tests"
    assert read_stored('{"code":"forgotten"}') == "forgotten"


def test_programs_get_the_parameters_as_json() -> None:
    plain = plain_params(NESTED.params)
    assert json.loads(json.dumps(plain)) == {
        "who": "{Ann}",
        "what": ["1 chat", "2 notices"],
        "number": 12345,
        "at": "2027-03-29T02:30:00+00:00",
        "why": {"code": "inner", "message": "it reads Spanish.", "params": {"tag": "es"}},
        "state": "Waiting",
        "none": None,
    }
    said = Sentence("c", "{file} {names}", file=Path("/a/b"), names={"x"})
    assert plain_params(said.params) == {"file": "/a/b", "names": ["x"]}


def test_texts_among_the_parameters_can_be_changed() -> None:
    said = Sentence("c", "{a} {b} {c}", a="x", b=term("{d}", d="x"), c=["x", 1])
    changed = with_texts(said, str.upper)
    assert (changed, changed.code) == ("X X X, 1", "c")
    assert said == "x x x, 1"


def test_an_error_says_its_sentence_or_words_of_its_own() -> None:
    assert sentence_of(ValueError(NESTED)) is NESTED
    assert sentence_of(ValueError("oh {no}")) == "oh {no}"
    assert by_name({"a": "x", "b": term("y")}) == "a: x; b: y"


def test_errors_have_code_words_and_parameters() -> None:
    error = Conflict(
        "taken", "There is a {what} named {name}.", {"field": "name"}, what=1, name="n"
    )
    assert (error.code, error.message, error.said.code) == (
        "taken",
        "There is a 1 named n.",
        "taken",
    )
    assert error.by_field == {"name": "There is a 1 named n."}
    again = InvalidInput(error.code, error.said)
    assert (again.message, again.said.params) == (error.message, {"what": 1, "name": "n"})
    late = TooManyRequests("late", "In {n} s.", retry_after=3, n=3)
    assert (late.message, late.retry_after, late.said.params) == ("In 3 s.", 3, {"n": 3})


def test_a_label_is_a_term_whatever_language_is_active() -> None:
    label = translation.gettext_lazy("January")
    with translation.override("de"):
        said = term_of(label)
        assert (said, worded(said)) == ("January", "Januar")
    assert from_parts({"code": "", "template": "January"}) == said


@pytest.mark.parametrize(
    "foreign",
    [
        '{"code":"x","template":"{a.__class__}","params":{"a":"b"}}',
        '{"code":"ended"}',
        '{"code":',
    ],
)
def test_foreign_text_that_looks_stored_stays_text(foreign: str) -> None:
    again = read_stored(stored(foreign))
    assert again == foreign
    assert worded(again) == foreign


@pytest.mark.parametrize(
    "template", ["{a.__class__}", "{a[0]}", "{a!r:{b}}", "{a:{a.x}}", "{0}{a.b"]
)
def test_a_stored_template_reaches_for_nothing_inside_of_its_parameters(template: str) -> None:
    parts = {"code": "odd", "template": template, "params": {"a": "secret", "b": "c"}}
    assert read_stored(json.dumps(parts, separators=(",", ":"))) == "odd"
