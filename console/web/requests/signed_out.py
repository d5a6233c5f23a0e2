"""A form that comes without a sign-in: nothing of it is done, and the way back in says so."""

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
    """Leads who sent a form, and was signed out meanwhile, back to the page that they sent it from:
    its own address may take no more than the form. Whoever sent so much that it was not read is led
    there wherever it was sent to."""

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
    """Where the form stood: at its own address, where the browser does not say."""
    came_from = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        return request.path
    parts = urlsplit(came_from)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
