"""Authenticates the caller: a program by its token, or a person by the session of the pages."""

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from console.accounts.models import ApiClient, User
from console.accounts.selectors import api_client_admitted
from console.accounts.services import api_client_seen, token_refused
from console.accounts.signing_in.addresses import sender_address


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer <token>`: the token of an API client, from an allowed address."""

    def authenticate(self, request: Request) -> tuple[ApiClient, str] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        address = sender_address(request._request)
        admission = api_client_admitted(token.strip(), address=address)
        client = admission.client
        if client is None or admission.code:
            token_refused(client, reason=admission.code, address=address)
            raise AuthenticationFailed(admission.message, code=admission.code)
        api_client_seen(client)
        return client, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Notice Console"'


class PageSession(SessionAuthentication):
    """The session cookie of a signed-in person, with a CSRF token for every write."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found is not None and found[0].must_change_password:
            raise AuthenticationFailed(
                "Choose a password of your own in the pages first.", code="password_change_needed"
            )
        return found

    def enforce_csrf(self, request: Request) -> None:
        """Check only the header: looking for the token in a form would read the body first."""
        super().enforce_csrf(request._request)  # type: ignore[arg-type]


class BearerTokenScheme(OpenApiAuthenticationExtension):
    target_class = BearerToken
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class PageSessionScheme(OpenApiAuthenticationExtension):
    target_class = PageSession
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
