"""Names that people read as one are one: whatever their case and blanks, composed or not (NFC,
NFD), with or without characters that nobody sees.

The database says the same: its function `console_folded` is made of what stands here, and unique
columns `name_key` have its answers. What a name looks like stays as it was written.
"""

import re
import unicodedata

from console.text.visible import UNSEEN

BLANKS = r"\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_blanks = re.compile(f"[{BLANKS}]+")
_unseen = re.compile(f"[{UNSEEN}]+")
# Simple case folding: each character stands for one other. PostgreSQL's own depends on the locale
# of the database, and may know ASCII alone.
CASED = range(0x20000)  # what comes behind it is ideographs and signs for machines, without case
FOLDS = {
    code: fold
    for code, fold in zip(CASED, map(str.casefold, map(chr, CASED)), strict=True)
    if len(fold) == 1 and fold != chr(code)
}


def folded(name: str) -> str:
    """The same for all names that people read as one. For comparing, never shown."""
    seen = _blanks.sub(" ", _unseen.sub("", name)).strip(" ")
    plain = unicodedata.normalize("NFC", seen).translate(FOLDS)
    return unicodedata.normalize("NFC", plain)
