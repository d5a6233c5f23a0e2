"""Every error of the API in one shape: {"code", "message", "params", "details"}."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import resolve
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from console.api.http.negotiation import UnsupportedEncoding
from console.database.failures import RETRY_SECONDS, is_busy, is_passing
from console.errors import ConsoleError
from console.site.problems import body, too_large
from console.text.sentences import term

logger = structlog.get_logger("console.api")

CODES = {
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.PermissionDenied: "permission_refused",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.ParseError: "invalid_json",
    exceptions.Throttled: "too_many_requests",
    exceptions.NotFound: "not_found",
}
DATABASE_AWAY = (
    "The database does not answer, so it is not known whether this was done. Look, or repeat it "
    "with the same Idempotency-Key."
)
MISSING_TOKEN = "Send the header Authorization: Bearer <token>, or sign in to the pages."  # noqa: S105


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler.

    Unknown exceptions become a 500 by Django's own handlers, which use the same form
    (console.web.pages.errors).
    """
    if isinstance(error, ConsoleError):
        set_rollback()
        answer = Response(body(error.code, error.said, error.details), status=error.status)
        if isinstance(error, UnsupportedEncoding):
            answer["Accept-Encoding"] = "identity"  # RFC 9110, 15.5.16
        if error.retry_after is not None:
            answer["Retry-After"] = str(error.retry_after)
        return answer
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    if isinstance(error, exceptions.APIException):
        set_rollback()
        return _answer_api_exception(error)
    if isinstance(error, RequestDataTooBig):
        return Response(body("body_too_large", too_large()), status=413)
    if is_passing(error):
        return _answer_database(error)
    return None


def _answer_database(error: Exception) -> Response:
    set_rollback()
    if is_busy(error):
        logger.warning("the database is busy", error=str(error))
        said = term(
            "Others hold in the database what this call needs, for longer than it may wait. Repeat "
            "it in {seconds} s with the same Idempotency-Key.",
            seconds=RETRY_SECONDS,
        )
        answer = Response(body("database_busy", said), status=503)
    else:
        logger.error("the database failed", exc_info=error)
        answer = Response(body("database_unavailable", DATABASE_AWAY), status=503)
    answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _answer_api_exception(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        return Response(
            body("invalid_input", _summary(error.detail), error.detail), status=error.status_code
        )
    message = str(error.detail)
    if isinstance(error, exceptions.NotAuthenticated):
        message = MISSING_TOKEN
    code = CODES.get(type(error), "error")
    if isinstance(error, exceptions.AuthenticationFailed):
        code = str(error.get_codes())  # the reason
    response = Response(body(code, message), status=error.status_code)
    wait = getattr(error, "wait", None)  # seconds; only Throttled has it
    if wait is not None:
        response["Retry-After"] = str(int(wait) + 1)
    if error_header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = error_header
    return response


def _summary(detail: Any) -> str:
    """Return the first error message, with the field that it is about."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            text = _summary(inner)
            return text if name == "non_field_errors" else f"{name}: {text}"
    if isinstance(detail, list) and detail:
        return _summary(detail[0])
    return str(detail)


def not_found(request: HttpRequest, path: str = "") -> JsonResponse:
    """Return the 404 for unknown addresses below /api/. Most often a slash is missing."""
    message, details = "There is nothing at this address; see /api/v1/docs/.", None
    with_slash = f"{request.path}/"
    if not request.path.endswith("/") and resolve(with_slash).url_name:
        message = term(
            "There is nothing at this address: put a slash at its end, {address}.",
            address=with_slash,
        )
        details = {"address": with_slash}
    return JsonResponse(body("not_found", message, details), status=404)
