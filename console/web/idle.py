"""Which requests keep a session alive: those that a person makes, not those of an open page."""

from django.http import HttpRequest

from console.accounts.services.sessions import session_used
from console.web.middleware import _Middleware

# Sent by live.js with what a page loads anew by itself.
REFRESH = "Console-Refresh"
# A page asks for these by itself, too.
BY_ITSELF = ("/events/", "/here/", "/clock/")


class SessionUseMiddleware(_Middleware):
    """A session ends CONSOLE_SESSION_IDLE_MINUTES after the last thing that its person did."""

    def process_request(self, request: HttpRequest) -> None:
        is_page = REFRESH in request.headers or request.path in BY_ITSELF
        if not is_page and request.user.is_authenticated:
            session_used(request.session)
