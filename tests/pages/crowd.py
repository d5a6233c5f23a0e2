"""A crowd at the demo that is never still: customers who come, are answered, and go."""

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from console.demo.control import ask
from console.demo.feed import Feed
from tests.support.demos import Demo

SERVER = "chat-east"


class Crowd:
    """`size` chats whose customers have the last name `name`. Twice a second one goes and one
    comes, and an agent takes some; `moves` counts those who have gone."""

    def __init__(self, demo: Demo, size: int) -> None:
        self.name = f"Crowd{uuid4().hex[:6]}"
        self.size = size
        self.moves = 0
        self._feed = Feed(demo.address, demo.api().token)
        web = next(part for name, part in demo.processes().items() if " serve" in name)
        ports = web.environ()["CONSOLE_DEMO_SIMULATORS"].split(",")
        self._port = int(dict(entry.split("=") for entry in ports)[SERVER])
        self._kept: set[str] = set()
        self._live: deque[dict[str, Any]] = deque()
        self._numbers = count(1)
        self._chance = random.Random(self.name)
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._moved = threading.Condition()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live_on)

    def __enter__(self) -> "Crowd":
        self._tell([("upsert", self._comes()) for _ in range(self.size)])
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()
        self._tell([("stopped", self._goes()) for _ in range(len(self._live))])
        if self._failure is not None:
            raise self._failure

    def live(self) -> set[str]:
        """The ids of those who are there; for `still`."""
        return {chat["id"] for chat in self._live}

    def keep(self, chat: str) -> None:
        """This one does not go while the test lasts."""
        self._kept.add(chat)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nobody comes or goes while the block lasts."""
        with self._turn:
            yield

    def wait_for_moves(self, number: int) -> None:
        """Until that many more have gone."""
        aim = self.moves + number
        with self._moved:
            assert self._moved.wait_for(lambda: self.moves >= aim or self._failure, 60)

    def _live_on(self) -> None:
        try:
            while not self._stop.wait(0.5):
                with self._turn:
                    self._step()
        except BaseException as failure:
            self._failure = failure

    def _step(self) -> None:
        told = [("stopped", self._goes()), ("upsert", self._comes())]
        for chat in list(self._live)[self.moves % 7 :: 40]:
            chat["agent"] = f"agent.{self.moves}"
            told.append(("upsert", chat))
        self._tell(told)
        with self._moved:
            self.moves += 1
            self._moved.notify_all()

    def _comes(self) -> dict[str, Any]:
        number = next(self._numbers)
        chat = f"0001{uuid4().hex[:12].upper()}"
        data = {
            "InteractionId": chat,
            "IsOnline": "1",
            "ChatServerAppName": SERVER,
            "FirstName": f"No {number}",
            "LastName": self.name,
        }
        ask(self._port, "open_session", interaction_id=chat, user_data=data)
        waiting = timedelta(seconds=max(1, 3600 - number))
        interaction = {
            "id": chat,
            "media_type": "chat",
            "tenant_id": 101,
            "state": "handling",
            "queue": "sales",
            "agent": "",
            "locale": "en",
            "received_at": (datetime.now(UTC) - waiting).isoformat(),
            "user_data": data,
        }
        self._live.append(interaction)
        return interaction

    def _goes(self) -> dict[str, Any]:
        """Not only the oldest: those in the middle of a page too."""
        self._live.rotate(self._chance.randrange(len(self._live)))
        while self._live[0]["id"] in self._kept and len(self._live) > len(self._kept):
            self._live.rotate(1)
        chat = self._live.popleft()
        ask(self._port, "close_session", interaction_id=chat["id"])
        return chat

    def _tell(self, told: list[tuple[str, dict[str, Any]]]) -> None:
        now = datetime.now(UTC).isoformat()
        self._feed.tell(
            {"type": kind, "occurred_at": now, "interaction": chat} for kind, chat in told
        )
