"""Pages of Chat Servers and of test chats."""

from django.urls import path

from console.interactions.pages import chat_servers, chats_for_tests

urlpatterns = [
    path("test-chats/", chats_for_tests.chat_list, name="test-chat-list"),
    path(
        "test-chats/<str:interaction_id>/release/",
        chats_for_tests.chat_release,
        name="test-chat-release",
    ),
    path("chat-servers/", chat_servers.chat_server_list, name="chat-server-list"),
    path("chat-servers/new/", chat_servers.chat_server_new, name="chat-server-create"),
    path("chat-servers/<path:name>/edit/", chat_servers.chat_server_edit, name="chat-server-edit"),
]
