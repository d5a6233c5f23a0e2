"""Escapes texts that a spreadsheet would read as something else, and restores them exactly."""

import re

CELL_LIMIT = 32_767  # characters in a cell, by Excel

# Spreadsheets take a cell for a formula if it begins with one of these characters or their wide
# forms, even after blanks. Leading quotes count as ours: escaping adds one, and unescaping removes
# one.
_FORMULA = re.compile(r"'*[ \u00a0\u3000\n\v\f]*[=+\-@\t\r＝＋－＠]")
# XLSX writes characters that XML can't hold in this form. A text that already looks like it is
# escaped, too.
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def without_formula(text: str) -> str:
    """Return the text, with a quote before it if it could be taken for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def with_formula(cell: str) -> str:
    """Return the text from which `without_formula` made `cell`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def xml_escaped(text: str) -> str:
    return _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def xml_unescaped(cell: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell)
