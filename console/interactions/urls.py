"""Pages of Chat Servers."""

from django.urls import path

from console.interactions import views

urlpatterns = [
    path("chat-servers/", views.chat_server_list, name="chat-server-list"),
    path("chat-servers/new/", views.chat_server_new, name="chat-server-create"),
    path("chat-servers/<path:name>/edit/", views.chat_server_edit, name="chat-server-edit"),
]
