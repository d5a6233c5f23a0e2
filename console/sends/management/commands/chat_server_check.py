"""manage.py chat_server_check NAME"""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from console.interactions.models import ChatServer
from console.sends.engine.java import allow_java
from console.sends.observe.chat_server_check import Found, Step, chat_server_steps
from console.site import commands


class Command(commands.Command):
    help = (
        "Try the way to a Chat Server step by step: name, address, connection, TLS, round trip. "
        "Nothing is sent into any chat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the application name under which it is registered")

    def handle(self, *args: Any, **options: Any) -> None:
        server = _registered(options["name"])
        allow_java()
        steps = asyncio.run(self._shown(server))
        self.stdout.write(
            "Not checked: whether it takes requests for this application. Only a notice that is "
            "sent into a chat shows that, and none was."
        )
        if any(step.found is Found.BAD for step in steps):
            raise CommandError(f"{server.name} can't be used. See what failed above.")

    async def _shown(self, server: ChatServer) -> list[Step]:
        steps = []
        async for step in chat_server_steps(server):
            steps.append(step)
            self.stdout.write(f"{step.name:<12}{step.found:<13}{step.detail}")
        return steps


def _registered(name: str) -> ChatServer:
    server = ChatServer.objects.filter(name=name).first()
    if server is None:
        known = ", ".join(ChatServer.objects.values_list("name", flat=True)) or "none"
        raise CommandError(f"There is no Chat Server named {name!r}. Registered are: {known}.")
    return server
