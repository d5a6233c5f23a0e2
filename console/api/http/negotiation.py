"""Negotiates the form of responses and of request bodies."""

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from console.errors import ConsoleError
from console.site.problems import JSON, wants_problems


class Negotiation(DefaultContentNegotiation):
    """Treats a request for problem details alone as one for JSON: only errors have that form."""

    def get_accept_list(self, request: Request) -> list[str]:
        accepted: list[str] = super().get_accept_list(request)
        return [*accepted, JSON] if wants_problems(request) else accepted


class UnsupportedEncoding(ConsoleError):
    status = 415


def require_readable(request: Request) -> None:
    """Raise the error for 415 if the body is in an unknown form, even if the call takes no body.

    A body that is ignored would seem to have been accepted.
    """
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
