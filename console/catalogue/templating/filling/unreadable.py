"""Errors about values that can't be read."""

from liquid.exceptions import FilterArgumentError, LiquidError, UndefinedError
from liquid.undefined import Undefined

from console.catalogue.templating.filling.lines import bare
from console.text.sentences import Sentence, sentence_of, term
from console.text.visible import one_line

SHOWN = 40


def liquid_words(error: LiquidError) -> Sentence:
    """Return what is wrong, without the place. Messages of Liquid itself are English."""
    said = sentence_of(error)
    return said if said is error.args[0] else term("{words}", words=str(error.message))


class Unreadable(FilterArgumentError):
    """A value without the one meaning that is needed.

    `words` continue a sentence that begins with the value's name, or are `whole` sentences. `place`
    is the value at fault: 0 is the filter's left side, the arguments follow.
    """

    def __init__(self, words: Sentence, *, place: int = 0, whole: bool = False) -> None:
        super().__init__(words, token=None)
        self.words = words
        self.place = place
        self.whole = whole

    def of(self, name: str) -> "Unreadable":
        """Return the same error with the value's name."""
        return (
            self
            if self.whole
            else Unreadable(term("{name} {words}", name=name, words=self.words), whole=True)
        )


class Nothing(str):
    """The absence of anything visible, in a list or after a filter.

    Conditions treat it as an empty text, `default` replaces it, and it is never printed.
    """

    __slots__ = ("what",)
    what: str


def nothing(what: str) -> Nothing:
    made = Nothing()
    made.what = what
    return made


def require_value(value: object) -> None:
    """Raise UndefinedError if there is no value."""
    if issubclass(type(value), Undefined):
        str(value)
    if type(value) is Nothing:
        raise UndefinedError(term("{name} is empty", name=value.what), token=None)


def quoted(value: object) -> str:
    """Return the value for an error message, shortened."""
    if isinstance(value, str):
        text = one_line(bare(value[: SHOWN * 2])).strip()
        return f"'{text}'" if len(text) <= SHOWN else f"'{text[:SHOWN]}…'"
    if value is None:
        return term("nothing")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if value.bit_length() < 128 else term("a huge number")
    if isinstance(value, (list, tuple)):
        return term("a list")
    if isinstance(value, dict):
        return term("an object")
    return str(value)[:SHOWN]
