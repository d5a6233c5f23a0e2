"""An audience: which live chats (docs/audiences.md).

The one language for the board, sends, the API and incidents. What a person may see is added where
chats are read (console.interactions.selectors), so one definition can mean fewer chats for one
person than for another, and never others.
"""

from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Q

from console.actors import Actor
from console.interactions.audience import language, reading
from console.interactions.audience.conditions import condition_of
from console.interactions.audience.values import Condition, Everyone, Group, Node, conditions_in


@dataclass(frozen=True, slots=True)
class Audience:
    """A whole audience. It is never empty: every live chat is said as `everyone`."""

    root: Node

    @classmethod
    def from_mapping(cls, raw: object) -> Self:
        """Read what JSON has. Raises InvalidInput, which says where."""
        return cls(reading.read(raw))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text form. Raises InvalidInput, which says where."""
        return cls(language.parse(text))

    def and_also(self, other: "Audience") -> "Audience":
        """Return what is in both. Everyone narrows nothing."""
        if self.is_everyone or self == other:
            return other
        return self if other.is_everyone else Audience(Group((self.root, other.root)))

    def to_mapping(self) -> dict[str, Any]:
        """Return it in types that JSON has; `from_mapping` reads it again."""
        return reading.written(self.root)

    def to_text(self) -> str:
        """Return it in the text form; `from_text` reads it again."""
        return language.text_of(self.root)

    def to_condition(self, actor: Actor) -> Q:
        """Return the condition for chats. Raises InvalidInput for a team, a notice or a send that
        is not there for this actor: nobody can say which chats that would be."""
        return condition_of(self.root, actor)

    @property
    def is_everyone(self) -> bool:
        return isinstance(self.root, Everyone)

    @property
    def conditions(self) -> list[Condition]:
        return list(conditions_in(self.root))
