"""Incidents with standing stages, and the chats that come while they run."""

import contextlib
import http.client
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tools.torture.evidence import Came
from tools.torture.world import PLAYBOOKS, World, chat_event, ended_event

PATIENCE_SECONDS = 120.0
# Each outage has so many new chats a second, most of which end again after these seconds.
A_SECOND = 3.0
LIVES_SECONDS = (3.0, 45.0)
# A stage goes on for so long before the next one starts, or the incident is closed.
STAGE_SECONDS = (8.0, 24.0)
BETWEEN_SECONDS = (0.0, 4.0)
LATER_SECONDS = (0.5, 4.0)
# How chats come: some match at once, some are of another queue or offline until their second event.
WAYS = ["at once"] * 6 + ["from another queue", "offline first", "moves"]
# The answers to a call that was done before, by another call whose answer was lost.
DONE_BEFORE = {"incident_running", "stage_started", "incident_closed"}
STAGES = 3


class Outages:
    """Threads that start incidents, go on with their stages and close them, and threads that feed
    chats, until `stop`."""

    def __init__(self, world: World, *, seed: int) -> None:
        self.world = world
        self.came: list[Came] = []
        self.troubles: list[str] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        jobs: list[tuple[str, Callable[[str, random.Random], None]]] = [
            *((queue, self._outage) for queue in PLAYBOOKS),
            *((queue, self._feed) for queue in PLAYBOOKS),
        ]
        self._lives: list[threading.Thread] = []
        self._numbers = dict.fromkeys(PLAYBOOKS, 0)
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(job, queue, random.Random(f"{seed} outage {place}")),
                name=f"outage {place}",
            )
            for place, (queue, job) in enumerate(jobs)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Each finishes what it is at: incidents are closed, and half of the chats live on."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for thread in self._lives:
            thread.join()

    def _run(
        self, job: Callable[[str, random.Random], None], queue: str, rng: random.Random
    ) -> None:
        try:
            while not self._over.is_set():
                job(queue, rng)
        except Exception as error:
            self.troubles.append(f"{threading.current_thread().name}: {error!r}")
            raise

    # --- Incidents -------------------------------------------------------------------------------

    def _outage(self, queue: str, rng: random.Random) -> None:
        """One incident, from its start to its end. Some stages are left out."""
        self._over.wait(rng.uniform(*BETWEEN_SECONDS))
        with self._lock:
            self._numbers[queue] += 1
            name = f"{queue} {self._numbers[queue]}"
        start = {"playbook": queue, "why": name, "fields": {"outage": name}, "is_emergency": False}
        answer = self._insist("incidents/", start)
        if answer is None:
            return
        incident = answer.get("id") or answer["details"]["incident"]
        for position in range(2, STAGES + 1):
            if self._over.wait(rng.uniform(*STAGE_SECONDS)) or rng.random() < 0.2:
                continue
            self._insist(f"incidents/{incident}/stages/{position}/start/", {}, may_find_nobody=True)
        self._over.wait(rng.uniform(*STAGE_SECONDS))
        self._insist(f"incidents/{incident}/close/", {"word": "It is over."})

    def _insist(self, path: str, body: dict[str, Any], *, may_find_nobody: bool = False) -> Any:
        """Until the API has done it, or says that it was done."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = self.world.web.post(path, body)
            except (OSError, http.client.HTTPException):
                status, answer = 0, None
            if status in (200, 201):
                return answer
            if 400 <= status < 500:
                code = answer["code"]
                if code in DONE_BEFORE:
                    return answer
                if not (may_find_nobody and code == "no_targets"):
                    self.troubles.append(f"{path}: the API answered {status}: {answer}")
                return None
            time.sleep(0.2)
        self.troubles.append(f"{path} was never answered")
        return None

    # --- Chats -----------------------------------------------------------------------------------

    def _feed(self, queue: str, rng: random.Random) -> None:
        """A new chat, which lives in a thread of its own."""
        with self._lock:
            chat = Came(f"late{len(self.came):05}", queue)
            self.came.append(chat)
            life = threading.Thread(target=self._live, args=(chat, rng.random()), name=chat.id)
            self._lives.append(life)
        life.start()
        self._over.wait(rng.expovariate(A_SECOND))

    def _live(self, chat: Came, luck: float) -> None:
        """The whole life of a chat, as the feed tells it."""
        rng = random.Random(luck)
        way, server = rng.choice(WAYS), rng.choice(self.world.chat_servers)
        ends_at = time.monotonic() + rng.uniform(*LIVES_SECONDS)
        queue = "sales" if way == "from another queue" else chat.queue
        first = chat_event(chat.id, server, queue=queue, online=way != "offline first")
        if not self._told(chat, first):
            return
        if way in ("at once", "moves"):
            chat.matches_at = time.time()
        if way != "at once":
            self._over.wait(rng.uniform(*LATER_SECONDS))
            other = rng.choice(self.world.chat_servers) if way == "moves" else server
            received_at = first["interaction"]["received_at"]
            second = chat_event(chat.id, other, queue=chat.queue, received_at=received_at)
            if not self._told(chat, second):
                return
            chat.matches_at = chat.matches_at or time.time()
        if self._over.wait(max(0.0, ends_at - time.monotonic())) and rng.random() < 0.5:
            return  # it lives on
        chat.ends_at = time.time()
        self._told(chat, ended_event(chat.id))

    def _told(self, chat: Came, event: dict[str, Any]) -> bool:
        """Whether the feed has taken the event: it is told again until then."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, answer = self.world.web.post("interactions/events/", {"events": [event]})
                if status == 202 and not answer["rejected"]:
                    return True
                if status < 500:
                    self.troubles.append(f"the feed answered {status}: {answer}")
                    return False
            time.sleep(0.2)
        self.troubles.append(f"{chat.id} was never taken by the feed")
        return False
