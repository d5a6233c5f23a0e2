"""Detects look-alikes by skeletons of texts, after UTS #39 (Unicode security mechanisms).

The data are Unicode's own (confusables.txt, Scripts.txt), from the library confusable-homoglyphs.
Texts with the same skeleton can be mistaken for one another. A skeleton is only compared, never
shown.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

from confusable_homoglyphs.categories import alias
from confusable_homoglyphs.confusables import confusables_data

from console.errors import InvalidInput
from console.text.visible import DIRECTIONS, as_seen

# Values for characters without a script of their own.
NO_SCRIPT = frozenset({"COMMON", "INHERITED", "Unknown"})
# Scripts that are written together (UTS #39, highly restrictive).
TOGETHER = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA", "LATIN"}),
    frozenset({"HAN", "BOPOMOFO", "LATIN"}),
    frozenset({"HAN", "HANGUL", "LATIN"}),
)
# Latin letters outside of everyday spelling: phonetic extensions, and Latin Extended-C to -E.
PHONETIC = re.compile("[\u0250-\u02af\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f]")
# Longest text that is compared, in characters; nothing that is compared here is longer.
LONGEST = 300


def skeleton(text: str) -> str:
    """Return the skeleton that all texts share which look alike as written. Linear in the text's
    length; only the first LONGEST characters count."""
    table = _prototypes()
    # Wide letters, ligatures and the like become plain letters.
    shown = unicodedata.normalize("NFKD", as_seen(text[:LONGEST])).translate(table)
    # A prototype may be a capital, such as the O that 0 looks like.
    return shown.casefold().translate(table).casefold()


def are_alike(one: str, other: str) -> bool:
    """Return whether two texts look alike as written (I and l), or in small letters (I and i)."""
    return not skeletons(one).isdisjoint(skeletons(other))


def skeletons(text: str) -> frozenset[str]:
    """Return a text's skeletons, as written and in small letters. Alike texts share one."""
    return frozenset((skeleton(text), skeleton(text.casefold())))


def is_like_ascii(text: str) -> bool:
    """Return whether the whole text can be mistaken for ASCII although it is in another script or
    in phonetic letters (a whole-script confusable). False for words of a language's normal
    spelling, such as `straße` and `œuvre`."""
    if text.isascii() or not skeleton(text).isascii():
        return False
    return "LATIN" not in scripts_of(text) or PHONETIC.search(text) is not None


def scripts_of(text: str) -> frozenset[str]:
    """Return the scripts of its letters, by Unicode's names in capitals."""
    return frozenset(map(_script, text)) - NO_SCRIPT


def mixed_scripts(text: str) -> list[str]:
    """Return the scripts of a text that no language writes together; [] if all are."""
    found = scripts_of(text)
    if len(found) < 2 or any(found <= together for together in TOGETHER):
        return []
    return sorted(found)


def require_plain(
    text: str, *, what: str, field: str, others: Iterable[str] = (), of_others: str = ""
) -> None:
    """Raise InvalidInput for a name in which a word mixes scripts or changes direction, or which
    looks like one of `others` without being it. `what` begins the sentence ("The nickname")."""
    if DIRECTIONS.search(text):
        raise InvalidInput(
            "look_alike",
            "{what} has characters in it that turn the order in which it is shown. Take them out.",
            {"field": field},
            what=what,
        )
    for word in text.split():
        if mixed := mixed_scripts(word):
            names = [script.capitalize() for script in mixed]
            raise InvalidInput(
                "look_alike",
                "{what} mixes {names:and} letters in {word}, as names do that pretend to be "
                "another. Write each word in one script.",
                {"field": field},
                what=what,
                names=names,
                word=word,
            )
    mine = skeletons(text)
    for other in others:
        if other != text and not mine.isdisjoint(skeletons(other)):
            raise InvalidInput(
                "look_alike",
                "{what} looks like {other}, {of_others}. Choose one that nobody takes for it.",
                {"field": field},
                what=what,
                other=other,
                of_others=of_others,
            )


def _script(char: str) -> str:
    return "LATIN" if char.isascii() and char.isalpha() else str(alias(char))


@cache
def _prototypes() -> Mapping[int, str]:
    """Map each character that looks like others to the one text that stands for all of them.

    The library has Unicode's pairs in both directions, as stars around the prototype. Joined pairs
    form the classes. The prototype of a class is its longest ASCII text (`rn` for m, which consists
    of prototypes itself); among equals a small letter comes before a capital before a digit.
    Without ASCII it is the first by code point.
    """
    classes: dict[str, str] = {}

    def root(text: str) -> str:
        while classes.setdefault(text, text) != text:
            classes[text] = text = classes[classes[text]]
        return text

    for source, alikes in confusables_data.items():
        for alike in alikes:
            one, other = root(_plain(source)), root(_plain(alike["c"]))
            if one != other:
                worse, better = sorted((one, other), key=_rank, reverse=True)
                classes[worse] = better
    single = [text for text in classes if len(text) == 1]
    return {ord(text): root(text) for text in single if root(text) != text}


def _plain(text: str) -> str:
    """Remove the direction marks that Unicode's data have around right-to-left letters."""
    return unicodedata.normalize("NFD", text.replace("\u200e", ""))


def _rank(text: str) -> tuple[bool, int, bool, bool, str]:
    """Return a sort key: the prototype of a class has the least."""
    is_ascii = text.isascii()
    length = -len(text) if is_ascii else len(text)
    return not is_ascii, length, not text.isalpha(), not text.islower(), text
