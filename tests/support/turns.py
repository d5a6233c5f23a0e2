"""The turns that the drain of a Chat Server gives to sends, without a network."""

from uuid import uuid4

from django.utils import timezone

from console.interactions.models import ChatServer
from console.interactions.services import Grant
from console.sends.engine import priority as engine
from console.sends.engine.claim import claim_due


class Turns:
    """Each step is granted so many deliveries. `grants` are the sends that had one, in order, and
    `classes` their notices' classes."""

    def __init__(self, chat_server: str, granted: int) -> None:
        self.chat_server = chat_server
        self.granted = granted
        self.turns = engine.Turns()
        self.classes: list[str] = []
        self.grants: list[int] = []
        self.on_the_wire: list[int] = []

    def step(self) -> None:
        now = timezone.now()
        server = ChatServer.objects.get(name=self.chat_server)
        grant = Grant(server, self.granted, 0.0, now)
        step, _endings = claim_due(
            grant,
            claim=uuid4(),
            on_the_wire=self.on_the_wire,
            turns=self.turns,
        )
        self.turns.waited = step.waited or {}
        for delivery in step.claimed:
            self.on_the_wire.append(delivery.id)
            self.grants.append(delivery.send_id)
            self.classes.append(delivery.notice_class)
            self.turns.sends[delivery.send_id] = now.timestamp()

    def grants_until(self, send: int) -> int:
        """How many grants until a send, which has just begun, has its first."""
        before = len(self.grants)
        while send not in self.grants[before:]:
            self.step()
        return self.grants.index(send, before) + 1 - before
