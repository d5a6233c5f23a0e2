"""Which requests may extend or end a session: those that a person makes, not those that an open
page makes by itself."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console.accounts.services.sessions import session_used
from console.web.requests.middleware import _Middleware

# The header that live.js sends when a page reloads a part by itself.
REFRESH = "Console-Refresh"
# htmx sends the first; a script that changes something sends the second.
SCRIPTS = ("HX-Request", "X-CSRFToken")
# Pages request these by themselves, too.
BY_ITSELF = ("/events/", "/here/", "/clock/")


class SessionUseMiddleware(_Middleware):
    """Ends a session CONSOLE_SESSION_IDLE_MINUTES after its person's last action."""

    def process_request(self, request: HttpRequest) -> None:
        if not is_by_itself(request) and request.user.is_authenticated:
            session_used(request.session)


class OpenPageCookiesMiddleware(_Middleware):
    """Prevents a response to an open page from undoing a sign-in in another tab.

    Such a page may have sent the cookies from before the sign-in. The response neither deletes the
    session cookie, which is already the new one, nor replaces the CSRF cookie, which the sign-in
    form is checked against.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if session is not None and not session.value and is_by_itself(request):
            del response.cookies[settings.SESSION_COOKIE_NAME]
        is_needed = response.status_code == 200 and settings.CSRF_COOKIE_NAME not in request.COOKIES
        if settings.CSRF_COOKIE_NAME in response.cookies and is_script(request) and not is_needed:
            del response.cookies[settings.CSRF_COOKIE_NAME]
        return response


def is_script(request: HttpRequest) -> bool:
    """Return whether a script of an open page makes this request, and the page stays open."""
    return is_by_itself(request) or any(name in request.headers for name in SCRIPTS)


def is_by_itself(request: HttpRequest) -> bool:
    """Return whether an open page makes this request, and not its person."""
    return REFRESH in request.headers or request.path in BY_ITSELF
