"""Pages of Chat Servers, of test chats and of saved views."""

from django.urls import path

from console.interactions.pages import chat_servers, chats_for_tests, saved_views

urlpatterns = [
    path("test-chats/", chats_for_tests.chat_list, name="test-chat-list"),
    path(
        "test-chats/<str:interaction_id>/release/",
        chats_for_tests.chat_release,
        name="test-chat-release",
    ),
    path("board/views/new/", saved_views.saved_view_new, name="saved-view-create"),
    path("board/views/<int:view_id>/", saved_views.saved_view_edit, name="saved-view-edit"),
    path("board/views/<int:view_id>/move/", saved_views.saved_view_shift, name="saved-view-move"),
    path(
        "board/views/<int:view_id>/delete/",
        saved_views.saved_view_remove,
        name="saved-view-delete",
    ),
    path("chat-servers/", chat_servers.chat_server_list, name="chat-server-list"),
    path("chat-servers/new/", chat_servers.chat_server_new, name="chat-server-create"),
    path("chat-servers/<path:name>/edit/", chat_servers.chat_server_edit, name="chat-server-edit"),
]
