"""Which requests keep a session alive, or end one: those that a person makes, not those of an open
page."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console.accounts.services.sessions import session_used
from console.web.requests.middleware import _Middleware

# Sent by live.js with what a page loads anew by itself.
REFRESH = "Console-Refresh"
# A page asks for these by itself, too.
BY_ITSELF = ("/events/", "/here/", "/clock/")


class SessionUseMiddleware(_Middleware):
    """A session ends CONSOLE_SESSION_IDLE_MINUTES after the last thing that its person did."""

    def process_request(self, request: HttpRequest) -> None:
        if not is_by_itself(request) and request.user.is_authenticated:
            session_used(request.session)


class SessionCookieMiddleware(_Middleware):
    """An open page asks with the session of a moment ago while its person signs in anew elsewhere:
    Django would have the browser forget the session cookie, which by then is the new one."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and not cookie.value and is_by_itself(request):
            del response.cookies[settings.SESSION_COOKIE_NAME]
        return response


def is_by_itself(request: HttpRequest) -> bool:
    """Whether an open page asks, and not its person."""
    return REFRESH in request.headers or request.path in BY_ITSELF
