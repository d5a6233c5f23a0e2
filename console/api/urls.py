"""URLs of the API, version 1."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from console.api import errors
from console.api.openapi.document import DocumentView
from console.api.openapi.page import docs
from console.api.views import (
    audiences,
    audit,
    catalogue,
    catalogue_order,
    chat_servers,
    exports,
    incidents,
    interactions,
    playbooks,
    send_actions,
    sends,
    transfer,
    version_tests,
    waiting,
    webhooks,
    writing,
)

app_name = "api"

urlpatterns = [
    path("interactions/events/", interactions.Feed.as_view(), name="feed"),
    path(
        "interactions/transcript-lines/",
        interactions.TranscriptLines.as_view(),
        name="transcript-lines",
    ),
    path("interactions/", interactions.Interactions.as_view(), name="interactions"),
    path(
        "interactions/<str:interaction_id>/",
        interactions.OneInteraction.as_view(),
        name="interaction",
    ),
    path(
        "interactions/<str:interaction_id>/test/",
        interactions.TestChat.as_view(),
        name="interaction-test",
    ),
    path("test-chats/", interactions.TestChats.as_view(), name="test-chats"),
    path("audiences/", audiences.Audiences.as_view(), name="audiences"),
    path("audiences/<int:audience_id>/", audiences.OneAudience.as_view(), name="audience"),
    path("notices/", catalogue.Notices.as_view(), name="notices"),
    path("notices/export/", transfer.ExportNotices.as_view(), name="notices-export"),
    path("notices/import/", transfer.ImportNotices.as_view(), name="notices-import"),
    path("notices/<slug:key>/", catalogue.OneNotice.as_view(), name="notice"),
    path("notices/<slug:key>/retire/", catalogue.RetireNotice.as_view(), name="notice-retire"),
    path("notices/<slug:key>/restore/", catalogue.RestoreNotice.as_view(), name="notice-restore"),
    path(
        "notices/<slug:key>/favourite/",
        catalogue.FavouriteNotice.as_view(),
        name="notice-favourite",
    ),
    path("notices/<slug:key>/usage/", catalogue.NoticeUsage.as_view(), name="notice-usage"),
    path("notices/<slug:key>/versions/", catalogue.Versions.as_view(), name="versions"),
    path(
        "notices/<slug:key>/versions/<int:number>/",
        catalogue.OneVersion.as_view(),
        name="version",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/preview/",
        writing.VersionPreview.as_view(),
        name="version-preview",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/submit/",
        catalogue.SubmitVersion.as_view(),
        name="version-submit",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/approve/",
        catalogue.ApproveVersion.as_view(),
        name="version-approve",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/reject/",
        catalogue.RejectVersion.as_view(),
        name="version-reject",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/tests/",
        version_tests.VersionTests.as_view(),
        name="version-tests",
    ),
    path("variables/", writing.Variables.as_view(), name="variables"),
    path("presets/", catalogue_order.Presets.as_view(), name="presets"),
    path("presets/<int:preset_id>/", catalogue_order.OnePreset.as_view(), name="preset"),
    path(
        "presets/<int:preset_id>/approve/",
        catalogue_order.ApprovePreset.as_view(),
        name="preset-approve",
    ),
    path(
        "presets/<int:preset_id>/reject/",
        catalogue_order.RejectPreset.as_view(),
        name="preset-reject",
    ),
    path("categories/", catalogue_order.Categories.as_view(), name="categories"),
    path("categories/<int:category_id>/", catalogue_order.OneCategory.as_view(), name="category"),
    path("chat-servers/", chat_servers.ChatServers.as_view(), name="chat-servers"),
    path(
        "chat-servers/<path:name>/hold/",
        chat_servers.HoldChatServer.as_view(),
        name="chat-server-hold",
    ),
    path(
        "chat-servers/<path:name>/release/",
        chat_servers.ReleaseChatServer.as_view(),
        name="chat-server-release",
    ),
    path(
        "chat-servers/<path:name>/rename/",
        chat_servers.RenameChatServer.as_view(),
        name="chat-server-rename",
    ),
    path("chat-servers/<path:name>/", chat_servers.OneChatServer.as_view(), name="chat-server"),
    path("playbooks/", playbooks.Playbooks.as_view(), name="playbooks"),
    path("playbooks/<slug:key>/", playbooks.OnePlaybook.as_view(), name="playbook"),
    path(
        "playbooks/<slug:key>/retire/",
        playbooks.RetirePlaybook.as_view(),
        name="playbook-retire",
    ),
    path(
        "playbooks/<slug:key>/versions/",
        playbooks.PlaybookVersions.as_view(),
        name="playbook-versions",
    ),
    *(
        path(
            f"playbooks/<slug:key>/versions/<int:number>/{action}/",
            playbook_view.as_view(),
            name=f"playbook-{action}",
        )
        for action, playbook_view in [
            ("submit", playbooks.SubmitPlaybook),
            ("approve", playbooks.ApprovePlaybook),
            ("reject", playbooks.RejectPlaybook),
        ]
    ),
    path("incidents/", incidents.Incidents.as_view(), name="incidents"),
    path("incidents/preview/", incidents.IncidentPreview.as_view(), name="incident-preview"),
    path("incidents/<int:incident_id>/", incidents.OneIncident.as_view(), name="incident"),
    *(
        path(
            f"incidents/<int:incident_id>/{action}/",
            incident_view.as_view(),
            name=f"incident-{action}",
        )
        for action, incident_view in [
            ("pause", incidents.PauseIncident),
            ("resume", incidents.ResumeIncident),
            ("confirm", incidents.ConfirmIncident),
            ("close", incidents.CloseIncident),
            ("chats", incidents.IncidentChats),
            ("file", incidents.IncidentFile),
        ]
    ),
    path(
        "incidents/<int:incident_id>/stages/<int:position>/preview/",
        incidents.StagePreview.as_view(),
        name="incident-stage-preview",
    ),
    path(
        "incidents/<int:incident_id>/stages/<int:position>/start/",
        incidents.StartStage.as_view(),
        name="incident-stage-start",
    ),
    path("sends/", sends.Sends.as_view(), name="sends"),
    path("sends/preview/", sends.SendPreview.as_view(), name="send-preview"),
    path("sends/<int:send_id>/", sends.OneSend.as_view(), name="send"),
    *(
        path(f"sends/<int:send_id>/{action}/", view.as_view(), name=f"send-{action}")
        for action, view in [
            ("cancel", send_actions.CancelSend),
            ("pause", send_actions.PauseSend),
            ("resume", send_actions.ResumeSend),
            ("approve", send_actions.ApproveSend),
            ("reject", send_actions.RejectSend),
            ("reschedule", send_actions.RescheduleSend),
            ("retry-failed", send_actions.RetryFailed),
            ("retry-unknown", send_actions.RetryUnknown),
        ]
    ),
    path("sends/<int:send_id>/deliveries/", sends.SendDeliveries.as_view(), name="send-deliveries"),
    path("sends/<int:send_id>/proof/", sends.SendProof.as_view(), name="send-proof"),
    path("sending-stop/", send_actions.AllSending.as_view(), name="sending-stop"),
    path("deliveries/", sends.Deliveries.as_view(), name="deliveries"),
    path("deliveries/exports/", exports.HistoryExports.as_view(), name="history-exports"),
    path(
        "deliveries/<int:delivery_id>/proof/",
        sends.DeliveryProof.as_view(),
        name="delivery-proof",
    ),
    path(
        "deliveries/<int:delivery_id>/evidence/",
        sends.DeliveryEvidence.as_view(),
        name="delivery-evidence",
    ),
    path("waiting/", waiting.Waiting.as_view(), name="waiting"),
    path("webhooks/", webhooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<int:webhook_id>/", webhooks.OneWebhook.as_view(), name="webhook"),
    path(
        "webhooks/<int:webhook_id>/rotate-secret/",
        webhooks.RotateSecret.as_view(),
        name="webhook-rotate-secret",
    ),
    path("webhooks/<int:webhook_id>/test/", webhooks.TestWebhook.as_view(), name="webhook-test"),
    path(
        "webhooks/<int:webhook_id>/messages/",
        webhooks.WebhookMessages.as_view(),
        name="webhook-messages",
    ),
    path(
        "webhooks/<int:webhook_id>/messages/<int:message_id>/",
        webhooks.OneWebhookMessage.as_view(),
        name="webhook-message",
    ),
    path(
        "webhooks/<int:webhook_id>/messages/<int:message_id>/redeliver/",
        webhooks.RedeliverMessage.as_view(),
        name="webhook-redeliver",
    ),
    path("audit/entries/", audit.AuditEntries.as_view(), name="audit-entries"),
    path("audit/entries/exports/", exports.TrailExports.as_view(), name="trail-exports"),
    path("exports/", exports.Exports.as_view(), name="exports"),
    path("exports/<int:export_id>/", exports.OneExport.as_view(), name="export"),
    path("exports/<int:export_id>/file/", exports.ExportFile.as_view(), name="export-file"),
    path("audit/checkpoints/", audit.AuditCheckpoints.as_view(), name="audit-checkpoints"),
    path("audit/export/", audit.AuditExport.as_view(), name="audit-export"),
    path("schema/", DocumentView.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    re_path(r"^(?P<path>.*)$", csrf_exempt(login_not_required(errors.not_found))),
]
