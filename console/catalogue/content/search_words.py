"""Words of full-text search. Indexed texts and queries are split in the same way.

PostgreSQL gets finished words and only looks them up, so the results do not depend on a dictionary
of one language, a setting of the database or an extension. Accents and case make no difference.
Languages written without blanks between words are split into pairs of letters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models
from django.db.models import F, Func, Value
from django.db.models.lookups import Lookup

WORD = re.compile(r"[^\W_]+")
# Thai, Lao, Burmese, Khmer, kana and Han.
UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]+)"
)
LONGEST_WORD = 100
LAST_POSITION = 16_383  # PostgreSQL's own limits
MOST_POSITIONS = 255
LARGEST = 1_000_000  # bytes of a tsvector; PostgreSQL takes 1,048,575
MOST_ASKED = 12


class WordsField(models.TextField):  # type: ignore[type-arg]
    """A column of PostgreSQL's type tsvector, written as text and searched with `matches`."""

    def db_type(self, connection: Any) -> str:
        return "tsvector"


@WordsField.register_lookup
class Matches(Lookup):
    lookup_name = "matches"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        words, words_params = self.process_lhs(compiler, connection)
        asked, asked_params = self.process_rhs(compiler, connection)
        return f"{words} @@ {asked}::tsquery", (*words_params, *asked_params)


def rank(field: str, asked: str) -> Func:
    """Return an expression that ranks a WordsField against the query `asked`."""
    return Func(
        F(field),
        Value(asked),
        function="ts_rank",
        template="ts_rank(%(expressions)s::tsquery)",
        output_field=models.FloatField(),
    )


def words_in(text: str) -> Iterator[str]:
    """Yield the words of a text, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Mn")
    for run in WORD.findall(plain):
        for number, part in enumerate(UNSPACED.split(run)):
            if number % 2:
                yield from (part[at : at + 2] for at in range(len(part)))
            elif part:
                yield part[:LONGEST_WORD]


def as_vector(texts: Iterable[tuple[str, str]]) -> str:
    """Return the WordsField value for pairs of (weight, text). Weight A counts most, D least.

    Earlier texts take precedence: beyond LARGEST bytes, new words are left out.
    """
    places: dict[str, list[str]] = {}
    position = size = 0
    for weight, text in texts:
        for word in words_in(text):
            position = min(position + 1, LAST_POSITION)
            known = places.get(word, [])
            # A position takes two bytes. A word's first one also takes the word, its length and
            # padding.
            more = 2 if known else len(word.encode()) + 6
            if len(known) < MOST_POSITIONS and size + more <= LARGEST:
                known.append(f"{position}{weight}")
                places[word] = known
                size += more
    return " ".join(f"'{word}':{','.join(known)}" for word, known in places.items())


def as_query(text: str) -> str:
    """Return a query for `matches` that requires all words or their beginnings; "" for none.

    The last letter of a run without blanks is searched alone, not as a pair.
    """
    words = dict.fromkeys(words_in(text))
    return " & ".join(f"'{word}':*" for word in list(words)[:MOST_ASKED])
