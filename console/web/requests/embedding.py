"""The page of a chat in a frame of another site: which sites may show it, and signing in there.

Only the addresses of chat pages are open to frames, and only for the origins that
CONSOLE_EMBED_ORIGINS lists. Everything else refuses frames, as without the setting.
"""

import re
from urllib.parse import urlencode, urlsplit

from csp.constants import SELF
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import reverse

from console.web.requests.middleware import _Middleware

PAGE = re.compile(r"/chats/[^/]+/")
# What a browser says of a document that it loads into a frame.
FRAMES = ("iframe", "frame", "embed", "object")


def is_framed(request: HttpRequest) -> bool:
    """Return whether a browser loads this into a frame. Browsers say so, and no script can."""
    return request.headers.get("Sec-Fetch-Dest", "") in FRAMES


def is_embedded(request: HttpRequest) -> bool:
    """Return whether this is the page of a chat in a frame, where the site allows that."""
    return bool(settings.EMBED_ORIGINS) and is_framed(request) and is_chat_page(request)


def is_chat_page(request: HttpRequest) -> bool:
    return PAGE.fullmatch(request.path) is not None


class EmbeddingMiddleware(_Middleware):
    """Lets the listed origins show the page of a chat in a frame, whatever its answer is.

    No other page can be shown there. So a redirect, as that to the sign-in, becomes a page with a
    button that opens it in a window of its own.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not (settings.EMBED_ORIGINS and is_chat_page(request)):
            return response
        if is_framed(request) and 300 <= response.status_code < 400:
            response = _in_own_window(request, response)
        # X-Frame-Options can't name origins; browsers that know frame-ancestors ignore it.
        response.xframe_options_exempt = True
        ancestors = [SELF, *settings.EMBED_ORIGINS]
        response._csp_replace = {"frame-ancestors": ancestors}  # type: ignore[attr-defined]
        return response


def _in_own_window(request: HttpRequest, redirect: HttpResponse) -> HttpResponse:
    """Return the page that leads out of the frame. Keeps the cookies of the redirect."""
    address = redirect.headers.get("Location", "")
    login = resolve_url(settings.LOGIN_URL)
    if urlsplit(address).path == login:
        address = f"{login}?{urlencode({'next': reverse('chat-signed-in')})}"
    page = render(request, "chat/sign_in.html", {"address": address})
    page.cookies = redirect.cookies
    return page
