"""Which form an answer has, and which forms of a request are read."""

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from console.errors import ConsoleError
from console.site.problems import JSON, wants_problems


class Negotiation(DefaultContentNegotiation):
    """Who asks for problem details alone means the errors: all else is JSON."""

    def get_accept_list(self, request: Request) -> list[str]:
        accepted: list[str] = super().get_accept_list(request)
        return [*accepted, JSON] if wants_problems(request) else accepted


class UnsupportedEncoding(ConsoleError):
    status = 415


def require_readable(request: Request) -> None:
    """Raise what is answered with 415 for a body in a form that nobody here reads, whether or not
    the call takes one: what is passed over in silence looks as if it had been taken."""
    if request.method == "GET":
        return
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedEncoding(
            "unsupported_content_encoding",
            "Bodies in the encoding {encoding} are not read. Send it as it is, without "
            "Content-Encoding.",
            encoding=encoding[:40],
        )
    has_body = (request.META.get("CONTENT_LENGTH") or "0") != "0"
    if has_body and request.content_type.split(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType(request.content_type)
