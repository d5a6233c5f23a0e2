"""Chat Servers and their health."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.http.conditions import unchanged
from console.api.serializers import common
from console.interactions import selectors, services
from console.interactions.models import ChatServer

ANSWERS = {200: common.ChatServerOutput}


class ChatServerView(ConsoleView):
    """What the views of Chat Servers share."""

    def server_output(self, name: str) -> Any:
        return common.ChatServerOutput(selectors.chat_server_get(self.actor, name)).data


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
        return self.tagged("chat-server", self.server_output(server.name), status=201)


class OneChatServer(ChatServerView):
    @extend_schema(summary="Read a Chat Server", responses=ANSWERS)
    @needs(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
    def get(self, request: Request, name: str) -> Response:
        return self.tagged("chat-server", self.server_output(name))

    @extend_schema(
        summary="Change a Chat Server", request=common.ChatServerChanges, responses=ANSWERS
    )
    @needs(Permission.ADMINISTER)
    def patch(self, request: Request, name: str) -> Response:
        server = selectors.chat_server_get(self.actor, name)
        given = self.read(common.ChatServerChanges)
        held = ChatServer.objects.filter(pk=server.pk)
        with unchanged(request, "chat-server", held, lambda: self.server_output(name)):
            services.chat_server_update(self.actor, server, **given)
        return self.tagged("chat-server", self.server_output(name))
