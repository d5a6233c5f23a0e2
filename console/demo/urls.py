"""URLs of the demo's own pages."""

from django.urls import path

from console.demo import views

urlpatterns = [
    path("chats/<str:interaction_id>/", views.chat, name="demo-chat"),
    path(
        "chats/<str:interaction_id>/transcript/",
        views.chat_transcript,
        name="demo-chat-transcript",
    ),
]
