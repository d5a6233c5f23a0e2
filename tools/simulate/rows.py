"""The rows of the model of the database. Times are in seconds since 1970."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from console.interactions.models import ChatServer


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dataclass(slots=True)
class ServerRow:
    """A Chat Server, by the names of its columns."""

    id: int
    name: str
    url: str
    pace_per_second: float = 50.0
    burst: int = 150
    window: int = 32
    connect_timeout_seconds: float = 5.0
    request_timeout_seconds: float = 10.0
    enabled: bool = True
    held_at: float | None = None
    health: str = "untried"
    health_detail: str = ""
    failures_in_a_row: int = 0
    retry_at: float | None = None
    progressed_at: float | None = None
    bucket_tokens: float = 1.0
    bucket_at: float = 0.0
    grant_slots: list[int] = field(default_factory=list)
    grant_counts: list[int] = field(default_factory=list)
    drain_epoch: int = 0
    drain_holder: UUID | None = None
    drain_renewed_at: float | None = None
    drain_contested_at: float | None = None

    @property
    def takes_deliveries(self) -> bool:
        return self.enabled and self.held_at is None

    def read(self) -> ChatServer:
        """Return it as the engine reads it."""
        return ChatServer(
            id=self.id,
            name=self.name,
            url=self.url,
            window=self.window,
            connect_timeout_seconds=self.connect_timeout_seconds,
            request_timeout_seconds=self.request_timeout_seconds,
            enabled=self.enabled,
            held_at=moment(self.held_at),
            health=self.health,
            health_detail=self.health_detail,
            failures_in_a_row=self.failures_in_a_row,
            retry_at=moment(self.retry_at),
        )


@dataclass(slots=True)
class ChatRow:
    """A chat."""

    chat_server_name: str
    is_online: bool = True
    has_ended: bool = False


@dataclass(slots=True)
class SendRow:
    """A send. `open` has what the outbox has of it."""

    id: int
    status: str = "running"
    notice_class: str = "routine"
    open: dict[int, "OutboxRow"] = field(default_factory=dict)


@dataclass(slots=True)
class OutboxRow:
    """An open delivery, and when it may leave."""

    delivery_id: int
    send_id: int
    chat_server_name: str
    due_at: float
    expires_at: float


@dataclass(slots=True)
class DeliveryRow:
    """A delivery."""

    id: int
    send_id: int
    interaction_id: str
    chat_server_name: str
    body: str
    notice_class: str = "routine"
    status: str = "pending"
    reason: str = ""
    detail: str = ""
    attempts: int = 0
    claim: UUID | None = None
    attempted_at: float | None = None
    reference_id: int | None = None
    fault_code: str = ""
    fault_text: str = ""
    answer: str | None = None


@dataclass(slots=True)
class LateRow:
    """A late answer."""

    delivery_id: int
    status: str
    reference_id: int | None
    answer: str | None


@dataclass(slots=True)
class Tables:
    """All rows."""

    servers: dict[int, ServerRow] = field(default_factory=dict)
    chats: dict[str, ChatRow] = field(default_factory=dict)
    sends: dict[int, SendRow] = field(default_factory=dict)
    deliveries: dict[int, DeliveryRow] = field(default_factory=dict)
    claims: dict[UUID, tuple[str, list[int]]] = field(default_factory=dict)
    late: list[LateRow] = field(default_factory=list)
    # When a job looks at a Chat Server again, by its name.
    wakes: dict[str, float] = field(default_factory=dict)
    is_stopped: bool = False

    def server(self, name: str) -> ServerRow | None:
        return next((row for row in self.servers.values() if row.name == name), None)

    def outbox(self, delivery_id: int) -> OutboxRow | None:
        send = self.sends.get(self.deliveries[delivery_id].send_id)
        return send.open.get(delivery_id) if send else None

    def add(self, delivery: DeliveryRow, outbox: OutboxRow) -> None:
        self.deliveries[delivery.id] = delivery
        self.sends[delivery.send_id].open[delivery.id] = outbox


class Watch:
    """Is told what is committed. The checks of the simulation are one."""

    def claimed(self, server: ServerRow, claimed: list[DeliveryRow], now: float) -> None: ...

    def stepped(self, server: ServerRow, claimed: list[DeliveryRow], now: float) -> None: ...

    def granted(self, server: ServerRow, number: int, now: float) -> None: ...

    def ended(self, delivery: DeliveryRow, outbox: OutboxRow | None, now: float) -> None: ...

    def came_back(self, delivery: DeliveryRow, now: float) -> None: ...

    def late(self, row: LateRow, now: float) -> None: ...

    def taken(self, server: ServerRow, before: UUID | None, now: float) -> None: ...

    def haunted(self, worker: UUID) -> None: ...

    def finished(self, send: SendRow, now: float) -> None: ...
