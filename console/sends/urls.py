"""Pages of sends and of the history."""

from django.urls import path

from console.sends.views import following, history

urlpatterns = [
    path("sends/", following.send_list, name="send-list"),
    path("sends/<int:send_id>/", following.send_detail, name="send-detail"),
    path("sends/<int:send_id>/progress/", following.send_progress, name="send-progress"),
    path("sends/<int:send_id>/cancel/", following.send_stop, name="send-cancel"),
    path("history/", history.history, name="history"),
    path("history/<int:delivery_id>/", history.delivery_detail, name="delivery-detail"),
]
