"""Errors of the API as JSON, whoever answers them: {"code", "message", "params", "details"}.

A caller may ask for problem details (RFC 9457). Then their fields stand beside the console's own,
so that a program that reads `code`, `message`, `params` and `details` reads them as before.
"""

import json
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console.text.sentences import Sentence, plain_params, term

API = "/api/"
JSON, PROBLEM = "application/json", "application/problem+json"


def body(code: str, message: str, details: Any = None) -> dict[str, Any]:
    """`message` in English. Where it is a Sentence, its parameters stand beside it."""
    params = plain_params(message.params) if isinstance(message, Sentence) else {}
    return {"code": code, "message": str(message), "params": params, "details": details or {}}


def too_large() -> Sentence:
    """Return the message about a body over the limit."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return term("The request is larger than {limit:,} bytes. Send it in several parts.", limit=most)


def wants_problems(request: HttpRequest) -> bool:
    """Return whether the Accept header names problem details, and not with `q=0`."""
    for part in request.headers.get("Accept", "").lower().split(","):
        media_type, *parameters = (word.strip() for word in part.split(";"))
        if media_type == PROBLEM:
            return not any(word in ("q=0", "q=0.0", "q=0.00", "q=0.000") for word in parameters)
    return False


def as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Convert an error to problem details, for callers that ask for them."""
    is_error = response.status_code >= 400 and response.headers.get("Content-Type") == JSON
    if not is_error or response.streaming or not wants_problems(request):
        return response
    said: dict[str, Any] = json.loads(response.content)
    problem = {
        "type": "about:blank",  # `code` is more specific
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
