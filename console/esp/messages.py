"""ESP messages and the KV lists they carry (docs/domain.md section 4). No I/O, no byte layout.

`Pair` and the messages are msgspec's frozen structs: like frozen, slotted dataclasses, but several
times cheaper to build, which matters at 30 pairs a request.

A `Pair` is checked whenever it is built, by a caller or by the decoder. So any list that exists can
be sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self, TypeAlias

from msgspec import Struct

from console.esp.errors import InvalidRequest
from console.text.sentences import term

INT_MIN = -(2**31)
INT_MAX = 2**31 - 1
MAX_DEPTH = 16

Value: TypeAlias = "str | int | bytes | KVList"


class ValueType(StrEnum):
    """The type of a value on the wire. STR is ASCII; any other text is sent as UTF."""

    STR = "str"
    UTF = "utf"
    INT = "int"
    BYTES = "byte[]"
    KVLIST = "kvlist"


_STR, _UTF, _KVLIST = ValueType.STR, ValueType.UTF, ValueType.KVLIST


class Pair(Struct, frozen=True, gc=False):
    """One key with its typed value. Raises InvalidRequest if the value does not fit the type."""

    key: str
    type: ValueType
    value: Value

    def __post_init__(self) -> None:
        key, value = self.key, self.value
        if type(key) is not str or not key.isascii():
            raise InvalidRequest(
                "invalid_key", term("A key is ASCII text, and {key!r} is not. Rename it.", key=key)
            )
        if self.type is _STR and type(value) is str and value.isascii():
            return  # nearly every pair, and this runs some 30 times a request
        if not _fits(self.type, value):
            raise InvalidRequest(
                "invalid_value",
                term(
                    "The value of {key!r} ({type}) does not fit the type {kind!r}: str is ASCII "
                    "text, utf is text, int has 32 bits and a sign, byte[] is bytes, kvlist is a "
                    "KV list.",
                    key=key,
                    type=type(value).__name__,
                    kind=str(self.type),
                ),
            )

    @staticmethod
    def of(key: str, value: object) -> "Pair":
        """Choose the type from the value: text, int, bytes, KVList or a mapping (nested list).

        Raises InvalidRequest for anything else; null, bool and float do not exist in ESP.
        """
        return _pair(key, value, depth=1)


class KVList(tuple[Pair, ...]):
    """An immutable KV list, with its order and duplicate keys."""

    __slots__ = ()

    def __new__(cls, pairs: Iterable[Pair] = ()) -> Self:
        made = super().__new__(cls, pairs)
        for pair in made:
            if type(pair) is not Pair:
                raise InvalidRequest(
                    "invalid_value",
                    term("A KV list is made of pairs. Use KVList.of for plain values."),
                )
        return made

    @classmethod
    def of(cls, items: "Mapping[str, object] | Iterable[tuple[str, object]]" = ()) -> Self:
        """Build from plain values; nested mappings become nested lists.

        Raises InvalidRequest as `Pair.of` does, and for nesting deeper than 16.
        """
        return tuple.__new__(cls, _pairs(items, depth=1))

    @classmethod
    def of_pairs(cls, pairs: "list[Pair]") -> Self:
        """Build from pairs, without looking whether all are pairs."""
        return tuple.__new__(cls, pairs)

    def get(self, key: str, default: "Value | None" = None) -> "Value | None":
        """Return the first value under the key."""
        for pair in self:
            if pair.key == key:
                return pair.value
        return default

    def __repr__(self) -> str:
        return f"KVList({list(self)!r})"


class MessageId(IntEnum):
    """Message ids of ESP (docs/domain.md section 4)."""

    REQUEST_3RD_SERVER = 500
    EVENT_3RD_SERVER_RESPONSE = 501
    EVENT_3RD_SERVER_FAULT = 502


class Request3rdServer(Struct, frozen=True):
    """A client's request. `reference_id` pairs the answer with it."""

    reference_id: int
    request: KVList
    user_data: KVList


