"""The verifier's findings as sentences. The verifier is standalone, so it has only English text."""

from typing import Any

from console.audit.verify import Said
from console.text.sentences import Sentence, term
from console.text.wording import worded


def in_words(said: str) -> str:
    """Return a finding in the language of the page's reader."""
    return worded(as_sentence(said)) if isinstance(said, Said) else said


def as_sentence(said: Said) -> Sentence:
    return term(said.template, **{name: _param(value) for name, value in said.params.items()})


def _param(value: Any) -> Any:
    return as_sentence(value) if isinstance(value, Said) else value
