"""The audience language as a text, as it stands in a page's address.

    queue:billing,sales waiting>5m (data.Plan:gold or no:agent) not received:notice/delay

Conditions side by side must all hold; `or` and parentheses make other groups. `:` means is, `~`
contains, `^` begins with; `>`, `>=`, `<` and `<=` compare; `has:FIELD` and `no:FIELD` ask for a
value. A word alone is looked for in the customer, the id, the queue and the agent. A value with
blanks, commas or parentheses stands in quotes. Reading takes linear time.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from console.interactions.audience.fields import FIELDS, invalid, known_field, make_condition
from console.interactions.audience.reading import require_few
from console.interactions.audience.values import (
    DEPTH_MOST,
    TEXT_MOST,
    Condition,
    Draft,
    Everyone,
    Group,
    Node,
    Not,
    Op,
    group,
)
from console.text.visible import is_blank

SIGNS = {
    ":": Op.IS,
    "~": Op.CONTAINS,
    "^": Op.BEGINS_WITH,
    ">=": Op.AT_LEAST,
    ">": Op.MORE_THAN,
    "<=": Op.AT_MOST,
    "<": Op.LESS_THAN,
}
BY_OP = {op: sign for sign, op in SIGNS.items()}
KEYWORDS = frozenset(("and", "or", "not", "everyone"))
SIGN = re.compile(r">=|<=|[:~^<>]")
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
NAME = re.compile(r'[^\s()",:~^<>]+')
VALUE = re.compile(r'[^\s()",]+')
BLANKS = re.compile(r"\s*")
PLAIN = re.compile(r'[^\s()",:~^<>\\-][^\s()",:~^<>\\]*')
PLAIN_VALUE = re.compile(r'[^\s()",\\]+')
Make = Callable[[str, str, Op, Sequence[Any]], Condition]


def parse(text: str) -> Node:
    """Read an audience. Raises InvalidInput, which says where it ends to make sense."""
    return _parse(text, make_condition)


def parse_draft(text: str) -> Node:
    """Read an audience that somebody is writing: its conditions (Draft) may lack values, or have
    some that can't be read. Raises InvalidInput for a text that has no structure."""
    return _parse(text, _draft)


def _draft(name: str, key: str, op: Op, raw: Sequence[Any]) -> Draft:
    known_field(name)
    return Draft(name, op, tuple(map(str, raw)), key)


def _parse(text: str, make: Make) -> Node:
    if len(text) > TEXT_MOST:
        raise invalid("Use at most {limit:,} characters.", limit=TEXT_MOST)
    if "\0" in text or is_blank(text):
        raise invalid(
            "Say which chats, for example queue:billing, or everyone for every live chat."
        )
    if text.strip().lower() == "everyone":
        return Everyone()
    reader = _Reader(text, make)
    node = reader.any_of(1)
    if not reader.is_over():
        raise reader.refusal("Here is a parenthesis too many")
    require_few(node)
    return node


