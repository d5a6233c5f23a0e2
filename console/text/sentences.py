"""Sentences as a code with parameters. They are worded where somebody reads them.

A Sentence is a `str`: its English words. Logs, the ledger and programs get these. It also knows its
`code`, the `template` of its words, and the `params` that the template names. From these
`console.text.wording.worded` makes the words in a reader's language.

A template is a literal, so that `manage.py makemessages` finds it. It names its parameters in
braces, if needed with one of these forms:

    {name}          the value as it is; the items of a list, with commas between
    {number:,}      a number with groups of digits
    {label:lower}   a term in the middle of a sentence
    {names:and}     the items of a list, with "and" between; likewise :or and :and_also
    {all:spaced}    the items of a list, with blanks between: sentences in a row
    {at:clock}      a time with its day
    {tag:language}  a language, by its tag

A parameter is a text, a number, a time, another Sentence, or a list of these. A parameter must not
contain secrets, or anything that the reader may not see: programs get all of them.

This needs only the standard library, so that `console.esp` can use it for its errors.
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
# The start of a stored sentence. Text from before there were codes begins with a letter.
_STORED = '{"code":'
# A stored template may name parameters and their forms, but no attributes or items of them.
_ONLY_NAMES = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\w+(?:![rs])?(?::[\w,]*)?\})*")


class Sentence(str):
    """English words that know their code, template and parameters. `code` is "" for a part of a
    sentence.

    `template` may be another Sentence, for instance one from `counted`: its words then get another
    code. `plural` is the template for a `params["n"]` other than one.
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
    """A code with its template, known to all processes. Stored sentences are worded by it later."""

    def __init__(self, code: str, template: str) -> None:
        self.code = code
        self.template = template

    def __call__(self, **params: Any) -> Sentence:
        """Return the sentence with these parameters. A send may have the same for each of a hundred
        thousand chats, so those with texts alone are cached."""
        if all(type(value) is str for value in params.values()):
            return _remembered(self, tuple(params.items()))
        return Sentence(self.code, self.template, **params)


@lru_cache(REMEMBERED)
def _remembered(said: Wording, params: tuple[tuple[str, str], ...]) -> Sentence:
    return Sentence(said.code, said.template, **dict(params))


# Forms of parameters that need more than this module has. The functions take the parameter and the
# code of the reader's language, and return text. console.text.wording adds them.
FORMS: dict[str, Callable[[Any, str], str]] = {}
# All wordings, by code. console.sends.reasons and others declare them.
WORDINGS: dict[str, Wording] = {}


def wording(code: str, template: str) -> Wording:
    """Declare the wording of a code that may be stored. Raises ValueError if the code has one."""
    if code in WORDINGS:
        raise ValueError(f"The code {code} has a wording already.")
    WORDINGS[code] = Wording(code, template)
    return WORDINGS[code]


def gettext_noop(message: str) -> str:
    """Mark a literal for `makemessages`, which knows this name. Django's own function reads the
    settings, and must not be called while these are loaded."""
    return message


def term(template: str, /, **params: Any) -> Sentence:
    """Return a part of a sentence: a parameter that is translated as well."""
    return _made("", template, "", params)


def counted(one: str, many: str, /, *, n: int, **params: Any) -> Sentence:
    """Return a part of a sentence, or one without its code yet, whose words depend on the number
    `n`."""
    return _made("", one, many, {"n": n, **params})


def sentence_of(error: Exception) -> Sentence:
    """Return an error's own Sentence, or the text of a foreign error as a part of a sentence."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Sentence) else term("{words}", words=str(error))


def by_name(words: Mapping[str, str]) -> Sentence:
    """Return the errors of several fields in one sentence, each after its field's name."""
    parts = [term("{name}: {words}", name=name, words=text) for name, text in words.items()]
    return term("{parts:semicolon}", parts=parts)


JOINTS = {"semicolon": "; ", "and": " and ", "or": " or ", "and_also": ", and ", "spaced": " "}


class Words(Formatter):
    """Formats sentences in English. console.text.wording does so in other languages."""

    @property
    def reader(self) -> str:
        """The code of the reader's language."""
        return "en"

    def of(self, sentence: Sentence) -> str:
        template = self.translated(sentence)
        # Without parameters, braces are literal.
        return self.vformat(template, (), sentence.params) if sentence.params else template

    def translated(self, sentence: Sentence) -> str:
        is_many = sentence.plural and sentence.params.get("n") != 1
        return sentence.plural if is_many else sentence.template

    def joint(self, spec: str) -> str:
        """Return the separator of a list's items."""
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
    """Return a Sentence. A send makes one for each chat, so common ones do without a Formatter."""
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
    """Return the same sentence, with each text among its parameters changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, Sentence):
            return with_texts(value, change)
        if isinstance(value, list):
            return [changed(item) for item in value]
        return change(value) if isinstance(value, str) else value

    params = {name: changed(value) for name, value in said.params.items()}
    return _made(said.code, said.template, said.plural, params)


def _param(value: Any) -> Any:
    """Return a storable value: a person, an error or a path becomes its text."""
    if value is None or isinstance(value, (str, int, float, date)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_param(item) for item in value]
    return str(value)


def _quickly(template: str, params: dict[str, Any]) -> str | None:
    """Return the words of a sentence that does not need Words; None for all others."""
    if any(type(value) not in _PLAIN for value in params.values()):
        return None
    try:
        return template.format_map(params) if params else template
    except ValueError:  # one of the forms above, such as `lower`
        return None


def plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON data, for programs. A nested sentence becomes its code, words and
    parameters; a term becomes its English words."""
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
    """Return a sentence as JSON data for `from_parts`: its code and parameters, and its template
    unless that is the declared wording of the code."""
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
    # A time stays a time, since a template may format it.
    return {"at": value.isoformat()} if isinstance(value, datetime) else _scalar(value)


def from_parts(parts: Mapping[str, Any]) -> Sentence:
    """Return the sentence that `as_parts` took apart. A code without a usable template becomes its
    own text."""
    code = str(parts["code"])
    known = WORDINGS.get(code)
    template = str(parts.get("template") or (known.template if known else code))
    if not _ONLY_NAMES.fullmatch(template):
        template = code
    params = {name: _from_kept(value) for name, value in parts.get("params", {}).items()}
    try:
        said = _made(code, template, parts.get("plural", ""), params)
    except (KeyError, ValueError, TypeError):  # the template's parameters have changed
        said = Sentence(code, code)
        said.params = params
    return said


def _from_kept(value: Any) -> Any:
    if isinstance(value, dict):
        return from_parts(value) if "code" in value else datetime.fromisoformat(value["at"])
    return [_from_kept(item) for item in value] if isinstance(value, list) else value


def stored(text: str) -> str:
    """Return the form for a column of text: a Sentence becomes its code and parameters, as JSON.
    Foreign text that looks like that becomes a parameter, so that `read_stored` takes it for
    text."""
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
    """Return the text that `stored` encoded. Text from before there were codes stays as it is."""
    if not text.startswith(_STORED):
        return text
    try:
        return from_parts(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
