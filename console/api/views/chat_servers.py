"""Chat Servers and their health."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import needs, query_filters
from console.api.serializers import common
from console.api.things import ThingView, edits, reads
from console.interactions import selectors, services
from console.interactions.models import ChatServer

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