class Event3rdServerResponse(Struct, frozen=True):
    """The answer that accepts a request."""

    reference_id: int
    request: KVList
    user_data: KVList | None = None


class Event3rdServerFault(Struct, frozen=True):
    """The answer that refuses a request."""

    reference_id: int
    request: KVList | None = None


class Ping(Struct, frozen=True):
    """Keep-alive of the open framing (docs/domain.md section 5)."""

    reference_id: int


class Pong(Struct, frozen=True):
    """The answer to a Ping, with its reference id."""

    reference_id: int


Answer: TypeAlias = Event3rdServerResponse | Event3rdServerFault
Message: TypeAlias = Request3rdServer | Answer | Ping | Pong


def _fits(kind: ValueType, value: object) -> bool:
    """Check every type but STR, which the caller has checked."""
    if kind is ValueType.UTF:
        return type(value) is str and _is_encodable(value)
    if kind is ValueType.INT:
        return type(value) is int and INT_MIN <= value <= INT_MAX
    if kind is ValueType.BYTES:
        return type(value) is bytes
    return kind is ValueType.KVLIST and type(value) is KVList


def _is_encodable(text: str) -> bool:
    """Return False for a lone surrogate, which Python's str allows and no wire does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pairs(items: Mapping[str, object] | Iterable[tuple[str, object]], depth: int) -> list[Pair]:
    if depth > MAX_DEPTH:
        raise InvalidRequest(
            "too_deep", term("KV lists may be nested {limit} deep, not deeper.", limit=MAX_DEPTH)
        )
    if isinstance(items, Mapping):
        items = items.items()
    return [_pair(key, value, depth) for key, value in items]


def _pair(key: str, value: object, depth: int) -> Pair:
    if type(value) is str:  # nearly every value
        return Pair(key, _STR if value.isascii() else _UTF, value)
    if isinstance(value, str):
        text = str.__str__(value)  # an exact str, also from an enum or a template's safe string
        return Pair(key, _STR if text.isascii() else _UTF, text)
    if isinstance(value, int) and not isinstance(value, bool):
        return Pair(key, ValueType.INT, int(value))
    if isinstance(value, bytes):
        return Pair(key, ValueType.BYTES, bytes(value))
    if isinstance(value, KVList):
        return Pair(key, _KVLIST, value)
    if isinstance(value, Mapping):
        return Pair(key, _KVLIST, KVList.of_pairs(_pairs(value, depth + 1)))
    raise InvalidRequest(
        "invalid_value",
        term(
            "The value of {key!r} is of type {type}, which ESP cannot carry. Give text, an int, "
            "bytes or a mapping.",
            key=key,
            type=type(value).__name__,
        ),
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """The same caps hold for what is sent and for what is received."""

    frame_bytes: int = 1024 * 1024
    depth: int = MAX_DEPTH
    pairs: int = 10_000

    def complaint(self, lists: tuple[KVList | None, ...]) -> str:
        """Return what is wrong with the size of one message's lists; empty if nothing is."""
        total = 0
        for kvlist in lists:
            if kvlist is not None:
                pairs, depth = _measure(kvlist)
                total += pairs
                if depth > self.depth:
                    return term(
                        "KV lists are nested {depth} deep; at most {limit} is allowed",
                        depth=depth,
                        limit=self.depth,
                    )
        if total > self.pairs:
            return term(
                "the message has {total} pairs; at most {limit} are allowed",
                total=total,
                limit=self.pairs,
            )
        return ""


DEFAULT_LIMITS = Limits()
_KVLIST = ValueType.KVLIST


def _measure(kvlist: KVList) -> tuple[int, int]:
    """Return the number of pairs, nested ones included, and the number of levels."""
    pairs, deepest = len(kvlist), 0
    for nested in [pair.value for pair in kvlist if pair.type is _KVLIST]:
        inner, depth = _measure(nested)  # type: ignore[arg-type]  # the pair checked it
        pairs += inner
        deepest = max(deepest, depth)
    return pairs, deepest + 1
