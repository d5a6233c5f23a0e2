"""What no view should see, what nobody may keep, and errors of the console as pages."""

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

# As Django makes them. Others can't be in the database, and some it can't even be asked for.
SESSION_KEY = re.compile(r"[a-z0-9]+")
# In a request's META, beside what the server says of it; no header can have such a name.
ARRIVED = "console.arrived"
REQUEST_ID = "console.request_id"
# Of one that a proxy made; anything longer would only fill the log.
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
    """Notes when a request came, see `arrived_at`, and gives it an id: by it the lines of the log,
    the answer (X-Request-ID) and the log of a proxy are brought together."""

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
    """When a request came, by `time.monotonic`."""
    now = time.monotonic()
    return now if request is None else float(request.META.get(ARRIVED, now))


class PoliciesMiddleware(_Middleware):
    """The headers that Django has no setting for: no other site embeds what is here, and no page
    uses a device. Signing in by a security key is the one thing that is allowed, to this site."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = PERMISSIONS
        return response


class NotStoredMiddleware(_Middleware):
    """Pages and answers tell of customers: no cache keeps them. What says otherwise, as static
    files do, is left alone."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response


class ProblemMiddleware(_Middleware):
    """The API's errors as problem details, for those who ask for them: also those that Django
    answers by itself."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return as_problem(request, response) if request.path.startswith(API) else response


class ReadableRequestMiddleware(_Middleware):
    """Answers 400 to what PostgreSQL or the views could not read: a NUL, or another charset."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if is_too_large(request):
            return too_large_request(request)
        if lacks_length(request):
            return length_required(request)
        charset = (request.content_params or {}).get("charset", "utf-8")
        # By this name alone Django knows it, and the page that refuses another is in it too.
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
    """Answers a ConsoleError that a view lets through with the page of its status."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ConsoleError):
            return None
        context = {
            "status": exception.status,
            "code": exception.code,
            "message": exception.message,
        }
        return render(request, "errors/console_error.html", context, status=exception.status)
