"""Sentences that the console says, as a code with parameters: worded where somebody reads them.

A Sentence is a `str`: its English words. Logs, the ledger and programs get these. It also knows its
`code`, the `template` that its words are made of, and the `params` that the template names. With
these `console.text.wording.worded` says the same in the language of a reader.

A template is a literal, so that `manage.py makemessages` finds it. It names its parameters in
braces, with one of these forms where it needs one:

    {name}          as it is; of a list its items, with commas between
    {number:,}      a number with groups of digits
    {label:lower}   a term in the middle of a sentence
    {names:and}     of a list its items, with "and" between; in the same way :or and :and_also
    {all:spaced}    of a list its items, with blanks between: sentences that follow one another
    {at:clock}      a time with its day
    {tag:language}  a language, by its tag

A parameter is a text, a number, a time, another Sentence, or a list of these. Nothing in a
parameter may be secret, and nothing that the reader may not see: programs get all of them.

This needs the standard library alone, so that `console.esp` can say what went wrong by it.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from string import Formatter
from typing import Any

_PLAIN = (str, int, float)
REMEMBERED = 256
# How a column of text tells a stored sentence from old words, which begin with a letter.
_STORED = '{"code":'
# A stored template may name its parameters and their forms, and reaches for nothing inside of them.
_ONLY_NAMES = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\w+(?:![rs])?(?::[\w,]*)?\})*")


class Sentence(str):
    """English words that know what they are made of. `code` is "" for a part of a sentence.

    `template` may be another Sentence, for instance one that `counted` made: then this says the
    same under another code. `plural` is the template that holds where `params["n"]` is not one.
    """

    code: str
    template: str
    plural: str
    params: dict[str, Any]

    def __new__(cls, code: str, template: str, /, **params: Any) -> "Sentence":
        if isinstance(template, Sentence):
            return _made(code, template.template, template.plural, template.params)
        return _made(code, template, "", params)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.code, self.template, self.plural, self.params)


class Wording:
    """A code with its template, known to all processes: what is stored is worded by it later."""

    def __init__(self, code: str, template: str) -> None:
        self.code = code
        self.template = template

    def __call__(self, **params: Any) -> Sentence:
        """A send may say the same of each of a hundred thousand chats: that is made once."""
        if all(type(value) is str for value in params.values()):
            return _remembered(self, tuple(params.items()))
        return Sentence(self.code, self.template, **params)


@lru_cache(REMEMBERED)
def _remembered(said: Wording, params: tuple[tuple[str, str], ...]) -> Sentence:
    return Sentence(said.code, said.template, **dict(params))


# Forms of parameters that take more to know than is known here: from the parameter and the code of
# the reader's language to words. console.text.wording has them.
FORMS: dict[str, Callable[[Any, str], str]] = {}
# By code, all wordings that there are; console.sends.reasons and others declare them.
WORDINGS: dict[str, Wording] = {}


def wording(code: str, template: str) -> Wording:
    """Declare how a code is worded that may be stored, once in the console."""
    if code in WORDINGS:
        raise ValueError(f"The code {code} has a wording already.")
    WORDINGS[code] = Wording(code, template)
    return WORDINGS[code]


def gettext_noop(message: str) -> str:
    """Mark a literal for `makemessages`, which knows this name. Django's own function reads the
    settings, and must not be called while these are loaded."""
    return message


def term(template: str, /, **params: Any) -> Sentence:
    """A part of a sentence: a parameter that is translated as well."""
    return _made("", template, "", params)


def counted(one: str, many: str, /, *, n: int, **params: Any) -> Sentence:
    """A part of a sentence, or one without its code yet, whose words depend on the number `n`."""
    return _made("", one, many, {"n": n, **params})


def sentence_of(error: Exception) -> Sentence:
    """What an error says: its own Sentence, or the words of one that is not ours."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Sentence) else term("{words}", words=str(error))


def by_name(words: Mapping[str, str]) -> Sentence:
    """What is wrong with several fields, by their names."""
    parts = [term("{name}: {words}", name=name, words=text) for name, text in words.items()]
    return term("{parts:semicolon}", parts=parts)


JOINTS = {"semicolon": "; ", "and": " and ", "or": " or ", "and_also": ", and ", "spaced": " "}


class Words(Formatter):
    """Makes words of sentences, in English. console.text.wording does so in other languages."""

    @property
    def reader(self) -> str:
        """The code of the reader's language."""
        return "en"

    def of(self, sentence: Sentence) -> str:
        template = self.translated(sentence)
        # Without parameters, a brace is a brace.
        return self.vformat(template, (), sentence.params) if sentence.params else template

    def translated(self, sentence: Sentence) -> str:
        is_many = sentence.plural and sentence.params.get("n") != 1
        return sentence.plural if is_many else sentence.template

    def joint(self, spec: str) -> str:
        """What stands between the items of a list."""
        return JOINTS.get(spec, ", ")

    def number(self, value: Any) -> str:
        return f"{value:,}"

    def clock(self, at: datetime) -> str:
        return f"{at:%H:%M} on {at.day} {at:%B %Y}"

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, (list, tuple)):
            return self.joint(format_spec).join(self.format_field(item, "") for item in value)
        if isinstance(value, Sentence):
            value = self.of(value)
        if format_spec == "lower":
            return str(value).lower()
        if format_spec == "clock":
            return self.clock(value)
        if format_spec == ",":
            return self.number(value)
        if format_spec in FORMS:
            return FORMS[format_spec](value, self.reader)
        return format(value, format_spec)


