"""The audience language in JSON.

An object whose members must all hold. A member is a field with a value, a list of values or
`{op: value}`; or `all`, `any` (lists of objects) or `not` (an object). `{"everyone": true}` stands
alone.
"""

from collections.abc import Iterator
from typing import Any

from console.interactions.audience.fields import FIELDS, invalid, known_field, make_condition
from console.interactions.audience.values import (
    CONDITIONS_MOST,
    DEPTH_MOST,
    Condition,
    Everyone,
    Group,
    Node,
    Not,
    Op,
    group,
)

OPS = {op.value: op for op in Op}


def read(raw: object) -> Node:
    """Read an audience. Raises InvalidInput."""
    if isinstance(raw, dict) and "everyone" in raw:
        if raw["everyone"] is not True or len(raw) > 1:
            raise invalid(
                "everyone means every live chat: say true, and leave the other conditions out."
            )
        return Everyone()
    node = _object(raw, 1)
    require_few(node)
    return node


def require_few(node: Node) -> None:
    """Raise InvalidInput for too many conditions."""
    if _number(node) > CONDITIONS_MOST:
        raise invalid("Use at most {limit} conditions.", limit=CONDITIONS_MOST)


def _number(node: Node) -> int:
    if isinstance(node, Group):
        return sum(map(_number, node.members))
    return _number(node.member) if isinstance(node, Not) else 1


def _object(raw: object, depth: int) -> Node:
    if depth > DEPTH_MOST:
        raise invalid("Use at most {limit} groups inside of one another.", limit=DEPTH_MOST)
    if not isinstance(raw, dict) or not raw:
        raise invalid(
            "Say which chats, for example {example}, or {all} for every live chat that you see.",
            example='{"queue": "billing"}',
            all='{"everyone": true}',
        )
    if len(raw) > CONDITIONS_MOST:
        raise invalid("Use at most {limit} conditions.", limit=CONDITIONS_MOST)
    members = [node for name, value in raw.items() for node in _member(str(name), value, depth)]
    return group(tuple(members))


def _member(name: str, value: object, depth: int) -> Iterator[Node]:
    if name in ("all", "any"):
        yield _several(name, value, depth)
    elif name == "not":
        yield Not(_object(value, depth + 1))
    elif name == "everyone":
        raise invalid("everyone stands alone, and not inside of other conditions.")
    elif known_field(name).has_keys:
        if not isinstance(value, dict) or not value:
            raise invalid(
                "{name}: name its keys, as in {example}.", name=name, example='{"Plan": "gold"}'
            )
        for key, one in value.items():
            yield from _conditions(name, str(key), one)
    else:
        yield from _conditions(name, "", value)


def _several(name: str, value: object, depth: int) -> Node:
    if not isinstance(value, list) or not value:
        raise invalid("{name}: give a list of conditions, at least one.", name=name)
    if len(value) > CONDITIONS_MOST:
        raise invalid("Use at most {limit} conditions.", limit=CONDITIONS_MOST)
    members = tuple(_object(each, depth + 1) for each in value)
    return group(members, is_any=name == "any")


def _conditions(name: str, key: str, value: object) -> Iterator[Condition]:
    """Yield the conditions of one member: `{op: value}` may have two, as from and to."""
    field = FIELDS[name]
    if not isinstance(value, dict) or field.has_objects:
        if field.plain_op is None:
            raise invalid(
                "{name}: say how to compare, by one of {known}.",
                name=name,
                known=[each.value for each in field.ops],
            )
        values = value if isinstance(value, list) else [value]
        yield make_condition(name, key, field.plain_op, values)
        return
    if not value:
        raise invalid("{name} is empty: give a value, or leave it out.", name=name)
    for op, compared in value.items():
        if op not in OPS:
            raise invalid(
                "{name} can't be compared by {op!r}; use {known}.",
                name=name,
                op=str(op)[:40],
                known=[each.value for each in field.ops],
            )
        yield from _compared(name, key, OPS[op], compared)


def _compared(name: str, key: str, op: Op, compared: object) -> Iterator[Any]:
    if op is not Op.EXISTS:
        values = compared if isinstance(compared, list) else [compared]
        yield make_condition(name, key, op, values)
        return
    if not isinstance(compared, bool):
        raise invalid("{name}: exists is true or false.", name=name)
    has = make_condition(name, key, op, ())
    yield has if compared else Not(has)


def written(node: Node) -> dict[str, Any]:
    """Return an audience as JSON has it."""
    if isinstance(node, Everyone):
        return {"everyone": True}
    if isinstance(node, Not):
        return {"not": written(node.member)}
    if isinstance(node, Group):
        return {"any" if node.is_any else "all": [written(member) for member in node.members]}
    value = _written_value(node)
    return {node.field: {node.key: value} if node.key else value}


def _written_value(condition: Condition) -> Any:
    field = FIELDS[condition.field]
    if condition.op is Op.EXISTS:
        return {"exists": True}
    values = [field.write(value) for value in condition.values]
    plain: Any = values[0] if len(values) == 1 else values
    return plain if condition.op is field.plain_op else {condition.op.value: plain}
