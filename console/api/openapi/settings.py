"""drf-spectacular's settings, for console.settings."""

# Each enumeration has one name in all responses and bodies.
ENUMS = {
    "DeliveryReason": "console.sends.reasons.Reason",
    "DeliveryStatus": "console.sends.models.DeliveryStatus",
    "ChatServerHealth": "console.interactions.models.Health",
    "ExportFormat": "console.exports.files.formats.ExportFormat",
    "ExportStatus": "console.exports.models.ExportStatus",
    "ExportSubject": "console.api.serializers.exports.SUBJECTS",
    "ImportOutcome": "console.api.serializers.transfer.OUTCOMES",
    "IncidentOutcome": "console.incidents.selectors.OUTCOMES",
    "IncidentStatus": "console.incidents.models.IncidentStatus",
    "LeaveOut": "console.sends.plan.values.LeaveOut",
    "NicknameSource": "console.sends.models.NicknameSource",
    "NoticeKind": "console.catalogue.models.NoticeKind",
    "NoticeStatus": "console.catalogue.models.NoticeStatus",
    "Reach": "console.incidents.models.Reach",
    "Role": "console.accounts.models.Role",
    "SendStatus": "console.sends.models.SendStatus",
    "VersionStatus": "console.catalogue.models.VersionStatus",
    "Visibility": "console.catalogue.models.Visibility",
    "WebhookEvent": "console.webhooks.models.EventType",
    "WebhookMessageStatus": "console.webhooks.models.MessageStatus",
    "WebhookMessageType": "console.webhooks.models.MESSAGE_TYPES",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Notice Console",
    "DESCRIPTION": "Send canned chat notices into live chat sessions, and prove it afterwards.",
    "VERSION": "1",
    "SERVERS": [{"url": "/", "description": "The console that this document comes from."}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": ENUMS,
    "ENUM_SUFFIX": "",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "console.api.openapi.schema.complete",
    ],
}
