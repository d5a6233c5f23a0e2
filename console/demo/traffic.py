"""`python -m console.demo.traffic`: customers who come, talk and go, in the demo's simulators.

It stands where a site's workflow does: it tells the console of its chats through the feed of the
API, with the token of an API client, and knows nothing else of it. So it needs no Django.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from console.demo import customers, outage
from console.demo.control import SimulatorRefused, SimulatorSilent, ask
from console.demo.customers import Customer, a_customer, an_interaction_id
from console.demo.feed import Feed, FeedFailed, FeedRejected

STEP_SECONDS = 2.0
# The id of the demo's test chat, the same in each run.
TEST_CHAT = "0001TESTCHAT0001"
LONGEST_WAIT = timedelta(minutes=25)
# During an outage there are so many chats more, of one queue, and so many come at a time.
OUTAGE_CHATS = 80
OUTAGE_STEP = 4


@dataclass(slots=True)
class Chat:
    """A live chat: its customer, its start, its Chat Server and its agent."""

    interaction_id: str
    customer: Customer
    chat_server: str
    received_at: datetime
    agent: str = ""
    is_test: bool = False

    def event(self, kind: str = "upsert") -> dict[str, Any]:
        """Return a feed event with the chat's present state."""
        return {
            "type": kind,
            "occurred_at": datetime.now(UTC).isoformat(),
            "interaction": {
                "id": self.interaction_id,
                "media_type": "chat",
                "tenant_id": 101,
                "state": "handling" if self.agent else "queued",
                "queue": self.customer.queue,
                "agent": self.agent,
                "locale": self.customer.locale,
                "received_at": self.received_at.isoformat(),
                "user_data": self.user_data(is_online=kind == "upsert"),
                "test": self.is_test,
            },
        }

    def user_data(self, *, is_online: bool = True) -> dict[str, str]:
        return {
            "InteractionId": self.interaction_id,
            "IsOnline": "1" if is_online else "0",
            "ChatServerAppName": self.chat_server,
            **self.customer.user_data,
        }


