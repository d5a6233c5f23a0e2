"""Keeps a value from changing the text around it: from bringing line breaks or controls into a
shared line, or from reversing the direction of the text.

A value is cleaned when it comes in. Its line breaks become marks that no text has, so that they are
never mistaken for the author's, whatever filters, `assign` and `capture` do. Which values share a
line is known only in the whole text, so the marks are resolved there.

Directions follow the Unicode Bidirectional Algorithm (UAX #9): a first strong isolate (FSI … PDI)
keeps its content from reordering the text around it.
"""

import re

from console.text.visible import CONTROLS, DIRECTIONS, one_line

# The marks are lone surrogates: no text that can be stored or sent contains them.
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
_ALONE = re.compile(rf"\s*[{START}{ISOLATED}][^{START}{ISOLATED}{END}]*{END}\s*")
_REGION = re.compile(rf"([{START}{ISOLATED}])([^{START}{ISOLATED}{END}]*){END}")


class Written(str):
    """Text of the template's author, printed as it is."""

    __slots__ = ()


class Captured(Written):
    """Text composed of the author's text and values. Printed as it is, but a value for filters."""

    __slots__ = ()


def cleaned(value: str) -> str:
    """Return a value as filters may have it: its line breaks as marks, and no other controls."""
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
    """Return the text without marks, for reading its content."""
    return _EDGES.sub("", text).replace(BREAK, "\n") if has_marks(text) else text


def remarked(text: str) -> str:
    """Mark the line breaks again in a text made from the result of `bare`."""
    return text.replace("\n", BREAK)


def on_one_line(text: str) -> str:
    return one_line(bare(text)) if has_marks(text) else text


def joined(text: str) -> str:
    """Replace marked line breaks by blanks, since the text now shares a line with other text."""
    return _BREAKS.sub(" ", text)


def resolved(text: str) -> str:
    """Return the whole text without marks. Values get the line breaks and isolates they need."""
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
