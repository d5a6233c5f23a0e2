"""An audience while somebody writes it: what is wrong with each of its conditions."""

from console.actors import Actor
from console.errors import ConsoleError
from console.interactions.audience import language
from console.interactions.audience.conditions import condition_of
from console.interactions.audience.fields import make_condition
from console.interactions.audience.values import Condition, Draft, Node


def read_draft(text: str) -> Node:
    """Read what may not be finished. Raises InvalidInput for a text that has no structure."""
    return language.parse_draft(text)


def draft_text(node: Node) -> str:
    """Return the text form, in which a value that is not there yet stands as an empty one."""
    return language.text_of(node)


def problem(condition: Draft, actor: Actor) -> str:
    """Return why a condition can't be used, as a sentence; "" if it can."""
    try:
        condition_of(finished(condition), actor)
    except ConsoleError as refusal:
        return refusal.message
    return ""


def finished(condition: Draft) -> Condition:
    """Return the condition itself. Raises InvalidInput."""
    return make_condition(condition.field, condition.key, condition.op, condition.values)