@dataclass(slots=True)
class _Reader:
    """Reads from left to right. `at` is the place of the next character."""

    text: str
    make: Make
    at: int = 0

    def is_over(self) -> bool:
        self.at = BLANKS.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.at >= len(self.text)

    def refusal(self, says: str) -> Exception:
        rest = self.text[self.at : self.at + 30]
        return invalid("{says}, at {rest!r}.", says=says, rest=rest or "the end")

    def takes(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[found.lastindex or 0]

    def any_of(self, depth: int) -> Node:
        if depth > DEPTH_MOST:
            raise invalid("Use at most {limit} groups inside of one another.", limit=DEPTH_MOST)
        members = [self.all_of(depth)]
        while self.takes_word("or"):
            members.append(self.all_of(depth))
        return group(tuple(members), is_any=True)

    def all_of(self, depth: int) -> Node:
        members = [self.member(depth)]
        while not self.is_over() and self.text[self.at] != ")" and not self.sees_word("or"):
            self.takes_word("and")
            members.append(self.member(depth))
        return group(tuple(members))

    def member(self, depth: int) -> Node:
        if self.is_over():
            raise self.refusal("A condition is missing")
        if self.takes_word("not") or self.takes(re.compile("-")) is not None:
            # Each `not` counts as a group, so that a long row of them is refused as a deep one is.
            if depth >= DEPTH_MOST:
                raise invalid("Use at most {limit} groups inside of one another.", limit=DEPTH_MOST)
            return Not(self.member(depth + 1))
        if self.text[self.at] == "(":
            self.at += 1
            inner = self.any_of(depth + 1)
            if self.is_over() or self.text[self.at] != ")":
                raise self.refusal("A closing parenthesis is missing")
            self.at += 1
            return inner
        return self.condition()

    def sees_word(self, word: str) -> bool:
        if self.is_over():
            return False
        found = NAME.match(self.text, self.at)
        if found is None or found[0].lower() != word:
            return False
        # A field of that name would have a sign after it.
        return SIGN.match(self.text, found.end()) is None

    def takes_word(self, word: str) -> bool:
        if not self.sees_word(word):
            return False
        self.at += len(word)
        return True

    def condition(self) -> Node:
        if self.text[self.at] == '"':
            return self.make("text", "", Op.CONTAINS, [self.quoted()])
        begin = self.at
        name = self.takes(NAME)
        if name is None:
            raise self.refusal("A condition begins with a field or a word")
        key = self.key_of(name)
        sign = self.takes(SIGN)
        if sign is None:
            self.at = begin
            return self.word()
        if name in ("has", "no") and sign == ":":
            return self.has_value(is_not=name == "no")
        field, _dot, rest = name.partition(".")
        key = rest + key if rest else key
        return self.make(field, key, SIGNS[sign], self.values(field))

    def key_of(self, name: str) -> str:
        """Take the key in quotes that follows `data.`."""
        is_quoted = name.endswith(".") and self.text[self.at : self.at + 1] == '"'
        return self.quoted() if is_quoted else ""

    def word(self) -> Node:
        word = self.takes(NAME) or ""
        if word.lower() in KEYWORDS:
            raise invalid(
                "{word} stands alone here. Put it in quotes to look for it as a text.", word=word
            )
        return self.make("text", "", Op.CONTAINS, [word])

    def has_value(self, *, is_not: bool) -> Node:
        name = self.takes(NAME)
        if name is None:
            raise self.refusal("Say of which field there is a value")
        key = self.key_of(name)
        field, _dot, rest = name.partition(".")
        has = self.make(field, rest + key, Op.EXISTS, ())
        return Not(has) if is_not else has

    def values(self, field: str) -> list[Any]:
        known_field(field)
        found = [self.value()]
        while self.text[self.at : self.at + 1] == ",":
            self.at += 1
            found.append(self.value())
        return found

    def value(self) -> str:
        if self.text[self.at : self.at + 1] == '"':
            return self.quoted()
        found = self.takes(VALUE)
        if found is None:
            raise self.refusal("A value is missing: give one, or leave the condition out")
        return found

    def quoted(self) -> str:
        found = self.takes(QUOTED)
        if found is None:
            raise self.refusal("A closing quotation mark is missing")
        return re.sub(r'\\(["\\])', r"\1", found)


# --- Writing -------------------------------------------------------------------------------------


def text_of(node: Node) -> str:
    """Return the text form of an audience."""
    return "everyone" if isinstance(node, Everyone) else _any_text(node)


def _any_text(node: Node) -> str:
    if isinstance(node, Group) and node.is_any:
        return " or ".join(_all_text(member) for member in node.members)
    return _all_text(node)


def _all_text(node: Node) -> str:
    if isinstance(node, Group) and not node.is_any:
        return " ".join(_term_text(member) for member in node.members)
    return _term_text(node)


def _term_text(node: Node) -> str:
    if isinstance(node, Group):
        return f"({_any_text(node)})"
    if isinstance(node, Not):
        if isinstance(node.member, Condition) and node.member.op is Op.EXISTS:
            return f"no:{_name(node.member)}"
        return f"not {_term_text(node.member)}"
    if isinstance(node, Everyone):
        return "everyone"
    if node.op is Op.EXISTS:
        return f"has:{_name(node)}"
    if node.field == "text":
        return _word(node.values[0])
    values = node.values if isinstance(node, Draft) else texts_of(node)
    return f"{_name(node)}{BY_OP[node.op]}{','.join(map(_value, values))}"


def texts_of(condition: Condition) -> list[str]:
    """Return the values as texts, not quoted."""
    field = FIELDS[condition.field]
    return [field.in_text(field.write(value)) for value in condition.values]


def _name(condition: Condition) -> str:
    if not condition.key:
        unfinished = isinstance(condition, Draft) and FIELDS[condition.field].has_keys
        return f'{condition.field}.""' if unfinished else condition.field
    plain = NAME.fullmatch(condition.key) and not condition.key.endswith(".")
    return f"{condition.field}.{condition.key if plain else _quoted(condition.key)}"


def _word(text: str) -> str:
    plain = PLAIN.fullmatch(text) and text.lower() not in KEYWORDS
    return text if plain else _quoted(text)


def _value(text: str) -> str:
    return text if PLAIN_VALUE.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
