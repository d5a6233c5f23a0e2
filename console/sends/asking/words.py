"""The words of the search box. What stands in double quotes is text, whatever it could mean."""

from collections.abc import Iterable
from typing import NamedTuple

QUOTE = '"'


class Word(NamedTuple):
    text: str
    is_quoted: bool = False


def words_of(typed: str) -> list[Word]:
    """Return the words of a text. In quotes blanks are kept, and two quotes stand for one. A quote
    that is not closed is a letter as any other. Every character is looked at once or twice."""
    found: list[Word] = []
    at, never_closed = 0, False
    while at < len(typed):
        if typed[at].isspace():
            at += 1
            continue
        if typed[at] == QUOTE and not never_closed:
            closed = _closing(typed, at + 1)
            if closed is not None:
                text = typed[at + 1 : closed].replace(QUOTE * 2, QUOTE)
                found.append(Word(text, is_quoted=True))
                at = closed + 1
                continue
            never_closed = True  # so that the rest is not looked through for each quote
        end = at
        while end < len(typed) and not typed[end].isspace():
            end += 1
        found.append(Word(typed[at:end]))
        at = end
    return [word for word in found if word.text.strip()]


def _closing(typed: str, at: int) -> int | None:
    """Return the place of the quote that closes: one with a blank or the end behind it."""
    while True:
        at = typed.find(QUOTE, at)
        if at < 0:
            return None
        if typed.startswith(QUOTE, at + 1):
            at += 2
            continue
        if at + 1 == len(typed) or typed[at + 1].isspace():
            return at
        at += 1


def quoted(text: str) -> str:
    """Return a text as `words_of` reads it as one word."""
    return f"{QUOTE}{text.replace(QUOTE, QUOTE * 2)}{QUOTE}"


def joined(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)
