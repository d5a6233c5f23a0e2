"""Shows how a text changed, word by word: in one column or in two side by side."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

COMPARED_TOKENS = 1000
COMPARED_PAIRS = 25_000


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)


def _common(one: list[str], other: list[str]) -> int:
    """Return the length of the common beginning, in tokens."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_soon_compared(old: list[str], new: list[str]) -> bool:
    """Return whether difflib is fast enough. It examines every pair of equal words, once for each
    piece that it finds."""
    if max(len(old), len(new)) > COMPARED_TOKENS:
        return False
    times = Counter(new)
    return sum(times[word] for word in old if not word.isspace()) <= COMPARED_PAIRS


def _changes(before: list[str], after: list[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield the changes as difflib's tag and the tokens of both sides.

    If comparing what lies between the common start and end would take long, all of it counts as
    replaced.
    """
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    yield "equal", before[:start], after[:start]
    if not _is_soon_compared(old, new):
        yield "replace", old, new
    else:
        matcher = difflib.SequenceMatcher(str.isspace, old, new, autojunk=False)
        for tag, a0, a1, b0, b1 in matcher.get_opcodes():
            yield tag, old[a0:a1], new[b0:b1]
    yield "equal", before[len(before) - end :], after[len(after) - end :]


def difference(old: str, new: str) -> SafeString:
    """Return `new` with its insertions and deletions against `old`, marked by <ins> and <del>."""
    parts: list[tuple[str, str]] = []
    for tag, gone, came in _changes(_words(old), _words(new)):
        if tag == "equal":
            parts.append(("span", "".join(came)))
        else:
            parts += [("del", "".join(gone)), ("ins", "".join(came))]
    marked = [(name, text) for name, text in parts if text]
    return format_html_join("", "<{0}>{1}</{0}>", marked)


@register.simple_tag
def sides(old: str, new: str) -> dict[str, SafeString]:
    """Return `old` with deletions marked by <del>, and `new` with insertions marked by <ins>."""
    before: list[tuple[str, str]] = []
    after: list[tuple[str, str]] = []
    for tag, gone, came in _changes(_words(old), _words(new)):
        same = tag == "equal"
        before.append(("span" if same else "del", "".join(gone)))
        after.append(("span" if same else "ins", "".join(came)))
    return {"old": _marked(before), "new": _marked(after)}


def _marked(parts: list[tuple[str, str]]) -> SafeString:
    return format_html_join("", "<{0}>{1}</{0}>", [part for part in parts if part[1]])
