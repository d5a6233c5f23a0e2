"""What the names of a person must be."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError

from console.accounts.models import User
from console.errors import InvalidInput
from console.security.lookalikes import require_plain
from console.text.inputs import read_line
from console.text.sentences import by_name, term
from console.text.visible import is_blank


def read_persons_name(name: str, field: str) -> str:
    """Return a first or last name in stored form; it may be empty."""
    return read_line(name, what=term("A person's name"), field=field)


def require_persons_names(user: User) -> None:
    if is_blank(user.username):
        words = term("Give a user name.")
        raise InvalidInput("invalid_name", words, {"field": "username"})
    try:
        user.clean_fields(exclude=["password", "roles"])
    except ValidationError as error:
        messages = {name: " ".join(texts) for name, texts in error.message_dict.items()}
        raise InvalidInput("invalid_name", by_name(messages), {"fields": messages}) from error


def require_own_looks(username: str, known: Iterable[str]) -> None:
    """Raise InvalidInput for a user name that mixes scripts, or looks like a `known` one."""
    require_plain(
        username,
        what=term("The user name"),
        field="username",
        others=(name for name in known if name.casefold() != username.casefold()),
        of_others=term("who is somebody else"),
    )