ENGLISH = Words()


def _made(code: str, template: str, plural: str, params: dict[str, Any]) -> Sentence:
    """Sentences are made for each chat of a send: the common ones without a Formatter's work."""
    if any(type(value) not in _PLAIN for value in params.values()):
        params = {name: _param(value) for name, value in params.items()}
    words = None if plural else _quickly(template, params)
    said = str.__new__(Sentence, words or "")
    said.code, said.template, said.plural, said.params = code, template, plural, params
    if words is not None:
        return said
    whole = str.__new__(Sentence, ENGLISH.of(said))
    whole.__dict__ = said.__dict__
    return whole


def with_texts(said: Sentence, change: Callable[[str], str]) -> Sentence:
    """The same sentence, each text among its parameters changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, Sentence):
            return with_texts(value, change)
        if isinstance(value, list):
            return [changed(item) for item in value]
        return change(value) if isinstance(value, str) else value

    params = {name: changed(value) for name, value in said.params.items()}
    return _made(said.code, said.template, said.plural, params)


def _param(value: Any) -> Any:
    """What can be kept: of a person, an error or a path its words."""
    if value is None or isinstance(value, (str, int, float, date)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_param(item) for item in value]
    return str(value)


def _quickly(template: str, params: dict[str, Any]) -> str | None:
    """The words of a sentence that needs nothing of Words; None for all others."""
    if any(type(value) not in _PLAIN for value in params.values()):
        return None
    try:
        return template.format_map(params) if params else template
    except ValueError:  # a form of its own, such as `lower`
        return None


def plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON data, for programs. A nested sentence has its code, words and parameters;
    a term is its English words."""
    return {name: _plain(value) for name, value in params.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        if not value.code:
            return str(value)
        return {
            "code": value.code,
            "message": str(value),
            "params": plain_params(value.params),
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def as_parts(said: Sentence) -> dict[str, Any]:
    """A sentence as JSON data from which `from_parts` makes it again: its code and parameters, and
    its template where no wording is declared for the code."""
    parts: dict[str, Any] = {"code": said.code}
    known = WORDINGS.get(said.code)
    if known is None or known.template != said.template:
        parts["template"] = said.template
    if said.plural:
        parts["plural"] = said.plural
    if said.params:
        parts["params"] = {name: _kept(value) for name, value in said.params.items()}
    return parts


def _kept(value: Any) -> Any:
    if isinstance(value, Sentence):
        return as_parts(value)
    if isinstance(value, (list, tuple)):
        return [_kept(item) for item in value]
    # A time keeps its form: a template may say how it is written.
    return {"at": value.isoformat()} if isinstance(value, datetime) else _scalar(value)


def from_parts(parts: Mapping[str, Any]) -> Sentence:
    """The sentence that `as_parts` took apart. A code that nobody knows stands for itself."""
    code = str(parts["code"])
    known = WORDINGS.get(code)
    template = str(parts.get("template") or (known.template if known else code))
    if not _ONLY_NAMES.fullmatch(template):
        template = code
    params = {name: _from_kept(value) for name, value in parts.get("params", {}).items()}
    try:
        said = _made(code, template, parts.get("plural", ""), params)
    except (KeyError, ValueError, TypeError):  # the template has other parameters now
        said = Sentence(code, code)
        said.params = params
    return said


def _from_kept(value: Any) -> Any:
    if isinstance(value, dict):
        return from_parts(value) if "code" in value else datetime.fromisoformat(value["at"])
    return [_from_kept(item) for item in value] if isinstance(value, list) else value


def stored(text: str) -> str:
    """Return what a column of text holds: of a Sentence its code and parameters, as JSON. Foreign
    text that looks like that becomes a parameter, so that `read_stored` takes it for text."""
    if not isinstance(text, Sentence) or not text:
        if not text.startswith(_STORED):
            return str(text)
        text = term("{words}", words=str(text))
    kept: str | None = text.__dict__.get("kept")
    if kept is None:
        kept = json.dumps(as_parts(text), ensure_ascii=False, separators=(",", ":"))
        text.__dict__["kept"] = kept
    return kept


def read_stored(text: str) -> str:
    """What `stored` made a text of. Words that were stored before there were codes stay words."""
    if not text.startswith(_STORED):
        return text
    try:
        return from_parts(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
