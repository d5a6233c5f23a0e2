"""Names that read the same to people count as one.

Case, blanks, composition (NFC, NFD) and invisible characters make no difference. The database
agrees: its function `console_folded` is generated from this module, and unique columns `name_key`
store its results. A name is displayed as it was written.
"""

import re
import unicodedata
from collections.abc import Iterator

from console.text.visible import UNSEEN

BLANKS = r"\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_blanks = re.compile(f"[{BLANKS}]+")
_unseen = re.compile(f"[{UNSEEN}]+")
# Simple case folding: each character maps to one other. PostgreSQL's own depends on the database's
# locale, and may know only ASCII.
CASED = range(0x20000)  # higher codes are ideographs and control signs, without case


def _folds() -> Iterator[tuple[int, str]]:
    # Most blocks have no case: a whole block is compared much faster than its characters.
    for start in CASED[::256]:
        block = "".join(map(chr, range(start, start + 256)))
        if block.casefold() != block:
            folds = ((ord(char), char.casefold()) for char in block)
            yield from (
                (code, fold) for code, fold in folds if len(fold) == 1 and fold != chr(code)
            )


FOLDS = dict(_folds())


def folded(name: str) -> str:
    """Return the same text for all names that read the same. For comparison, never for display."""
    seen = _blanks.sub(" ", _unseen.sub("", name)).strip(" ")
    plain = unicodedata.normalize("NFC", seen).translate(FOLDS)
    return unicodedata.normalize("NFC", plain)
