"""Pages of Chat Servers."""

from django.urls import path

from console.interactions.pages import chat_servers

urlpatterns = [
    path("chat-servers/", chat_servers.chat_server_list, name="chat-server-list"),
    path("chat-servers/new/", chat_servers.chat_server_new, name="chat-server-create"),
    path("chat-servers/<path:name>/edit/", chat_servers.chat_server_edit, name="chat-server-edit"),
]
