"""Which requests keep a session alive, or end one: those that a person makes, not those of an open
page."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console.accounts.services.sessions import session_used
from console.web.requests.middleware import _Middleware

# Sent by live.js with what a page loads anew by itself.
REFRESH = "Console-Refresh"
# htmx sends the first; a script that changes something sends the second.
SCRIPTS = ("HX-Request", "X-CSRFToken")
# A page asks for these by itself, too.
BY_ITSELF = ("/events/", "/here/", "/clock/")


class SessionUseMiddleware(_Middleware):
    """A session ends CONSOLE_SESSION_IDLE_MINUTES after the last thing that its person did."""

    def process_request(self, request: HttpRequest) -> None:
        if not is_by_itself(request) and request.user.is_authenticated:
            session_used(request.session)


class OpenPageCookiesMiddleware(_Middleware):
    """An open page makes requests with the cookies of a moment ago while its person signs in again
    in another tab. Its answers must not undo that: they neither delete the session cookie, which by
    then is the new one, nor replace the CSRF cookie, by which the sign-in form is checked."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if session is not None and not session.value and is_by_itself(request):
            del response.cookies[settings.SESSION_COOKIE_NAME]
        is_needed = response.status_code == 200 and settings.CSRF_COOKIE_NAME not in request.COOKIES
        if settings.CSRF_COOKIE_NAME in response.cookies and is_script(request) and not is_needed:
            del response.cookies[settings.CSRF_COOKIE_NAME]
        return response


def is_script(request: HttpRequest) -> bool:
    """Whether a script of an open page makes this request, and the browser stays on that page."""
    return is_by_itself(request) or any(name in request.headers for name in SCRIPTS)


def is_by_itself(request: HttpRequest) -> bool:
    """Whether an open page asks, and not its person."""
    return REFRESH in request.headers or request.path in BY_ITSELF
