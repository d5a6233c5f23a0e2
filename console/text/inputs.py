"""Input for one line, and for optional values.

An omitted value has a meaning that its place documents. A value that is given but empty (an
unfilled variable, a blank, an invisible character) has none, so it is refused.
"""

from collections.abc import Callable, Iterable

from console.errors import ConsoleError, InvalidInput
from console.text.sentences import term
from console.text.visible import is_blank, is_one_line, normal_line

# Explicitly means everything, in place of a list or a name, since an empty value is refused.
ALL = "*"
NAME_LIMIT = 100


def read_line(text: str, *, what: str, field: str) -> str:
    """Return the text in stored form: NFC, trimmed, "" if nothing in it is visible.

    Raises InvalidInput for line breaks and other control characters inside. `what` begins the
    sentence of the error ("A title").
    """
    if not is_one_line(text.strip()):
        raise InvalidInput(
            "not_one_line",
            "{what} stands on one line: take the line breaks and control characters out.",
            {"field": field},
            what=what,
        )
    return normal_line(text)


def read_name(name: str, of_what: str) -> str:
    """Return the name in stored form. Raises InvalidInput if it is empty, long or multi-line."""
    name = read_line(name, what=term("The name of {of_what}", of_what=of_what), field="name")
    if not name:
        raise InvalidInput(
            "name_missing", "Give {of_what} a name.", {"field": "name"}, of_what=of_what
        )
    if name == ALL:
        raise InvalidInput(
            "name_reserved",
            "A star stands for all: call {of_what} otherwise.",
            {"field": "name"},
            of_what=of_what,
        )
    if len(name) > NAME_LIMIT:
        raise InvalidInput(
            "name_too_long",
            "The name of {of_what} may have at most {limit} characters.",
            {"field": "name"},
            of_what=of_what,
            limit=NAME_LIMIT,
        )
    return name


def require_all(*reads: Callable[[], object]) -> None:
    """Call all of these, and raise one error for everything that they raise.

    Each raises for a field of its own. The error has the code of the first, and a sentence for each
    in `fields`.
    """
    refusals = []
    for read in reads:
        try:
            read()
        except ConsoleError as refusal:
            refusals.append(refusal)
    if not refusals:
        return
    first = refusals[0]
    if len(refusals) > 1:
        fields = {name: text for each in refusals for name, text in each.said_by_field.items()}
        message = term("{all:spaced}", all=[each.said for each in refusals])
        raise type(first)(first.code, message, {**first.details, "fields": fields}) from first
    raise first


def require_given(value: str | None, *, field: str) -> None:
    """Raise InvalidInput for a value that is given but empty; None means that it is omitted."""
    if value is not None and is_blank(value):
        raise InvalidInput(
            "empty_value",
            "{field} is empty: give a value, or leave it out.",
            {"field": field},
            field=field,
        )


def require_none_blank(values: Iterable[str], *, field: str) -> None:
    """Raise InvalidInput if one of several values is empty.

    Without it the list would mean something else than intended, and an empty list perhaps
    everything.
    """
    if any(is_blank(value) for value in values):
        raise InvalidInput(
            "empty_value",
            "{field}: one of the values is empty. Fill it in, or leave it out.",
            {"field": field},
            field=field,
        )
