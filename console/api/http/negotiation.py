"""Which form an answer has, and which forms of a request are read.

Errors may be asked for as problem details (RFC 9457): then their fields stand beside the house's,
so that who reads `code`, `message` and `details` reads them as before.
"""

import json
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from console.errors import ConsoleError

JSON, PROBLEM = "application/json", "application/problem+json"


class Negotiation(DefaultContentNegotiation):
    """Who asks for problem details alone means the errors: all else is JSON."""

    def get_accept_list(self, request: Request) -> list[str]:
        accepted: list[str] = super().get_accept_list(request)
        return [*accepted, JSON] if wants_problems(request) else accepted


def wants_problems(request: Request | HttpRequest) -> bool:
    """Whether the Accept header names problem details, and not by `q=0`."""
    for part in request.headers.get("Accept", "").lower().split(","):
        media_type, *parameters = (word.strip() for word in part.split(";"))
        if media_type == PROBLEM:
            return not any(word in ("q=0", "q=0.0", "q=0.00", "q=0.000") for word in parameters)
    return False


def as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """An error as problem details, for those who ask for them."""
    is_error = response.status_code >= 400 and response.headers.get("Content-Type") == JSON
    if not is_error or response.streaming or not wants_problems(request):
        return response
    said: dict[str, Any] = json.loads(response.content)
    problem = {
        "type": "about:blank",  # `code` says more closely what it is
        "title": HTTPStatus(response.status_code).phrase,
        "status": response.status_code,
        "detail": said["message"],
        **said,
    }
    response.content = json.dumps(problem, ensure_ascii=False).encode()
    response.headers["Content-Type"] = PROBLEM
    if "Content-Length" in response.headers:
        response.headers["Content-Length"] = str(len(response.content))
    return response


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
            f"Bodies in the encoding {encoding[:40]} are not read. Send it as it is, without "
            "Content-Encoding.",
        )
    has_body = (request.META.get("CONTENT_LENGTH") or "0") != "0"
    if has_body and request.content_type.split(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType(request.content_type)
