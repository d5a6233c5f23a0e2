"""What is visible in a text: whether anything is, and whether it is one line.

The invisible characters are Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt,
version 15.1), for which fonts draw nothing, and the few others with an empty glyph. None of these
is removed from a stored text: the joiners between Persian letters, emoji and Hebrew points belong
there.
"""

import re
import unicodedata

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# Interlinear annotation, and characters with a blank glyph: Braille's empty pattern, the null
# notehead, the fillers of Khitan and Egyptian.
_EMPTY_PICTURES = "\u2800\ufff9-\ufffb\U0001d159\U00016fe4\U0001343f-\U00013442"
# For a regular expression's brackets: line ends for Python, browsers or chat windows, and other
# characters that no line can contain.
CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# For a regular expression's brackets: invisible characters, except blanks and controls.
UNSEEN = _IGNORABLE + _EMPTY_PICTURES
_SEEN = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f{UNSEEN}]")
_UNSEEN = re.compile(f"[{UNSEEN}]")
# Embeddings, overrides and isolates (UAX #9). LRM, RLM and ALM act only like a letter.
DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile(f"[{CONTROLS}]+")


def is_blank(text: str) -> bool:
    """Return whether nothing in the text is visible: it is empty, or only has blanks, controls,
    format characters and fillers."""
    return _SEEN.search(text) is None


def has_unseen(text: str) -> bool:
    """Return whether the text has an invisible character other than a blank."""
    return not text.isascii() and _UNSEEN.search(text) is not None


def as_seen(text: str) -> str:
    """Return the visible text, for comparison: without invisible characters, and with single
    blanks, as browsers show them."""
    return " ".join(_UNSEEN.sub("", text).split())


def is_one_line(text: str) -> bool:
    """Return whether the text has no line breaks or other control characters."""
    return _CONTROLS.search(text) is None


def one_line(text: str) -> str:
    """Return the text on one line: line breaks and other controls become single blanks."""
    return _CONTROLS.sub(" ", text)


def normal_line(text: str) -> str:
    """Return one-line input in stored form: NFC, trimmed, "" if nothing is visible.

    It may still have control characters: the caller decides whether to refuse them (`is_one_line`).
    """
    return "" if is_blank(text) else unicodedata.normalize("NFC", text.strip())
