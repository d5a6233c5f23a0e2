"""A search of a list that was ended or not begun, on the page that keeps what was searched for."""

from dataclasses import dataclass

from django.http import HttpResponse

from console.errors import ConsoleError, TooManyRequests, Unavailable


@dataclass(frozen=True, slots=True)
class Ended:
    """Why there is no list: `error` is the sentence, `heading` is about which kind of reason."""

    error: str = ""
    heading: str = ""
    status: int = 422
    retry_after: int | None = None

    def said_by(self, page: HttpResponse) -> HttpResponse:
        """Return the page with the header that says when to search again."""
        if self.retry_after is not None:
            page.headers["Retry-After"] = str(self.retry_after)
        return page


def ended_by(refusal: ConsoleError) -> Ended:
    if refusal.code == "search_too_long":
        return Ended(refusal.message, "ended")
    if isinstance(refusal, TooManyRequests | Unavailable):
        return Ended(refusal.message, "not_begun", refusal.status, refusal.retry_after)
    return Ended(refusal.message)
