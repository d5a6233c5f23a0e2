"""What people see of a text: whether it is anything, and whether it is one line.

By Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt, version 15.1), which is what
fonts draw nothing for, and the few characters beside it whose picture is empty. None of these is
taken out of a text that is kept: the joiners between Persian letters, emoji and Hebrew points
belong there.
"""

import re
import unicodedata

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# Interlinear annotation, and characters of scripts whose picture is blank: Braille, a note's head,
# the fillers of Khitan and Egyptian.
_EMPTY_PICTURES = "\u2800\ufff9-\ufffb\U0001d159\U00016fe4\U0001343f-\U00013442"
# In brackets of a regular expression: what ends a line for Python, browsers or chat
# windows, and what no line can have in it.
CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# In brackets of a regular expression: what people see nothing of, but for blanks and controls.
UNSEEN = _IGNORABLE + _EMPTY_PICTURES
_SEEN = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f{UNSEEN}]")
_UNSEEN = re.compile(f"[{UNSEEN}]")
# Embeddings, overrides and isolates (UAX #9); LRM, RLM and ALM are no more than letters.
DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile(f"[{CONTROLS}]+")


def is_blank(text: str) -> bool:
    """Whether people see nothing where this stands: it is empty, or all blanks, controls, format
    characters and fillers."""
    return _SEEN.search(text) is None


def has_unseen(text: str) -> bool:
    """Whether there is a character in it for which nothing is drawn, other than a blank."""
    return not text.isascii() and _UNSEEN.search(text) is not None


def as_seen(text: str) -> str:
    """What of a text can be seen, for comparing: without such characters, and with one blank where
    there are several, as browsers show them."""
    return " ".join(_UNSEEN.sub("", text).split())


def is_one_line(text: str) -> bool:
    """Whether it has neither line breaks nor other control characters."""
    return _CONTROLS.search(text) is None


def one_line(text: str) -> str:
    """The text on one line: line breaks and other controls become single blanks."""
    return _CONTROLS.sub(" ", text)


def normal_line(text: str) -> str:
    """What somebody typed into a place for one line, as it is kept: NFC, without blanks around
    it, and "" where nobody would see anything of it. It may still have control characters: whether
    to refuse these is for the caller (`is_one_line`)."""
    return "" if is_blank(text) else unicodedata.normalize("NFC", text.strip())
