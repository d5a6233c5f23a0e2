"""Texts that would be something else in a spreadsheet, and back: nothing is lost on the way."""

import re

# What makes spreadsheets take a cell for a formula, also behind blanks; and its wide forms. Quotes
# before it are ours, or are counted as such: one more is added, and one is taken away.
_FORMULA = re.compile(r"'*[ \u00a0\u3000\n\v\f]*[=+\-@\t\r＝＋－＠]")
# XLSX itself writes characters that XML can't hold so, and the same where it stands as a text.
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def without_formula(text: str) -> str:
    """The text with a quote before it where it could be taken for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def with_formula(cell: str) -> str:
    """What `without_formula` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def xml_escaped(text: str) -> str:
    return _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def xml_unescaped(cell: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell)
