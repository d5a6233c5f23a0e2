"""Chat Servers and their health."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import needs, query_filters
from console.api.serializers import common
from console.api.things import ThingView, action, edits, reads
from console.interactions import selectors, services
from console.interactions.models import ChatServer
from console.sends.control.holding import chat_server_hold, chat_server_release
from console.sends.control.naming import chat_server_remove, chat_server_rename

ANSWERS = {200: common.ChatServerOutput}


class ChatServerView(ThingView):
    """What the views of Chat Servers share."""

    kind = "chat-server"

    def load(self, name: str) -> ChatServer:
        return selectors.chat_server_get(self.actor, name)

    def show(self, server: ChatServer) -> Any:
        return common.ChatServerOutput(selectors.chat_server_get(self.actor, server.name)).data

    def held(self, server: ChatServer) -> QuerySet[ChatServer]:
        return ChatServer.objects.filter(pk=server.pk)


class ChatServers(ChatServerView):
    @extend_schema(
        summary="List Chat Servers",
        responses={200: common.ChatServerOutput(many=True)},
    )
    @needs(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
    def get(self, request: Request) -> Response:
        query_filters(request, ())
        return self.page(request, selectors.chat_servers(self.actor), common.ChatServerOutput)

    @extend_schema(
        summary="Register a Chat Server",
        request=common.ChatServerInput,
        responses={201: common.ChatServerOutput},
    )
    @needs(Permission.ADMINISTER)
    def post(self, request: Request) -> Response:
        """`name` is the application name that interactions carry as ChatServerAppName."""
        server = services.chat_server_create(self.actor, **self.read(common.ChatServerInput))
        return self.tagged("chat-server", self.show(server), status=201)


class OneChatServer(ChatServerView):
    get = reads(
        "Read a Chat Server",
        Permission.VIEW_CHAT_SERVERS,
        Permission.ADMINISTER,
        responses=ANSWERS,
    )

    @edits(
        "Change a Chat Server",
        Permission.ADMINISTER,
        takes=common.ChatServerChanges,
        responses=ANSWERS,
    )
    def patch(self, server: ChatServer, **given: Any) -> None:
        services.chat_server_update(self.actor, server, **given)

    @edits("Remove a Chat Server", Permission.ADMINISTER, takes=None, responses={204: None})
    def delete(self, server: ChatServer) -> None:
        """One to which nothing points: without live chats and open deliveries. 409 has the numbers.
        The history keeps its name."""
        chat_server_remove(self.actor, server)


class HoldChatServer(ChatServerView):
    @action("Hold a Chat Server", Permission.ADMINISTER, takes=common.HoldInput, responses=ANSWERS)
    def post(self, server: ChatServer, *, reason: str) -> ChatServer:
        """Nothing more leaves for it; what is on the wire gets its true outcome. The time to live
        of what waits stands still."""
        return chat_server_hold(self.actor, server, reason)


class ReleaseChatServer(ChatServerView):
    @action("Release a Chat Server that is held", Permission.ADMINISTER, responses=ANSWERS)
    def post(self, server: ChatServer) -> ChatServer:
        """What waits has a whole time to live again."""
        return chat_server_release(self.actor, server)


class RenameChatServer(ChatServerView):
    @action(
        "Rename a Chat Server", Permission.ADMINISTER, takes=common.RenameInput, responses=ANSWERS
    )
    def post(self, server: ChatServer, *, name: str) -> ChatServer:
        """Live chats and deliveries that wait follow; the history keeps the former name. 409 while
        a delivery is on the wire: hold the Chat Server first."""
        return chat_server_rename(self.actor, server, name)
