"""Pages of sends and of the history."""

from django.urls import path

from console.sends import views

urlpatterns = [
    path("sends/", views.send_list, name="send-list"),
    path("sends/<int:send_id>/", views.send_detail, name="send-detail"),
    path("sends/<int:send_id>/progress/", views.send_progress, name="send-progress"),
    path("sends/<int:send_id>/cancel/", views.send_stop, name="send-cancel"),
    path("history/", views.history, name="history"),
    path("history/<int:delivery_id>/", views.delivery_detail, name="delivery-detail"),
]
