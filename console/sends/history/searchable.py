"""How texts of the history are written for its search, and how a search is written for them.

PostgreSQL finds parts of texts by groups of three letters. In scripts that are written without
blanks a word can be shorter, so each of their characters is made a word of its own.
"""

import re
from collections.abc import Iterable

# Ideographs and kana, whose words may have one or two characters.
WITHOUT_BLANKS = re.compile(
    "([\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff])"
)
BLANKS = re.compile(" +")
# How many deliveries a part has at most, how many have facts together, and within how many ids.
PART_MOST, FACTS_MOST, PART_SPAN = 16, 64, 256
# Spans of the history by the last id of a part, each 16 of the one before.
LEVELS = (12, 16, 20)
# Spans of which is known when their deliveries were made.
SPAN_BITS = 10


def searchable(lines: Iterable[str]) -> str:
    """Return the distinct lines as one text that a search can look through."""
    return "\n".join(filter(None, map(spaced, dict.fromkeys(lines))))


def spaced(text: str) -> str:
    """Return a text with blanks around each character of a script without blanks: at the ends too,
    or the index would not know that it is a word."""
    return BLANKS.sub(" ", WITHOUT_BLANKS.sub(r" \1 ", text))


def span_mark(level: int, number: int) -> str:
    """Return the mark of the deliveries whose ids are `number` without the last `level` bits."""
    return f"span {level} {number}"


def marks(
    *, last_id: int, version_id: int, origin_id: int, facts: Iterable[tuple[str, str]]
) -> list[str]:
    """Return the marks of a part. `facts` are its pairs of status and Chat Server."""
    found = {span_mark(level, last_id >> level) for level in LEVELS}
    found |= {f"version {version_id}", f"origin {origin_id}"}
    for status, server in facts:
        found |= {f"is {status}", f"at {server}", f"is {status} at {server}"}
    return sorted(found)
