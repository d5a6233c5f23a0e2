"""From an audience to the condition of a query on chats."""

from functools import reduce
from operator import and_, or_

from django.db.models import Q

from console.actors import Actor
from console.interactions.audience.fields import FIELDS
from console.interactions.audience.values import Everyone, Group, Node, Not


def condition_of(node: Node, actor: Actor) -> Q:
    """Return the condition. Raises InvalidInput for what is named and is not there."""
    if isinstance(node, Everyone):
        return Q()
    if isinstance(node, Not):
        return ~condition_of(node.member, actor)
    if isinstance(node, Group):
        parts = [condition_of(member, actor) for member in node.members]
        return reduce(or_ if node.is_any else and_, parts)
    return FIELDS[node.field].condition(node, actor)
