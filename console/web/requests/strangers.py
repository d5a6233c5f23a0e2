"""Recognises strangers, callers without a sign-in or token, before their requests are read."""

from django.conf import settings
from django.http import HttpRequest

from console.accounts.selectors import api_client_admitted, is_signed_in
from console.accounts.signing_in.addresses import sender_address
from console.database.connections import give_back_connections


def is_stranger(request: HttpRequest) -> bool:
    """Return whether the request has neither a session nor a valid token of an API client. What the
    caller may do is checked later, as for every request."""
    try:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            admission = api_client_admitted(token.strip(), address=sender_address(request))
            return admission.client is None or bool(admission.code)
        return not is_signed_in(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
    finally:
        give_back_connections()
