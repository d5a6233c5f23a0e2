"""drf-spectacular's settings, for console.settings."""

SPECTACULAR_SETTINGS = {
    "TITLE": "Notice Console",
    "DESCRIPTION": "Send canned chat notices into live chat sessions, and prove it afterwards.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "OAS_VERSION": "3.1.0",
    # What two answers share, or is called like another with other choices, would be named by a
    # checksum.
    "ENUM_NAME_OVERRIDES": {
        "SendStatusEnum": "console.sends.models.SendStatus",
        "WebhookEvent": "console.webhooks.models.EventType",
        "WebhookMessageStatus": "console.webhooks.models.MessageStatus",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "console.api.schema.complete",
    ],
}
