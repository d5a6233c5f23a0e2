"""What people and programs give for a place of one line, and for a choice that may be left out.

A choice that is left out has a meaning that its place documents. One that is given and empty (an
unfilled variable, a blank, an invisible character) has none, so it is refused.
"""

from collections.abc import Callable, Iterable

from console.errors import ConsoleError, InvalidInput
from console.text.sentences import term
from console.text.visible import is_blank, is_one_line, normal_line

# Instead of a list or a name, where nothing is left out: it is said, since empty says nothing.
ALL = "*"


def read_line(text: str, *, what: str, field: str) -> str:
    """The text as it is kept: NFC, no blanks around it, "" where people would see nothing of it.

    Raises InvalidInput for line breaks and other control characters inside. `what` begins the
    sentence that says so ("A title").
    """
    if not is_one_line(text.strip()):
        raise InvalidInput(
            "not_one_line",
            "{what} stands on one line: take the line breaks and control characters out.",
            {"field": field},
            what=what,
        )
    return normal_line(text)


def require_all(*reads: Callable[[], object]) -> None:
    """Try all of these, each of which raises for a field of its own, and raise what is wrong with
    all of them at once: by the code of the first, with a sentence for each in `fields`."""
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
    """Raise InvalidInput for a choice that is given and empty; None is one that was left out."""
    if value is not None and is_blank(value):
        raise InvalidInput(
            "empty_value",
            "{field} is empty: give a value, or leave it out.",
            {"field": field},
            field=field,
        )


def require_none_blank(values: Iterable[str], *, field: str) -> None:
    """Raise InvalidInput where one of several values is empty: without it the list would say
    something else than what was meant, and an empty list perhaps everything."""
    if any(is_blank(value) for value in values):
        raise InvalidInput(
            "empty_value",
            "{field}: one of the values is empty. Fill it in, or leave it out.",
            {"field": field},
            field=field,
        )
