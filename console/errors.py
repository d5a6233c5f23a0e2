"""What can go wrong in the console, in words for a person and a code for a program.

ConsoleError
 ├── InvalidInput      400  what was given can't be used as it is
 ├── PermissionRefused 403  this actor may not do that
 │    └── Unconfirmed  403  it takes a further step of theirs, for which pages ask
 ├── NotFound          404  there is no such thing, or none that this actor may see
 ├── Conflict          409  it contradicts what is there already
 ├── PreconditionFailed 412 it is not as the caller has seen it
 ├── Unprocessable     422  well-formed, but the state of things does not allow it
 ├── TooManyRequests   429  more than this actor may do in so short a time
 └── Unavailable       503  something that is needed is not there now

Pages show `message` in place, in the language of their reader (console.web). The API answers
`code`, an English `message`, `params` and `details` (console.api.errors). Neither an error's text
nor its parameters may tell what its actor may not see.
"""

from typing import Any

from console.text.sentences import Sentence
from console.text.wording import worded


class ConsoleError(Exception):
    """The root: `code` for programs, `message` for people, `details` for the field at fault.

    The `template` is a literal that names the `params`; it may be a Sentence that was made before.
    `said` is what came of them: in English, and with the parameters for programs. `retry_after` is
    the number of seconds to wait; None if waiting does not help.
    """

    status = 500

    def __init__(
        self,
        code: str,
        template: str,
        details: dict[str, Any] | None = None,
        /,
        *,
        retry_after: int | None = None,
        **params: Any,
    ) -> None:
        self.said = Sentence(code, template, **params)
        super().__init__(self.said)
        self.code = code
        self.details = details or {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """The sentence in the language that is active when it is shown."""
        return worded(self.said)

    @property
    def by_field(self) -> dict[str, str]:
        """The error by field; several if all fields were checked."""
        return {name: worded(text) for name, text in self.said_by_field.items()}

    @property
    def said_by_field(self) -> dict[str, str]:
        """As `by_field`, not worded yet."""
        several: dict[str, str] | None = self.details.get("fields")
        field = self.details.get("field")
        return several or ({str(field): self.said} if field else {})


class InvalidInput(ConsoleError):
    status = 400


class PermissionRefused(ConsoleError):
    status = 403


class Unconfirmed(PermissionRefused):
    """What this actor may do once they have confirmed it."""


class NotFound(ConsoleError):
    status = 404


class Conflict(ConsoleError):
    status = 409


class PreconditionFailed(ConsoleError):
    status = 412


class Unprocessable(ConsoleError):
    status = 422


class TooManyRequests(ConsoleError):
    status = 429


class Unavailable(ConsoleError):
    status = 503
