"""What a value can't do to the text around it: carry line breaks or controls into a line that it
shares, or turn the direction of the text.

A value is cleaned where it comes in. Its line breaks become marks that no text has, so that those
of the template's author are never taken for them, whatever filters, `assign` and `capture` do.
Only in the whole text it is known who shares a line with whom, so the marks are resolved there.

Directions follow the Unicode Bidirectional Algorithm (UAX #9): a first strong isolate (FSI … PDI)
keeps what is in it from reordering what is around it.
"""

import re

from console.text.visible import CONTROLS, DIRECTIONS, one_line

# Lone surrogates: no text that can be stored or sent has them.
BREAK = "\udc0a"
START, ISOLATED, END = "\udc01", "\udc02", "\udc03"
UNSTORABLE = "\ud800"
FSI, PDI = "\u2068", "\u2069"

_MARKS = re.compile(f"[{BREAK}{START}{ISOLATED}{END}]")
_EDGES = re.compile(f"[{START}{ISOLATED}{END}]")
_BREAKS = re.compile(f"{BREAK}+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile(f"[{CONTROLS}]+")
_BREAK = re.compile("\r\n|[\n\v\f\r\x85\u2028\u2029]")
# Blocks whose characters are right-to-left, assigned or not (DerivedBidiClass.txt), with RLM and
# ALM; and what has a direction of its own among right-to-left letters: other letters and digits.
_RTL = (
    "\u0590-\u08ff\u200f\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff"
    "\U0001e800-\U0001efff"
)
_TURNS_LTR = re.compile(f"[{_RTL}]")
_TURNS_RTL = re.compile(rf"(?![{_RTL}])[^\W_]|\d|\u200e")
_ALONE = re.compile(rf"\s*[{START}{ISOLATED}][^{START}{ISOLATED}{END}]*{END}\s*")
_REGION = re.compile(rf"([{START}{ISOLATED}])([^{START}{ISOLATED}{END}]*){END}")


class Written(str):
    """What the template's author wrote: printed as it is."""

    __slots__ = ()


class Captured(Written):
    """A piece of text that was put together from what the author wrote and from values: printed
    as it is, and a value for filters."""

    __slots__ = ()


def cleaned(value: str) -> str:
    """A value as filters may have it: one kind of line break, marked, and no other controls."""
    value = _SURROGATES.sub(UNSTORABLE, value)
    value = DIRECTIONS.sub("", value)
    return _CONTROLS.sub(_marked, value)


def _marked(controls: re.Match[str]) -> str:
    return BREAK * len(_BREAK.findall(controls[0])) or " "


def has_marks(text: str) -> bool:
    return not text.isascii() and _MARKS.search(text) is not None


def has_breaks(text: str) -> bool:
    return BREAK in text


def bare(text: str) -> str:
    """Without marks: for those who look at what is in it."""
    return _EDGES.sub("", text).replace(BREAK, "\n") if has_marks(text) else text


def remarked(text: str) -> str:
    """What `bare` gave, once something was made of it."""
    return text.replace("\n", BREAK)


def on_one_line(text: str) -> str:
    return one_line(bare(text)) if has_marks(text) else text


def joined(text: str) -> str:
    """A text of which other text is a part now: its marked line breaks are blanks."""
    return _BREAKS.sub(" ", text)


def outlined(text: str, is_rtl: bool) -> str:
    """A value as it is written into a text: with its edges marked, where they matter."""
    turns = _TURNS_RTL if is_rtl else _TURNS_LTR
    if turns.search(text):
        return f"{ISOLATED}{text}{END}"
    return f"{START}{text}{END}" if BREAK in text else text


def resolved(text: str) -> str:
    """The whole text without marks: each value stands in what lines and direction it has there."""
    return "".join(_line(line) for line in re.split("(\r\n|\n|\r)", text))


def _line(line: str) -> str:
    if not has_marks(line):
        return line
    if BREAK in line:
        line = line if _ALONE.fullmatch(line) else joined(line)
    return bare(_REGION.sub(_isolated, line))


def _isolated(region: re.Match[str]) -> str:
    mark, text = region.groups()
    if mark == START:
        return text
    # An isolate ends with its paragraph, so each line has its own.
    return BREAK.join(f"{FSI}{line}{PDI}" if line.strip() else line for line in text.split(BREAK))
