"""Middleware that refuses unreadable requests, sets headers, and turns errors into responses."""

import codecs
import re
import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from console.errors import ConsoleError
from console.site.problems import API, as_problem
from console.web.pages.errors import length_required, too_large_request
from console.web.requests.bodies import is_too_large, lacks_length

# The form of Django's keys. The database can't contain others, and can't even be queried for some.
SESSION_KEY = re.compile(r"[a-z0-9]+")
# Keys of a request's META, beside the server's own. No header can have such a name.
ARRIVED = "console.arrived"
REQUEST_ID = "console.request_id"
# A request id that a proxy made. Anything longer would only fill the log.
PROXYS_ID = re.compile(r"[\w.:-]{8,64}", re.ASCII)
NOT_USED = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
PERMISSIONS = ", ".join(
    [
        *(f"{name}=()" for name in NOT_USED),
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    ]
)


class _Middleware(MiddlewareMixin):
    sync_capable = True
    async_capable = True
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]


class ArrivalMiddleware(_Middleware):
    """Records when a request arrived (see `arrived_at`), and gives it an id that the log lines, the
    response (X-Request-ID) and a proxy's log have in common."""

    def process_request(self, request: HttpRequest) -> None:
        request.META[ARRIVED] = time.monotonic()
        given = request.headers.get("X-Request-ID", "") if settings.TRUST_PROXY else ""
        request.META[REQUEST_ID] = given if PROXYS_ID.fullmatch(given) else secrets.token_hex(16)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request.META[REQUEST_ID])

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers["X-Request-ID"] = request.META[REQUEST_ID]
        return response


def arrived_at(request: HttpRequest | None) -> float:
    """Return when a request arrived, by `time.monotonic`; now if that is unknown."""
    now = time.monotonic()
    return now if request is None else float(request.META.get(ARRIVED, now))


class PoliciesMiddleware(_Middleware):
    """Sets headers that Django has no setting for: no other site may embed the console's responses,
    and pages may use no device, except security keys for signing in to this site."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = PERMISSIONS
        return response


class NotStoredMiddleware(_Middleware):
    """Forbids caches to store responses, since they may contain customers' data. A response that
    sets Cache-Control itself, as static files do, is left unchanged."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response


class ProblemMiddleware(_Middleware):
    """Converts the API's errors to problem details for callers that ask for them, including the
    errors that Django itself returns."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return as_problem(request, response) if request.path.startswith(API) else response


class ReadableRequestMiddleware(_Middleware):
    """Responds 400 to what PostgreSQL or the views can't read: a NUL, or another charset."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if is_too_large(request):
            return too_large_request(request)
        if lacks_length(request):
            return length_required(request)
        charset = (request.content_params or {}).get("charset", "utf-8")
        # Django recognises only this spelling. The page that refuses another charset uses it too.
        request.encoding = "utf-8"
        if not _is_utf8(charset):
            raise BadRequest("The charset is not utf-8")
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path or "\0" in query or "%00" in query:
            raise BadRequest("There is a NUL in the address")
        session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if session_key is not None and not SESSION_KEY.fullmatch(session_key):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        # The API takes no forms, and reads its body itself.
        if not request.path.startswith(API) and _has_nul(request):
            raise BadRequest("There is a NUL in the form")
        return None


def _is_utf8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False


def _has_nul(request: HttpRequest) -> bool:
    return any(
        "\0" in text for name, values in request.POST.lists() for text in (name, *map(str, values))
    )


class ConsoleErrorMiddleware(_Middleware):
    """Turns a ConsoleError that a view raises into an error page with its status."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ConsoleError):
            return None
        context = {
            "status": exception.status,
            "code": exception.code,
            "message": exception.message,
        }
        return render(request, "errors/console_error.html", context, status=exception.status)
