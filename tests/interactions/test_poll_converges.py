"""The feed and the poller together, in whatever order things happen, arrive at what is true.

Chats begin, change and end. The feed tells of it late, twice, in another order or never; polls go
on page by page meanwhile. At no moment has a chat ended that lives, nor does one live whose end was
told; and a last poll knows it all, whatever comes late after that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from console.actors import system_actor
from console.interactions.models import Interaction
from console.interactions.poller import writing
from console.interactions.poller.writing import Poll, PollCounts
from console.interactions.services import feed_apply, poll_begin, poll_finish, poll_page
from console.ixn.snapshots import Properties, Reader
from tests.support.ixn_server import IxnServer, properties

FEED = system_actor("tests")
POLLER = system_actor("poller")
PAGE_SIZE = 2
PICK = st.integers(0, 1000)
CHANGES = st.sampled_from(
    [
        {"AgentId": "bob"},
        {"Queue": "sales"},
        {"State": 0, "Queue": "sales"},
        {"UserData": {"ChatServerAppName": "chat-west"}},
        {"UserData": {"ChatServerAppName": "chat-east", "Topic": "invoice"}},
    ]
)


@dataclass
class PollUnderWay:
    poll: Poll
    reader: Reader
    pages: Iterator[list[Properties]]
    counts: PollCounts = field(default_factory=PollCounts)
    is_read: bool = False


class FeedAndPoller(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        Interaction.objects.all().delete()
        self.server = IxnServer()
        self.number = 0
        self.ended: set[str] = set()
        self.end_told: set[str] = set()
        self.on_the_way: list[dict[str, Any]] = []
        self.under_way: PollUnderWay | None = None

    @initialize(is_frozen=st.booleans(), tells_total=st.booleans(), first_place=st.integers(0, 1))
    def chosen(self, is_frozen: bool, tells_total: bool, first_place: int) -> None:
        """What the vendor's documents leave open."""
        self.server.is_frozen = is_frozen
        self.server.tells_total = tells_total
        self.server.first_place = first_place

    # --- The world -------------------------------------------------------------------------------

    @rule(told=st.booleans())
    def begin(self, told: bool) -> None:
        self.number += 1
        name = f"c{self.number:03}"
        self.server.chats[name] = properties(name)
        self._tell(told, name)

    @precondition(lambda self: self.server.chats)
    @rule(pick=PICK, change=CHANGES, told=st.booleans())
    def change(self, pick: int, change: dict[str, Any], told: bool) -> None:
        name = self._chat(pick)
        self.server.chats[name] = {**self.server.chats[name], **change}
        self._tell(told, name)

    @precondition(lambda self: self.server.chats)
    @rule(pick=PICK, told=st.booleans())
    def end(self, pick: int, told: bool) -> None:
        name = self._chat(pick)
        del self.server.chats[name]
        self.ended.add(name)
        self._tell(told, name)

    def _chat(self, pick: int) -> str:
        return list(self.server.chats)[pick % len(self.server.chats)]

    def _tell(self, told: bool, name: str) -> None:
        if told:
            self.on_the_way.append(self._event(name))

    def _event(self, name: str) -> dict[str, Any]:
        event: dict[str, Any] = {"type": "stopped", "interaction": {"id": name}}
        if name in self.server.chats:
            chat = self.server.chats[name]
            event["type"] = "upsert"
            event["interaction"] |= {
                "media_type": chat["Mediatype"],
                "state": "handling" if chat["State"] == 3 else "queued",
                "queue": chat["Queue"],
                "agent": chat["AgentId"] if chat["State"] == 3 else "",
                "user_data": chat["UserData"],
            }
        return {**event, "occurred_at": timezone.now().isoformat()}

    # --- The feed --------------------------------------------------------------------------------

    @precondition(lambda self: self.on_the_way)
    @rule(pick=PICK, again=st.booleans())
    def event_comes(self, pick: int, again: bool) -> None:
        place = pick % len(self.on_the_way)
        event = self.on_the_way[place] if again else self.on_the_way.pop(place)
        assert feed_apply(FEED, [event]).rejected == []
        if event["type"] == "stopped":
            self.end_told.add(event["interaction"]["id"])

    # --- The poller ------------------------------------------------------------------------------

    @precondition(lambda self: self.under_way is None)
    @rule()
    def poll_starts(self) -> None:
        poll = poll_begin(POLLER)
        reader = Reader(self.server.take(), page_size=PAGE_SIZE)
        self.under_way = PollUnderWay(poll, reader, iter(reader))

    @precondition(lambda self: self.under_way is not None)
    @rule()
    def poll_goes_on(self) -> None:
        """One page, or after the last one the end."""
        now = self.under_way
        assert now is not None
        page = next(now.pages, None)
        if page is not None:
            now.counts += poll_page(POLLER, now.poll, page)
            return
        poll_finish(
            POLLER,
            now.poll,
            address="stand-in",
            seen=now.reader.ids,
            counts=now.counts,
            is_whole=now.reader.is_whole,
        )
        self.under_way = None

    # --- What holds ------------------------------------------------------------------------------

    @invariant()
    def none_has_ended_that_lives(self) -> None:
        over = Interaction.objects.exclude(ended_at=None).values_list("pk", flat=True)
        assert set(over) & set(self.server.chats) == set()

    @invariant()
    def none_lives_whose_end_was_told(self) -> None:
        live = Interaction.objects.filter(ended_at=None).values_list("pk", flat=True)
        assert set(live) & self.end_told == set()

    def teardown(self) -> None:
        while self.under_way is not None:
            self.poll_goes_on()
        self._polls()
        assert self._known() == self._truth()
        ever_known = set(Interaction.objects.values_list("pk", flat=True))
        while self.on_the_way:
            self.event_comes(pick=0, again=False)
        known = self._known()
        assert {name: known[name] for name in self.server.chats} == self._truth()
        # But for chats that nobody had known of, which are over; the next poll knows that.
        assert known.keys() - self.server.chats.keys() <= self.ended - ever_known
        self._polls()
        assert self._known() == self._truth()

    def _polls(self) -> None:
        self._poll()
        if not self.server.chats:  # that there are none is not believed at once
            self._poll()

    def _poll(self) -> None:
        self.poll_starts()
        while self.under_way is not None:
            self.poll_goes_on()

    def _known(self) -> dict[str, tuple[Any, ...]]:
        return {
            chat.pk: (chat.state, chat.queue, chat.agent, chat.chat_server_name, chat.user_data)
            for chat in Interaction.objects.filter(ended_at=None)
        }

    def _truth(self) -> dict[str, tuple[Any, ...]]:
        return {name: _as_known(chat) for name, chat in self.server.chats.items()}


def _as_known(chat: dict[str, Any]) -> tuple[Any, ...]:
    handled = chat["State"] == 3
    return (
        "handling" if handled else "queued",
        chat["Queue"],
        chat["AgentId"] if handled else "",
        chat["UserData"]["ChatServerAppName"],
        chat["UserData"],
    )


@pytest.mark.django_db
def test_the_feed_and_the_poller_together_converge(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One clock for both, and no time goes by.
    settings.POLL = replace(settings.POLL, clock_margin=0)
    monkeypatch.setattr(writing, "EMPTY_FOR", timedelta(0))
    run_state_machine_as_test(FeedAndPoller, settings=BOUNDED)


BOUNDED = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
