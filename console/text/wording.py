"""Words sentences in the active language, which is the reader's."""

from datetime import datetime
from typing import Any

from django.utils import formats
from django.utils.translation import get_language, gettext, ngettext, override

from console.text.language_tags import name_for
from console.text.sentences import ENGLISH, FORMS, Sentence, Words, term


class ReadersWords(Words):
    """Words from the message catalogue of the active language (locale/<language>/LC_MESSAGES)."""

    def translated(self, sentence: Sentence) -> str:
        if sentence.plural:
            return ngettext(sentence.template, sentence.plural, sentence.params["n"])
        return gettext(sentence.template) if sentence.template else ""

    @property
    def reader(self) -> str:
        return get_language() or "en"

    def joint(self, spec: str) -> str:
        joints = {"and": gettext(" and "), "or": gettext(" or "), "and_also": gettext(", and ")}
        return joints.get(spec) or super().joint(spec)

    def number(self, value: Any) -> str:
        if _is_english():
            return super().number(value)
        return formats.number_format(value, use_l10n=True, force_grouping=True)

    def clock(self, at: datetime) -> str:
        return super().clock(at) if _is_english() else formats.date_format(at, "DATETIME_FORMAT")


def term_of(label: object) -> Sentence:
    """Return a lazily translated label, such as that of a choice, as a part of a sentence."""
    with override(None):  # without a catalogue, a label is its own template
        return term(str(label))


def _is_english() -> bool:
    return READERS.reader.startswith("en")


READERS = ReadersWords()
FORMS["language"] = name_for


# The language of all texts for programs, whoever calls.
PROGRAMS_LANGUAGE = "en"


def worded(text: str) -> str:
    """Return a sentence in the active language. Text without a code, such as old database rows,
    stays as it is; a sentence whose translation does not fit it stays in English."""
    if not isinstance(text, Sentence):
        return text
    try:
        return READERS.of(text)
    except (LookupError, ValueError, TypeError, AttributeError):
        return ENGLISH.of(text)
