"""What an audience is made of: a tree of conditions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

CONDITIONS_MOST = 50
VALUES_MOST = 200
DEPTH_MOST = 10
TEXT_MOST = 4000


class Op(TextChoices):
    """How a condition compares. `is` with several values means one of them."""

    IS = "is", _("is")
    CONTAINS = "contains", _("contains")
    BEGINS_WITH = "begins_with", _("begins with")
    EXISTS = "exists", _("has a value")
    MORE_THAN = "more_than", _("more than")
    AT_LEAST = "at_least", _("at least")
    LESS_THAN = "less_than", _("less than")
    AT_MOST = "at_most", _("at most")


COMPARISONS = (Op.MORE_THAN, Op.AT_LEAST, Op.LESS_THAN, Op.AT_MOST)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `key` is the key of user data, for the field `data` alone. `values` has one
    value, or several for `is`, and none for `exists`."""

    field: str
    op: Op
    values: tuple[Any, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Draft(Condition):
    """A condition as somebody is writing it: its values are texts that nobody has read yet."""


@dataclass(frozen=True, slots=True)
class Group:
    """All (`is_any` False) or any of its members, of which there are at least two."""

    members: "tuple[Node, ...]"
    is_any: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    member: "Node"


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every live chat. It is never inside of anything, and never what an empty input means."""


Node = Condition | Group | Not | Everyone


def group(members: tuple[Node, ...], *, is_any: bool = False) -> Node:
    """Return a group of these, or the only one itself."""
    return members[0] if len(members) == 1 else Group(members, is_any)


def conditions_in(node: Node) -> Iterator[Condition]:
    """Yield all conditions, in their order."""
    if isinstance(node, Condition):
        yield node
    elif isinstance(node, Not):
        yield from conditions_in(node.member)
    elif isinstance(node, Group):
        for member in node.members:
            yield from conditions_in(member)
