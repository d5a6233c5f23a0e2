"""Creates sends by the API all the time, with keys, and insists until each is acknowledged."""

import contextlib
import http.client
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tools.torture.evidence import Asked, Holder
from tools.torture.world import NOTICE, World, chat_event

LARGEST = 500
PATIENCE_SECONDS = 120.0
# Enough to keep every window full, and little enough to be over soon after the end.
OPEN_MOST = 600
CANCELLED_SHARE = 0.04


class Senders:
    """Threads that make sends, cancel a few, and move chats about, until `stop`."""

    def __init__(self, world: World, *, seed: int, number: int = 2) -> None:
        self.world = world
        self.asked: list[Asked] = []
        self.troubles: list[str] = []
        # Who drained what, all the time.
        self.holders: list[Holder] = []
        self.repeated = 0
        # Set while a large request is with the web process.
        self.under_way = threading.Event()
        self.wants_large = threading.Event()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._count = 0
        jobs: list[Callable[[random.Random], None]] = [self._send] * number
        jobs += [self._move_chats, self._watch_open]
        self._open = 0
        self._threads = [
            threading.Thread(
                target=self._run, args=(job, random.Random(f"{seed} {place}")), name=f"job {place}"
            )
            for place, job in enumerate(jobs)
        ]

    @property
    def deliveries(self) -> int:
        with self._lock:
            return sum(len(asked.targets) for asked in self.asked)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Each finishes what it is at."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, job: Callable[[random.Random], None], rng: random.Random) -> None:
        try:
            while not self._over.is_set():
                job(rng)
        except Exception as error:
            self.troubles.append(f"{threading.current_thread().name}: {error!r}")
            raise

    def _watch_open(self, _rng: random.Random) -> None:
        self._open = self.world.open_deliveries() or 0
        self.holders += self.world.holders()
        self._over.wait(0.2)

    def _send(self, rng: random.Random) -> None:
        is_large = self.wants_large.is_set()
        if self._open > OPEN_MOST and not is_large:
            self._over.wait(0.05)
            return
        most = LARGEST if is_large else int(LARGEST ** rng.random())
        targets = rng.sample(self.world.chats, most)
        with self._lock:
            self._count += 1
            key = f"send {self._count:06}"
        body = {"notice": NOTICE, "interactions": targets, "fields": {"key": key}}
        answers = self._insist(key, body, is_large=is_large)
        with self._lock:
            self.asked.append(Asked(key, frozenset(targets), frozenset(answers)))
        if answers and rng.random() < CANCELLED_SHARE:
            self._over.wait(rng.random())
            self._cancel(min(answers))

    def _insist(self, key: str, body: dict[str, Any], *, is_large: bool) -> set[int]:
        """Until the API has acknowledged it; now and then once more, which must change nothing."""
        answers: set[int] = set()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = self._post_send(key, body, is_large=is_large)
            except (OSError, http.client.HTTPException):
                status, answer = 0, None
            if status == 201:
                answers.add(int(answer["id"]))
                return answers
            if 400 <= status < 500:
                self.troubles.append(f"{key}: the API answered {status}: {answer}")
                return answers
            self.repeated += 1
            time.sleep(0.2)
        return answers

    def _post_send(self, key: str, body: dict[str, Any], *, is_large: bool) -> tuple[int, Any]:
        try:
            return self.world.web.post(
                "sends/", body, key=key, asked=self.under_way if is_large else None
            )
        finally:
            if is_large:
                self.under_way.clear()

    def _cancel(self, send_id: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = self.world.web.post(f"sends/{send_id}/cancel/", {})
            except (OSError, http.client.HTTPException):
                status, answer = 0, None
            if status == 200 or (status == 409 and answer["code"] == "send_over"):
                return
            if 400 <= status < 500:
                self.troubles.append(f"cancelling {send_id}: {status}: {answer}")
                return
            time.sleep(0.2)

    def _move_chats(self, rng: random.Random) -> None:
        """Some chats fail over to another Chat Server, a few go offline for a while."""
        events = [
            chat_event(chat, rng.choice(self.world.chat_servers), online=rng.random() > 0.1)
            for chat in rng.sample(self.world.chats, 30)
        ]
        # One call that fails is of no concern: the next comes soon.
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.world.web.post("interactions/events/", {"events": events})
        self._over.wait(1 + rng.random())
