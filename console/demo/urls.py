"""URLs of the demo's own pages."""

from django.urls import path

from console.demo import views

urlpatterns = [
    path("", views.demo, name="demo"),
    path("outage/", views.outage, name="demo-outage"),
    path("tour/", views.tour, name="demo-tour"),
    path("chats/<str:interaction_id>/", views.chat, name="demo-chat"),
    path(
        "chats/<str:interaction_id>/transcript/",
        views.chat_transcript,
        name="demo-chat-transcript",
    ),
]
