"""REST framework's settings, for console.settings."""

from typing import Any


def rest_framework_settings() -> dict[str, Any]:
    """How the API reads, answers, lets in and slows down."""
    return {
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "console.api.authentication.BearerToken",
            "console.api.authentication.PageSession",
        ],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["console.api.parsers.BoundedJSONParser"],
        "DEFAULT_CONTENT_NEGOTIATION_CLASS": "console.api.negotiation.Negotiation",
        "DEFAULT_PAGINATION_CLASS": "console.api.pagination.Page",
        "DEFAULT_SCHEMA_CLASS": "console.api.operations.OperationSchema",
        "DEFAULT_THROTTLE_CLASSES": ["console.api.throttling.ActorThrottle"],
        "EXCEPTION_HANDLER": "console.api.errors.answer_error",
        "UNAUTHENTICATED_USER": None,
        "URL_FORMAT_OVERRIDE": None,
    }
