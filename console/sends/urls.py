"""Pages of sends and of the history."""

from django.urls import path

from console.sends.views import (
    again,
    approvals,
    control,
    erasing,
    following,
    history,
    operations,
    proof,
    switch,
)

urlpatterns = [
    path("sends/", following.send_list, name="send-list"),
    path("sends/<int:send_id>/", following.send_detail, name="send-detail"),
    path("sends/<int:send_id>/progress/", following.send_progress, name="send-progress"),
    path("sends/<int:send_id>/cancel/", control.send_stop, name="send-cancel"),
    path("sends/<int:send_id>/pause/", control.send_hold, name="send-pause"),
    path("sends/<int:send_id>/resume/", control.send_go_on, name="send-resume"),
    path("sends/approvals/", approvals.approvals, name="send-approvals"),
    path("sends/<int:send_id>/approve/", approvals.approve, name="send-approve"),
    path("sends/<int:send_id>/reject/", approvals.reject, name="send-reject"),
    path("sends/<int:send_id>/reschedule/", again.send_another_time, name="send-reschedule"),
    path("sends/<int:send_id>/retry-failed/", again.send_again_failed, name="send-retry-failed"),
    path("sends/<int:send_id>/retry-unknown/", again.send_again_unknown, name="send-retry-unknown"),
    path("sends/<int:send_id>/proof/", proof.send_proof, name="send-proof"),
    path("sending/", switch.switch, name="sending-switch"),
    path("sending/band/", switch.band, name="sending-band"),
    path("sending/stop/", switch.stop, name="sending-stop"),
    path("sending/restart/", switch.restart, name="sending-restart"),
    path("erase/", erasing.erase, name="erase"),
    path("operations/", operations.operations, name="operations"),
    path("history/", history.history, name="history"),
    path("history/export/", history.history_csv, name="history-export"),
    path("history/<int:delivery_id>/", history.delivery_detail, name="delivery-detail"),
]
