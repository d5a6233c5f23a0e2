"""An Interaction Server in memory: what is true of chats, and snapshots of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from console.ixn.errors import SnapshotFailed
from console.ixn.snapshots import Properties


def properties(interaction_id: str, **changes: Any) -> dict[str, Any]:
    """InteractionProperties of a chat that an agent has."""
    return {
        "Id": interaction_id,
        "Mediatype": "chat",
        "TenantId": 101,
        "State": 3,
        "Queue": "billing",
        "AgentId": "ann",
        "IsOnline": 1,
        "UserData": {"InteractionId": interaction_id, "ChatServerAppName": "chat-east"},
        **changes,
    }


@dataclass
class IxnServer:
    """`before_page` runs before each page is answered: the world goes on meanwhile.

    What a page says of an interaction that changed or ended after the snapshot was taken is not
    documented: `is_frozen` answers as it was, else as it is, without those that have ended.
    """

    chats: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_frozen: bool = True
    tells_total: bool = True
    first_place: int = 0
    most_a_page: int = 10_000
    before_page: Callable[[int], None] = lambda start: None
    address: str = "stand-in:4420"
    released: int = 0

    @contextmanager
    def opened(self) -> Iterator["IxnServer"]:
        yield self

    def take(self) -> "TakenSnapshot":
        taken = {name: dict(chat) for name, chat in self.chats.items()}
        return TakenSnapshot(self, taken)


@dataclass
class TakenSnapshot:
    server: IxnServer
    taken: dict[str, dict[str, Any]]

    @property
    def total(self) -> int | None:
        return len(self.taken) if self.server.tells_total else None

    def page(self, start: int, number: int) -> Sequence[Properties]:
        self.server.before_page(start)
        place = max(0, start - self.server.first_place)
        names = list(self.taken)[place : place + min(number, self.server.most_a_page)]
        if self.server.is_frozen:
            return [self.taken[name] for name in names]
        return [dict(self.server.chats[name]) for name in names if name in self.server.chats]

    def release(self) -> None:
        self.server.released += 1


class Broken:
    """A snapshot whose pages are given beforehand; an exception among them is raised."""

    def __init__(self, *pages: object, total: int | None = None) -> None:
        self.pages = list(pages)
        self.total = total

    def page(self, start: int, number: int) -> Sequence[Properties]:
        page = self.pages.pop(0) if self.pages else []
        if isinstance(page, SnapshotFailed):
            raise page
        assert isinstance(page, list)
        return page

    def release(self) -> None:
        raise SnapshotFailed("Interaction Server is gone.")
