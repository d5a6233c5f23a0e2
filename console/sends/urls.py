"""Pages of sends and of the history."""

from django.urls import path

from console.sends.pages import (
    approvals,
    chat_servers,
    control,
    erasure,
    evidence,
    history,
    operations,
    proof,
    retry,
    sends,
    stop_switch,
    testing,
)

urlpatterns = [
    path("sends/", sends.send_list, name="send-list"),
    path("sends/<int:send_id>/", sends.send_detail, name="send-detail"),
    path("sends/<int:send_id>/progress/", sends.send_progress, name="send-progress"),
    path("sends/<int:send_id>/cancel/", control.send_stop, name="send-cancel"),
    path("sends/<int:send_id>/pause/", control.send_hold, name="send-pause"),
    path("sends/<int:send_id>/resume/", control.send_go_on, name="send-resume"),
    path("sends/approvals/", approvals.approvals, name="send-approvals"),
    path("sends/<int:send_id>/approve/", approvals.approve, name="send-approve"),
    path("sends/<int:send_id>/reject/", approvals.reject, name="send-reject"),
    path("sends/<int:send_id>/reschedule/", retry.send_another_time, name="send-reschedule"),
    path("sends/<int:send_id>/retry-failed/", retry.send_again_failed, name="send-retry-failed"),
    path("sends/<int:send_id>/retry-unknown/", retry.send_again_unknown, name="send-retry-unknown"),
    path("sends/<int:send_id>/proof/", proof.send_proof, name="send-proof"),
    path(
        "notices/<slug:key>/versions/<int:number>/test/",
        testing.version_test,
        name="version-test",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/test/outcomes/",
        testing.version_test_outcomes,
        name="version-test-outcomes",
    ),
    path("sending/", stop_switch.switch, name="sending-switch"),
    path("sending/band/", stop_switch.band, name="sending-band"),
    path("sending/stop/", stop_switch.stop, name="sending-stop"),
    path("sending/restart/", stop_switch.restart, name="sending-restart"),
    path("chat-servers/<path:name>/hold/", chat_servers.hold, name="chat-server-hold"),
    path("chat-servers/<path:name>/release/", chat_servers.release, name="chat-server-release"),
    path("chat-servers/<path:name>/rename/", chat_servers.rename, name="chat-server-rename"),
    path("chat-servers/<path:name>/remove/", chat_servers.remove, name="chat-server-remove"),
    path("erase/", erasure.erase, name="erase"),
    path("operations/", operations.operations, name="operations"),
    path("operations/texts/stop/", erasure.retention_end, name="retention-stop"),
    path("history/", history.history, name="history"),
    path("history/export/", history.history_export, name="history-export"),
    path("history/<int:delivery_id>/", history.delivery_detail, name="delivery-detail"),
    path("history/<int:delivery_id>/seen/", evidence.delivery_seen, name="delivery-seen"),
    path(
        "history/<int:delivery_id>/evidence/<int:evidence_id>/correct/",
        evidence.evidence_correct,
        name="evidence-correct",
    ),
    path(
        "history/<int:delivery_id>/evidence/<int:evidence_id>/withdraw/",
        evidence.evidence_withdraw,
        name="evidence-withdraw",
    ),
]
