"""The builder of audiences: rows of conditions that are clicked together, and the same as a text.

Each part of the tree has a path: "r" is the whole, "r.0" its first member. The inputs of a part are
named after its path. The server reads them, writes the text, and draws the rows anew. An id stays
with a part while others come and go, so that the browser keeps what is being typed in it.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _

from console.actors import Actor
from console.errors import ConsoleError
from console.interactions.audience.fields import FIELDS, WORDS, Field
from console.interactions.audience.language import texts_of
from console.interactions.audience.values import (
    CONDITIONS_MOST,
    DEPTH_MOST,
    Condition,
    Draft,
    Everyone,
    Group,
    Node,
    Not,
    Op,
    group,
)
from console.interactions.audience.writing import draft_text, problem, read_draft
from console.text.visible import is_blank

ROOT = "r"
# A form that has rows has this.
HAS_ROWS = f"id:{ROOT}"
# What `not has a value` is called in a row.
MISSING = "missing"
PART = re.compile(r"(?P<what>id|any|not|field|key|op|value):(?P<path>r(?:\.[0-9]{1,3}){0,12})")
ID = re.compile(r"[a-z0-9]{1,16}")
LISTED = re.compile(r'\s*(?:"((?:[^"\\]|\\["\\])*)"|([^,]*))\s*(?:,|$)')


# What is shown in an empty value: how it is written.
EXAMPLES = {
    "waiting": "5m",
    "language": "es",
    "received": "notice/delay, send/12=unknown+failed",
}


def new_id() -> str:
    return secrets.token_hex(4)


@dataclass(slots=True)
class Row:
    """One condition. `is_new` if it has just been added."""

    path: str
    of: Field
    key: str = ""
    op: str = Op.IS.value
    value: str = ""
    is_not: bool = False
    problem: str = ""
    id: str = field(default_factory=new_id)
    is_new: bool = False

    @property
    def ops(self) -> list[tuple[str, Any]]:
        found = [(op.value, op.label) for op in self.of.ops]
        if Op.EXISTS in self.of.ops:
            found.append((MISSING, _("has no value")))
        return found

    @property
    def takes_value(self) -> bool:
        return self.op not in (Op.EXISTS, MISSING)

    @property
    def fields(self) -> list[Field]:
        return list(FIELDS.values())

    @property
    def example(self) -> str:
        return EXAMPLES.get(self.of.name, "")

    @property
    def suggestions(self) -> str:
        """The query string of what may stand there."""
        return urlencode({"field": self.of.name, **({"key": self.key} if self.key else {})})

    @property
    def is_yes(self) -> bool:
        return self.value.lower() in ("true", "yes")


@dataclass(slots=True)
class Rows:
    """A group of conditions, of which all or any hold."""

    path: str
    members: "list[Row | Rows]" = field(default_factory=list)
    is_any: bool = False
    is_not: bool = False
    id: str = field(default_factory=new_id)

    @property
    def is_root(self) -> bool:
        return self.path == ROOT

    @property
    def may_nest(self) -> bool:
        return self.path.count(".") < DEPTH_MOST - 2


@dataclass(slots=True)
class Builder:
    """What the builder shows. `refusal` is why a text has no rows."""

    rows: Rows
    text: str = ""
    refusal: str = ""
    is_everyone: bool = False

    @property
    def problem(self) -> str:
        """The first that is wrong."""
        return self.refusal or next(_problems(self.rows), "")


def of_text(actor: Actor, text: str) -> Builder:
    """Return the rows of a text."""
    text = text.strip()
    if is_blank(text):
        return Builder(Rows(ROOT))
    try:
        node = read_draft(text)
    except ConsoleError as refusal:
        return Builder(Rows(ROOT), text, refusal.message)
    if isinstance(node, Everyone):
        return Builder(Rows(ROOT), text, is_everyone=True)
    part = _part(node, ROOT)
    rows = part if isinstance(part, Rows) and not part.is_not else Rows(ROOT, [part])
    _place(rows, ROOT)
    _judge(rows, actor)
    return Builder(rows, text)


def of_inputs(actor: Actor, given: Mapping[str, str]) -> Builder:
    """Return the rows that a form has, after the step `do` that was pressed, and their text."""
    rows = _read_rows(ROOT, _parts(given))
    what, _colon, path = given.get("do", "").partition(":")
    _step(rows, what, path)
    _place(rows, ROOT)
    _judge(rows, actor)
    node = _node(rows)
    return Builder(rows, draft_text(node) if node else "")


# --- From a tree to rows -------------------------------------------------------------------------


def _part(node: Node, path: str) -> Row | Rows:
    if isinstance(node, Not):
        part = _part(node.member, path)
        part.is_not = not part.is_not
        if isinstance(part, Row) and part.op in (Op.EXISTS, MISSING):
            part.is_not, part.op = False, MISSING if part.op == Op.EXISTS else Op.EXISTS.value
        return part
    if isinstance(node, Group):
        return Rows(path, [_part(member, path) for member in node.members], node.is_any)
    if not isinstance(node, Condition):
        raise TypeError("everyone is never inside of anything")
    texts = list(node.values) if isinstance(node, Draft) else texts_of(node)
    value = ", ".join(map(_listed, texts)) if node.op is Op.IS else "".join(texts[:1])
    return Row(path, FIELDS[node.field], node.key, node.op.value, value)


def _listed(text: str) -> str:
    """Return a value as it stands in a row that may list several."""
    if not text or (text == text.strip() and not re.search(r'[",\\]', text)):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _place(part: Row | Rows, path: str) -> None:
    part.path = path
    if isinstance(part, Rows):
        for place, member in enumerate(part.members):
            _place(member, f"{path}.{place}")


def _judge(part: Row | Rows, actor: Actor) -> None:
    if isinstance(part, Row):
        # What has just been added is not yet wrong. It is no condition either.
        part.problem = "" if part.is_new else problem(_draft(part), actor)
        return
    for member in part.members:
        _judge(member, actor)


def _problems(part: Row | Rows) -> Iterator[str]:
    if isinstance(part, Row):
        yield from [part.problem] if part.problem else []
        return
    for member in part.members:
        yield from _problems(member)


def _number(part: Row | Rows) -> int:
    return sum(map(_number, part.members)) if isinstance(part, Rows) else 1


# --- From the inputs to rows, and to a tree ------------------------------------------------------


def _parts(given: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, value in given.items():
        part = PART.fullmatch(name)
        if part is not None:
            found.setdefault(part["path"], {})[part["what"]] = value.replace("\0", "")[:4000]
    return found


def _read(path: str, parts: Mapping[str, Mapping[str, str]]) -> Row | Rows:
    said = parts.get(path, {})
    return _read_row(path, said) if "field" in said else _read_rows(path, parts)


def _read_rows(path: str, parts: Mapping[str, Mapping[str, str]]) -> Rows:
    said = parts.get(path, {})
    depth = path.count(".") + 1
    below = (each for each in parts if each.startswith(f"{path}.") and each.count(".") == depth)
    places = sorted(below, key=lambda each: int(each.rpartition(".")[2]))
    members = [_read(each, parts) for each in places]
    return Rows(path, members, said.get("any") == "any", "not" in said, _known_id(said))


def _known_id(said: Mapping[str, str]) -> str:
    found = said.get("id", "")
    return found if ID.fullmatch(found) else new_id()


def _read_row(path: str, said: Mapping[str, str]) -> Row:
    of = FIELDS.get(said["field"], FIELDS["queue"])
    row = Row(path, of, is_not="not" in said, value=said.get("value", ""), id=_known_id(said))
    row.key = said.get("key", "").strip() if of.has_keys else ""
    if of.name == "online" and row.value.lower() not in WORDS:
        row.value = "true"
    known = [name for name, _label in row.ops]
    row.op = said["op"] if said.get("op") in known else known[0]
    return row


def _draft(row: Row) -> Draft:
    op = Op.EXISTS if row.op == MISSING else Op(row.op)
    if op is Op.EXISTS:
        return Draft(row.of.name, op, (), row.key)
    values = values_in(row.value) if op is Op.IS else (row.value.strip(),)
    return Draft(row.of.name, op, values, row.key)


def values_in(written: str) -> tuple[str, ...]:
    """Return the values of a list with commas, of which some may stand in quotes."""
    found, at = [], 0
    while at < len(written) and (part := LISTED.match(written, at)):
        quoted, plain = part.groups()
        found.append(re.sub(r'\\(["\\])', r"\1", quoted) if quoted else (plain or "").strip())
        at = part.end()
    return tuple(found) or ("",)


def _node(part: Row | Rows) -> Node | None:
    if isinstance(part, Row):
        draft: Node = _draft(part)
        return Not(draft) if part.is_not != (part.op == MISSING) else draft
    members = tuple(node for node in map(_node, part.members) if node is not None)
    if not members:
        return None
    node = group(members, is_any=part.is_any)
    return Not(node) if part.is_not else node


# --- Steps ---------------------------------------------------------------------------------------


def _step(rows: Rows, what: str, path: str) -> None:
    """Add a condition or a group to the group at `path`, or remove what is there."""
    if what == "remove":
        _remove(rows, path)
        return
    found = _find(rows, path)
    if not isinstance(found, Rows) or _number(rows) >= CONDITIONS_MOST:
        return
    first = Row("", FIELDS["queue"], is_new=True)
    if what == "add":
        found.members.append(first)
    elif what == "group" and found.may_nest:
        found.members.append(Rows("", [first], is_any=not found.is_any))


def _find(part: Row | Rows, path: str) -> Row | Rows | None:
    if part.path == path:
        return part
    inside = part.members if isinstance(part, Rows) else []
    return next((found for each in inside if (found := _find(each, path))), None)


def _remove(rows: Rows, path: str) -> None:
    """Remove what is at `path`, and each group that this leaves empty."""
    kept: list[Row | Rows] = []
    for member in rows.members:
        if member.path == path:
            continue
        if isinstance(member, Rows):
            _remove(member, path)
            if not member.members:
                continue
        kept.append(member)
    rows.members = kept
