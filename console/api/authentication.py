"""Who calls: a program by its token, or a person by the session of the pages."""

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from console.accounts.models import ApiClient
from console.accounts.selectors import api_client_by_token
from console.accounts.services import api_client_seen


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer <token>`, the token of an API client."""

    def authenticate(self, request: Request) -> tuple[ApiClient, str] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        client = api_client_by_token(token.strip())
        if client is None:
            raise AuthenticationFailed("This token is not valid. Ask an administrator for one.")
        api_client_seen(client)
        return client, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Notice Console"'


class PageSession(SessionAuthentication):
    """The session cookie of a signed-in person, with a CSRF token on everything that writes."""


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
