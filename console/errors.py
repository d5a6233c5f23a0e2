"""The console's errors, with a message for a person and a code for a program.

ConsoleError
 ├── InvalidInput      400  the input can't be used
 ├── PermissionRefused 403  this actor may not do that
 ├── NotFound          404  it does not exist, or this actor may not see it
 ├── Conflict          409  it contradicts the present state
 ├── PreconditionFailed 412 it has changed since the caller saw it
 ├── Unprocessable     422  well-formed, but the present state does not allow it
 ├── TooManyRequests   429  more than this actor may do in so short a time
 └── Unavailable       503  something that is needed is not available now

Pages show `message` in place (console.web), the API returns `code`, `message` and `details`
(console.api.errors). An error's text must reveal nothing that its actor may not see.
"""

from typing import Any


class ConsoleError(Exception):
    """The root: `code` for programs, `message` for people, `details` for the field at fault."""

    status = 500

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}

    def __str__(self) -> str:
        return self.message

    @property
    def by_field(self) -> dict[str, str]:
        """The error by field; several if all fields were checked."""
        several: dict[str, str] | None = self.details.get("fields")
        field = self.details.get("field")
        return several or ({str(field): self.message} if field else {})


class InvalidInput(ConsoleError):
    status = 400


class PermissionRefused(ConsoleError):
    status = 403


class NotFound(ConsoleError):
    status = 404


class Conflict(ConsoleError):
    status = 409


class PreconditionFailed(ConsoleError):
    status = 412


class Unprocessable(ConsoleError):
    status = 422


class TooManyRequests(ConsoleError):
    """`retry_after` is the number of seconds to wait; None if waiting does not help."""

    status = 429

    def __init__(
        self,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code, message, details)
        self.retry_after = retry_after


class Unavailable(ConsoleError):
    status = 503
