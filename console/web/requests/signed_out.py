"""Forms sent without a sign-in: they have no effect, and the sign-in page says so."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from console.site.problems import API
from console.web.requests.bodies import is_unread

SAFE = ("GET", "HEAD", "OPTIONS")


class SignInMiddleware(LoginRequiredMiddleware):
    """Redirects a person who was signed out before they sent a form to the sign-in, and from there
    to the form's page: the address that the form goes to may accept nothing else. If the body was
    too long to be read, this happens at every address."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if is_unread(request) and not request.path.startswith(API):
            return self.handle_no_permission(request, None)
        return None

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        answer = super().handle_no_permission(request, view_func)
        is_form = request.method not in SAFE and not getattr(request, "htmx", False)
        if not is_form:
            return answer
        address = resolve_url(self.get_login_url(view_func))
        field = self.get_redirect_field_name(view_func)
        query = urlencode({field: _page_of(request), "unsent": "1"})
        return redirect(f"{address}?{query}")


def _page_of(request: HttpRequest) -> str:
    """Return the page of the form; the address that it goes to if the browser sends no Referer."""
    came_from = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        return request.path
    parts = urlsplit(came_from)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
