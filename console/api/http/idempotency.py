"""Idempotency-Key, by the IETF's draft: a structured field (RFC 8941), so in quotes.

The same key without quotes is accepted too.
"""

import re

from console.errors import InvalidInput

# A string in a structured field; only these two characters may follow a backslash.
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*+)"')
REPLAYED = {"Idempotent-Replayed": "true"}


def read_key(header: str | None) -> str | None:
    """Return the key in a header, or None without one. Raises InvalidInput."""
    if header is None:
        return None
    given = header.strip(" \t")
    if not given.startswith('"'):
        return header
    found = _QUOTED.fullmatch(given)
    if found is None:
        raise InvalidInput(
            "invalid_idempotency_key",
            'Idempotency-Key begins with a quote and is no text in quotes, such as "order-7". '
            "Mend it, or give the key without quotes.",
        )
    return re.sub(r"\\(.)", r"\1", found[1])
