"""REST framework's settings, for console.settings."""

from typing import Any


def rest_framework_settings() -> dict[str, Any]:
    """Return the settings of authentication, parsing, rendering, paging and throttling."""
    return {
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "console.api.http.authentication.BearerToken",
            "console.api.http.authentication.PageSession",
        ],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["console.api.http.parsers.BoundedJSONParser"],
        "DEFAULT_CONTENT_NEGOTIATION_CLASS": "console.api.http.negotiation.Negotiation",
        "DEFAULT_PAGINATION_CLASS": "console.api.http.pagination.Page",
        "DEFAULT_SCHEMA_CLASS": "console.api.openapi.operations.OperationSchema",
        "DEFAULT_THROTTLE_CLASSES": ["console.api.http.throttling.ActorThrottle"],
        "EXCEPTION_HANDLER": "console.api.errors.answer_error",
        "UNAUTHENTICATED_USER": None,
        "URL_FORMAT_OVERRIDE": None,
    }
