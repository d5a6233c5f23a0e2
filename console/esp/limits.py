"""Caps on what one message may hold (docs/domain.md section 5)."""

from dataclasses import dataclass

from console.esp.messages import MAX_DEPTH, KVList, ValueType
from console.text.sentences import term


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
