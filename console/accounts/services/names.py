"""What a name of a person, a team or an API client must be."""

from django.core.exceptions import ValidationError

from console.accounts.models import User
from console.errors import InvalidInput

NAME_LIMIT = 100


def require_name(name: str, of_what: str) -> None:
    if not name.strip():
        raise InvalidInput("name_missing", f"Give {of_what} a name.")
    if len(name.strip()) > NAME_LIMIT:
        raise InvalidInput(
            "name_too_long", f"The name of {of_what} may have at most {NAME_LIMIT} characters."
        )


def require_persons_names(user: User) -> None:
    try:
        user.clean_fields(exclude=["password", "roles"])
    except ValidationError as error:
        messages = {name: " ".join(texts) for name, texts in error.message_dict.items()}
        summary = "; ".join(f"{name}: {text}" for name, text in messages.items())
        raise InvalidInput("invalid_name", summary, messages) from error
