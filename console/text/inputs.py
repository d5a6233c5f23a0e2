"""What people and programs give for a place of one line, and for a choice that may be left out.

A choice that is left out has a meaning that its place documents. One that is given and empty (an
unfilled variable, a blank, an invisible character) has none, so it is refused.
"""

from collections.abc import Callable, Iterable

from console.errors import ConsoleError, InvalidInput
from console.text.visible import is_blank, is_one_line, normal_line

# Instead of a list or a name, where nothing is left out: it is said, since empty says nothing.
ALL = "*"
NAME_LIMIT = 100


def read_line(text: str, *, what: str, field: str) -> str:
    """The text as it is kept: NFC, no blanks around it, "" where people would see nothing of it.

    Raises InvalidInput for line breaks and other control characters inside. `what` begins the
    sentence that says so ("A title").
    """
    if not is_one_line(text.strip()):
        raise InvalidInput(
            "not_one_line",
            f"{what} stands on one line: take the line breaks and control characters out.",
            {"field": field},
        )
    return normal_line(text)


def read_name(name: str, of_what: str) -> str:
    """The name as it is kept. Raises InvalidInput for none, one that is too long or of several
    lines."""
    name = read_line(name, what=f"The name of {of_what}", field="name")
    if not name:
        raise InvalidInput("name_missing", f"Give {of_what} a name.", {"field": "name"})
    if name == ALL:
        raise InvalidInput(
            "name_reserved", f"A star stands for all: call {of_what} otherwise.", {"field": "name"}
        )
    if len(name) > NAME_LIMIT:
        raise InvalidInput(
            "name_too_long",
            f"The name of {of_what} may have at most {NAME_LIMIT} characters.",
            {"field": "name"},
        )
    return name


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
        fields = {name: text for each in refusals for name, text in each.by_field.items()}
        message = " ".join(each.message for each in refusals)
        raise type(first)(first.code, message, {**first.details, "fields": fields}) from first
    raise first


def require_given(value: str | None, *, field: str) -> None:
    """Raise InvalidInput for a choice that is given and empty; None is one that was left out."""
    if value is not None and is_blank(value):
        raise InvalidInput(
            "empty_value", f"{field} is empty: give a value, or leave it out.", {"field": field}
        )


def require_none_blank(values: Iterable[str], *, field: str) -> None:
    """Raise InvalidInput where one of several values is empty: without it the list would say
    something else than what was meant, and an empty list perhaps everything."""
    if any(is_blank(value) for value in values):
        raise InvalidInput(
            "empty_value",
            f"{field}: one of the values is empty. Fill it in, or leave it out.",
            {"field": field},
        )
