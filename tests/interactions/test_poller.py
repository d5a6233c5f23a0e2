"""A poll beside the feed: nothing lost, nothing brought back, and what is not known not claimed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.interactions.models import Interaction
from console.interactions.poller.poll import poll_interactions
from tests.interactions.polls import (
    POLLER,
    counted,
    feed,
    live,
    polled,
    server_of,
    stop,
    taking,
)
from tests.support.factories import upsert
from tests.support.ixn_server import Broken, IxnServer, properties

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("poll_settings")]


# --- What a poll says ----------------------------------------------------------------------------


def test_a_chat_comes_with_all_that_its_properties_say(poll_settings: Any) -> None:
    poll_settings(locale_key="Language")
    data = {"FirstName": "Zoë", "LastName": "Martin", "Language": "ja", "nested": {"n": 1}}
    server = IxnServer(
        {
            "a1": properties(
                "a1",
                ReceivedAt="2026-01-31T12:00:00Z",
                UserData={**data, "ChatServerAppName": "chat-west"},
            )
        }
    )
    assert counted(polled(server)) == (1, 0, 0)
    chat = Interaction.objects.get()
    assert (chat.media_type, chat.tenant_id, chat.state) == ("chat", 101, "handling")
    assert (chat.queue, chat.agent, chat.locale) == ("billing", "ann", "ja")
    assert (chat.customer_name, chat.chat_server_name) == ("Zoë Martin", "chat-west")
    assert chat.received_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert chat.user_data["nested"] == {"n": 1}
    assert chat.is_online


def test_new_changed_and_ended_are_told_apart() -> None:
    server = server_of("a", "b", "c")
    assert counted(polled(server)) == (3, 0, 0)
    assert counted(polled(server)) == (0, 0, 0)
    server.chats["a"]["AgentId"] = "bob"
    del server.chats["b"]
    server.chats["d"] = properties("d")
    assert counted(polled(server)) == (1, 1, 1)
    assert live() == {"a", "c", "d"}
    assert Interaction.objects.get(pk="a").agent == "bob"


def test_what_is_not_with_an_agent_any_more_has_none() -> None:
    server = server_of("a")
    polled(server)
    server.chats["a"] |= {"State": 0, "AgentId": "ann", "Queue": "sales"}
    polled(server)
    chat = Interaction.objects.get()
    assert (chat.state, chat.agent, chat.queue) == ("queued", "", "sales")


@pytest.mark.parametrize("written", ["31.01.2026 12:00", "2026-01-31T12:00:00", "99", 12, None])
def test_a_time_that_can_t_be_read_says_nothing(written: object) -> None:
    polled(IxnServer({"a": properties("a", ReceivedAt=written)}))
    assert timezone.now() - Interaction.objects.get().received_at < timedelta(minutes=1)


def test_user_data_that_is_not_told_stays(poll_settings: Any) -> None:
    poll_settings(keep_keys=("SessionId",))
    feed(upsert("a", user_data={"SessionId": "s-1"}))
    told = properties("a", UserData={"ChatServerAppName": "chat-west"})
    polled(IxnServer({"a": told}))
    expected = {"ChatServerAppName": "chat-west", "SessionId": "s-1"}
    assert Interaction.objects.get().user_data == expected
    del told["UserData"]
    polled(IxnServer({"a": told}))
    assert Interaction.objects.get().user_data == expected


def test_what_can_t_be_stored_is_counted_and_blocks_nothing() -> None:
    server = server_of("a", "b")
    polled(server)
    server.chats["a"]["UserData"] = {"schlüssel": "x"}
    server.chats["no id/"] = properties("no id/")
    result = polled(server)
    assert result.counts.rejected == 2
    # It was in the snapshot, so it has not ended.
    assert (live(), result.ended) == ({"a", "b"}, 0)


# --- Beside the feed -----------------------------------------------------------------------------


def test_a_newer_event_wins_over_an_older_snapshot() -> None:
    server = server_of("a", "b")
    server.before_page = lambda start: feed(
        upsert("a", agent="bob"), upsert("b", agent="cy", user_data={"ChatServerAppName": "x"})
    )
    polled(server)
    assert dict(Interaction.objects.values_list("pk", "agent")) == {"a": "bob", "b": "cy"}
    assert Interaction.objects.get(pk="b").chat_server_name == "x"


def test_what_the_feed_ended_is_not_brought_back_by_a_page_read_before() -> None:
    server = server_of("a", "b")
    server.before_page = lambda start: feed(stop("a"))
    assert counted(polled(server)) == (1, 0, 0)
    assert live() == {"b"}


def test_an_older_event_that_comes_late_does_not_undo_a_snapshot() -> None:
    late = upsert("a", agent="old", user_data={"IsOnline": "0"})
    server = server_of("a")
    polled(server)
    feed(late)
    chat = Interaction.objects.get()
    assert (chat.agent, chat.is_online) == ("ann", True)
    # Nor does one that lay between two snapshots which said the same.
    late = upsert("a", agent="old")
    polled(server)
    feed(late)
    assert Interaction.objects.get().agent == "ann"


def test_a_chat_that_came_after_the_snapshot_is_not_ended_by_it() -> None:
    server = server_of("a")
    server.before_page = lambda start: feed(upsert("b"))
    polled(server)
    assert live() == {"a", "b"}


def test_a_missing_chat_of_which_something_came_meanwhile_waits() -> None:
    late = upsert("b", agent="late")
    feed(upsert("b"))
    server = server_of("a")
    server.before_page = lambda start: feed({**late, "occurred_at": timezone.now().isoformat()})
    assert counted(polled(server)) == (1, 0, 0)
    assert live() == {"a", "b"}
    server.before_page = lambda start: None
    assert counted(polled(server)) == (0, 0, 1)


def test_a_chat_that_comes_back_is_brought_back() -> None:
    server = server_of("a", "b")
    polled(server)
    gone = server.chats.pop("a")
    polled(server)
    assert live() == {"b"}
    server.chats["a"] = gone
    assert counted(polled(server)) == (1, 0, 0)
    assert live() == {"a", "b"}


@pytest.mark.parametrize("how", [{"IsOnline": 0}, {"UserData": {"IsOnline": "0"}}])
def test_an_offline_chat_is_neither_new_nor_brought_back(how: dict[str, Any]) -> None:
    feed(upsert("ended", type="stopped"), upsert("known"))
    names = ("ended", "known", "unknown")
    polled(IxnServer({name: properties(name, **how) for name in names}))
    assert live() == {"known"}
    assert not Interaction.objects.get(pk="known").is_online


def test_the_margin_lets_events_of_the_last_seconds_win(poll_settings: Any) -> None:
    poll_settings(clock_margin=5)
    # Written by a clock that ticks in whole seconds.
    feed(upsert("a", agent="bob", occurred_at=timezone.now().replace(microsecond=0).isoformat()))
    polled(server_of("a"))
    assert Interaction.objects.get().agent == "bob"


def test_the_margin_keeps_what_was_told_in_the_last_seconds(poll_settings: Any) -> None:
    poll_settings(clock_margin=60)
    feed(upsert("a"))
    result = polled(server_of())
    assert (result.ended, result.withheld) == (0, 0)
    assert live() == {"a"}


# --- Which are ended -----------------------------------------------------------------------------


def test_where_the_feed_tells_of_more_only_what_a_snapshot_had_is_ended(
    poll_settings: Any,
) -> None:
    poll_settings(ends="seen")
    feed(upsert("other-tenant"))
    server = server_of("a", "b")
    polled(server)
    del server.chats["a"]
    result = polled(server)
    assert (result.ended, result.unconfirmed) == (1, 1)
    assert live() == {"b", "other-tenant"}
    poll_settings(ends="known")
    assert polled(server).ended == 1
    assert live() == {"b"}


@pytest.mark.parametrize("limit", [0, 3])
def test_a_snapshot_that_may_be_cut_off_ends_nothing(poll_settings: Any, limit: int) -> None:
    server = server_of("a", "b", "c", "d")
    polled(server)
    del server.chats["d"]
    poll_settings(snapshot_limit=limit)
    result = polled(server)
    assert (result.ended, result.withheld, result.is_whole) == (
        (0, 1, False) if limit else (1, 0, True)
    )


def test_a_snapshot_that_breaks_off_ends_nothing() -> None:
    server = server_of("a", "b", "c")
    polled(server)
    broken = Broken([properties("a")], total=3)
    result = poll_interactions(POLLER, taking(broken))
    assert (result.ended, result.withheld, result.is_whole) == (0, 2, False)
    assert live() == {"a", "b", "c"}


def test_many_at_once_need_a_person() -> None:
    server = server_of(*(f"c{number}" for number in range(60)))
    polled(server)
    for number in range(40):
        del server.chats[f"c{number}"]
    result = polled(server)
    assert (result.ended, result.withheld, result.is_whole) == (0, 40, True)
    assert len(live()) == 60
    assert polled(server, however_many=True).ended == 40
    assert len(live()) == 20


def silent_for(minutes: int) -> None:
    """As if nothing had told of any chat for so long."""
    long_ago = timezone.now() - timedelta(minutes=minutes)
    Interaction.objects.update(last_event_at=long_ago, facts_at=long_ago)


def test_a_snapshot_that_is_suddenly_empty_ends_nothing() -> None:
    """As of a backup that is not in use."""
    server = server_of("a", "b")
    polled(server)
    there = dict(server.chats)
    server.chats.clear()
    for _number in range(3):
        result = polled(server)
        assert (result.ended, result.withheld, result.is_whole) == (0, 2, True)
    server.chats |= there
    assert counted(polled(server)) == (0, 0, 0)
    assert live() == {"a", "b"}


def test_empty_ones_for_minutes_are_believed() -> None:
    server = server_of("a", "b")
    polled(server)
    server.chats.clear()
    polled(server)
    silent_for(4)
    feed(upsert("b"))
    assert polled(server).withheld == 2, "something tells of one of them"
    silent_for(4)
    assert polled(server).ended == 2


def test_the_first_one_that_is_empty_is_never_believed() -> None:
    feed(upsert("a"))
    silent_for(60)
    assert polled(server_of()).withheld == 1
    assert polled(server_of(), however_many=True).ended == 1


# --- Five thousand -------------------------------------------------------------------------------


def test_five_thousand_with_changes_while_it_pages() -> None:
    """In pages of 500; before each page chats begin, change and end, some of them told by the feed
    and some not. The next poll knows it all."""
    names = [f"c{number:04}" for number in range(5000)]
    server = server_of(*names, is_frozen=False)
    feed(*(upsert(name) for name in names[:900]))

    def meanwhile(start: int) -> None:
        # One that was read before, one that is read now and one that is read later.
        for place in {(start + step) % 5000 for step in (-7, 3, 1200)}:
            server.chats.pop(names[place], None)
            if place % 2:
                feed(stop(names[place]))
        for step in (11, 1700):
            name = names[(start + step) % 5000]
            if name in server.chats:
                server.chats[name]["AgentId"] = f"agent-{start}"
                feed(upsert(name, agent=f"agent-{start}"))
        server.chats[f"new-{start}"] = properties(f"new-{start}")
        feed(upsert(f"new-{start}"))

    server.before_page = meanwhile
    first = polled(server)
    told_by_feed = {name for name in server.chats if name.startswith("new-")}
    assert told_by_feed <= live()
    assert set(server.chats) <= live(), "lost"
    ended = set(Interaction.objects.exclude(ended_at=None).values_list("pk", flat=True))
    assert ended & set(server.chats) == set(), "ended though they live"
    assert first.is_whole
    server.before_page = lambda start: None
    second = polled(server)
    assert second.is_whole
    assert live() == set(server.chats)
    agents = dict(Interaction.objects.filter(ended_at=None).values_list("pk", "agent"))
    assert agents == {name: chat["AgentId"] for name, chat in server.chats.items()}