class Traffic:
    """Keeps about `wanted` chats open, on the simulators with these control ports."""

    def __init__(
        self, feed: Feed, control_ports: dict[str, int], *, wanted: int, random: Random
    ) -> None:
        self._feed = feed
        self._ports = control_ports
        self._wanted = wanted
        self._random = random
        self._untold: list[dict[str, Any]] = []
        self.chats: list[Chat] = []

    def begin(self) -> None:
        """End the chats that an earlier run left on the console, and open the first ones."""
        left = self._feed.live_chats(list(self._ports))
        now = datetime.now(UTC)
        self._tell(
            {"type": "stopped", "occurred_at": now.isoformat(), "interaction": {"id": chat}}
            for chat in left
        )
        # Most have waited for a short time, few for long.
        shares = (self._random.random() ** 3 for _ in range(self._wanted))
        self._tell(self._open(now - LONGEST_WAIT * share).event() for share in shares)
        self._tell([self._open_test(now).event()])

    def step(self) -> None:
        """Simulate a moment: a chat ends, one begins, an agent takes one, and some people write."""
        told = []
        is_outage = outage.is_on(self._ports)
        if len(self.chats) >= self._wanted:
            # After an outage they go as quickly as they came.
            is_over = len(self.chats) > self._wanted and not is_outage
            for chat in self._some(self.chats, OUTAGE_STEP if is_over else 1):
                told.append(self._close(chat).event("stopped"))
        if len(self.chats) < self._wanted:
            told.append(self._open(datetime.now(UTC)).event())
        if is_outage and len(self.chats) < self._wanted + OUTAGE_CHATS:
            now = datetime.now(UTC)
            told += [self._open(now, outage.QUEUE).event() for _each in range(OUTAGE_STEP)]
        told += [chat.event() for chat in self._answered()]
        self._tell(told)
        for chat in self._some(self.chats, 3):
            self._talk(chat)

    def _tell(self, events: Iterable[dict[str, Any]]) -> None:
        # Events that failed are sent again the next time, so that no chat stays forever.
        self._untold += events
        try:
            self._feed.tell(self._untold)
        except FeedRejected:
            self._untold.clear()
            raise
        self._untold.clear()

    def _open(self, received_at: datetime, queue: str = "") -> Chat:
        chat = Chat(
            an_interaction_id(self._random),
            a_customer(self._random, queue),
            self._random.choice(list(self._ports)),
            received_at,
        )
        if received_at < datetime.now(UTC) - timedelta(minutes=1):
            self._give_agent(chat)
        self._ask(chat, "open_session", user_data=chat.user_data())
        self._say_first(chat)
        self.chats.append(chat)
        return chat

    def _open_test(self, now: datetime) -> Chat:
        """Open the chat in which editors try out their drafts. It never ends by itself."""
        chat = Chat(TEST_CHAT, customers.TESTER, next(iter(self._ports)), now, is_test=True)
        self._ask(chat, "open_session", user_data=chat.user_data())
        self._say(chat, "This is a test chat: show me what you write.", role="customer")
        return chat

    def _close(self, chat: Chat) -> Chat:
        self._ask(chat, "close_session")
        self.chats.remove(chat)
        return chat

    def _answered(self) -> Sequence[Chat]:
        waiting = [chat for chat in self.chats if not chat.agent]
        taken = self._some(waiting, 1)
        for chat in taken:
            self._give_agent(chat)
        return taken

    def _give_agent(self, chat: Chat) -> None:
        if self._random.random() < 0.8:
            chat.agent = self._random.choice(customers.AGENTS[chat.customer.queue])

    def _say_first(self, chat: Chat) -> None:
        greeting = customers.OWN_WORDS.get(chat.customer.locale)
        if greeting:
            self._say(chat, greeting, role="customer")
        self._say(
            chat, self._random.choice(customers.QUESTIONS[chat.customer.queue]), role="customer"
        )

    def _talk(self, chat: Chat) -> None:
        if chat.agent and self._random.random() < 0.6:
            self._say(chat, self._random.choice(customers.ANSWERS), role="agent")
        else:
            self._say(chat, self._random.choice(customers.MORE), role="customer")

    def _say(self, chat: Chat, text: str, *, role: str) -> None:
        speaker = chat.agent.partition(".")[0].capitalize() if role == "agent" else "Customer"
        self._ask(chat, "say", role=role, text=text, **{"from": speaker})

    def _ask(self, chat: Chat, do: str, **arguments: Any) -> None:
        ask(self._ports[chat.chat_server], do, interaction_id=chat.interaction_id, **arguments)

    def _some(self, chats: list[Chat], most: int) -> list[Chat]:
        return self._random.sample(chats, min(most, len(chats)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m console.demo.traffic", description=__doc__)
    parser.add_argument("--api", required=True, help="address of the console")
    parser.add_argument("--sessions", type=int, default=40, help="chats at a time, about")
    options = parser.parse_args()
    ports = dict(pair.split("=", 1) for pair in os.environ["CONSOLE_DEMO_SIMULATORS"].split(","))
    traffic = Traffic(
        Feed(options.api, os.environ["CONSOLE_DEMO_TOKEN"]),
        {name: int(port) for name, port in ports.items()},
        wanted=options.sessions,
        random=Random(),  # noqa: S311 - only for show
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    traffic.begin()
    print("ready", flush=True)  # noqa: T201 - the demo waits for it
    while not stop.wait(STEP_SECONDS):
        _step(traffic)


def _step(traffic: Traffic) -> None:
    try:
        traffic.step()
    except (FeedFailed, SimulatorRefused, SimulatorSilent) as error:
        # One failed step does no harm. The demo's main process notices a lasting failure of the
        # others.
        print(time.strftime("%H:%M:%S"), error, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
