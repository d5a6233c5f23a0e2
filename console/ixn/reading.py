"""Reads the SDK's objects as plain values: no Java leaves this package."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from console.esp import jvm
from console.esp.psdk.sdk import Sdk
from console.ixn.classes import getters, number_of
from console.ixn.errors import SnapshotFailed
from console.ixn.snapshots import Properties

# The properties of InteractionProperties that the poller reads (docs/poller.md).
NAMES = (
    *("Id", "Mediatype", "TenantId", "State", "Queue", "AgentId", "ReceivedAt"),
    *("IsOnline", "UserData"),
)
PREFIX = "interaction"


class Reading:
    """Reads answers with the classes of one SDK."""

    def __init__(self, sdk: Sdk) -> None:
        self._sdk = sdk
        self._number = jvm.java_class("java.lang.Number")
        self._boolean = jvm.java_class("java.lang.Boolean")
        self._date = jvm.java_class("java.util.Date")
        self._map = jvm.java_class("java.util.Map")

    def interactions(self, answer: Any) -> list[Properties]:
        """Return the interactions of a page. Their property's name is not documented. So this takes
        the answer's one property of interactions: objects, KV lists, or KV lists by their ids."""
        named = [name for name in getters(answer) if name.lower().endswith("interactions")]
        values = [(name, getattr(answer, name)()) for name in named]
        lists = [(name, value) for name, value in values if not self._is_plain(value)]
        if len(lists) != 1:
            raise SnapshotFailed(
                f"Which part of the SDK's {answer.getClass().getSimpleName()} has the interactions "
                f"can't be told: it has {', '.join(getters(answer)) or 'nothing to read'}. This "
                "SDK is of another kind than docs/poller.md knows."
            )
        return [] if lists[0][1] is None else list(self._each(lists[0][1]))

    def _is_plain(self, value: Any) -> bool:
        return isinstance(value, (int, str, self._number, self._sdk.string))

    def _each(self, value: Any) -> Iterator[Properties]:
        if isinstance(value, self._sdk.collection):
            for pair in value:
                yield {"Id": str(pair.getStringKey()), **self._properties(pair.getValue())}
            return
        items: Iterable[Any] = value.values() if isinstance(value, self._map) else value
        for item in items:
            yield self._properties(item)

    def _properties(self, interaction: Any) -> dict[str, Any]:
        """Return the properties by their names, with or without the prefix "Interaction"."""
        if isinstance(interaction, self._sdk.collection):
            pairs = [(str(pair.getStringKey()), pair.getValue()) for pair in interaction]
            found = {_plain_name(key): value for key, value in reversed(pairs)}
        else:
            found = {
                _plain_name(name.removeprefix("get")): getattr(interaction, name)
                for name in getters(interaction)
            }
            found = {name: found[name]() for name in map(str.lower, NAMES) if name in found}
        read = {name: self._value(found.get(name.lower())) for name in NAMES}
        return {name: value for name, value in read.items() if value is not None}

    def _value(self, value: Any) -> Any:
        """Return a value of Python's own types: some of Java's are subclasses of these."""
        if value is None or type(value) in (int, str, bool):
            return value
        if isinstance(value, (str, self._sdk.string)):
            return str(value)
        if isinstance(value, self._boolean):
            return int(bool(value))
        if isinstance(value, (int, self._number)):
            return int(value)
        if isinstance(value, self._date):
            return datetime.fromtimestamp(int(value.getTime()) / 1000, UTC)
        if isinstance(value, self._sdk.collection):
            return self._user_data(value)
        number = number_of(value)
        return str(value) if number is None else number

    def _user_data(self, collection: Any) -> dict[str, Any]:
        """Return user data as JSON has it: the first value of a repeated key, and no bytes."""
        read: dict[str, Any] = {}
        for pair in collection:
            value = pair.getValue()
            if isinstance(value, self._sdk.string):
                plain: Any = str(value)
            elif isinstance(value, self._sdk.integer):
                plain = int(value)
            elif isinstance(value, self._sdk.collection):
                plain = self._user_data(value)
            else:
                continue
            read.setdefault(str(pair.getStringKey()), plain)
        return read


def _plain_name(name: str) -> str:
    lowered = name.lower()
    return lowered.removeprefix(PREFIX) or lowered
