"""The feed in the database: idempotent, in whatever order, and never backwards."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.accounts.models import Team
from console.actors import Actor, Permission, system_actor
from console.errors import InvalidInput, PermissionRefused
from console.interactions.feed import writing
from console.interactions.models import Interaction
from console.interactions.services import FeedResult, feed_apply, interactions_forget
from tests.support.factories import upsert
from tests.support.topics import published

FEED = system_actor("tests")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FACTS = ("is_online", "chat_server_name", "is_test")

pytestmark = pytest.mark.django_db


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


def feed(*events: object) -> FeedResult:
    return feed_apply(FEED, events)


def chat(interaction_id: str = "a1") -> Interaction:
    return Interaction.objects.get(pk=interaction_id)


def state() -> list[dict[str, Any]]:
    return list(Interaction.objects.order_by("pk").values())  # type: ignore[arg-type]


# --- Once, twice, late ---------------------------------------------------------------------------


def test_an_upsert_says_everything() -> None:
    result = feed(upsert("a1", occurred_at=at(0), received_at=at(-60), sequence=5))
    assert (result.accepted, result.ignored, result.rejected) == (1, 0, [])
    known = chat()
    assert known.user_data["FirstName"] == "Zoë"
    assert (known.customer_name, known.chat_server_name) == ("Zoë Martin", "chat-east")
    assert (known.media_type, known.tenant_id, known.state) == ("chat", 101, "handling")
    assert (known.queue, known.agent, known.locale) == ("billing", "ann", "en")
    assert known.received_at == NOON - timedelta(seconds=60)
    assert (known.last_event_at, known.last_sequence) == (NOON, 5)
    assert known.is_online
    assert known.ended_at is None


def test_an_event_twice_is_one() -> None:
    event = upsert("a1", occurred_at=at(0))
    feed(event)
    before = state()
    again = feed(event, event)
    assert (again.accepted, again.ignored) == (0, 2)
    assert state() == before


def test_an_event_twice_in_one_call_is_one() -> None:
    event = upsert("a1", occurred_at=at(0))
    result = feed(event, event)
    assert (result.accepted, result.ignored) == (1, 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [((10, None), (9, None)), ((10, 5), (10, 4)), ((10, 5), (10, None)), ((10, 1), (9, 99))],
    ids=["earlier", "lower sequence", "no sequence", "earlier with a higher sequence"],
)
def test_a_stale_event_changes_nothing(
    first: tuple[int, int | None], second: tuple[int, int | None]
) -> None:
    feed(upsert("a1", occurred_at=at(first[0]), sequence=first[1], agent="ann"))
    before = state()
    late = feed(upsert("a1", occurred_at=at(second[0]), sequence=second[1], agent="bob"))
    assert (late.accepted, late.ignored) == (0, 1)
    assert state() == before


def test_at_the_same_time_the_sequence_decides() -> None:
    feed(upsert("a1", occurred_at=at(0), sequence=1, agent="ann"))
    assert feed(upsert("a1", occurred_at=at(0), sequence=2, agent="bob")).accepted == 1
    assert chat().agent == "bob"


def test_what_is_stopped_stays_so_when_older_news_come() -> None:
    feed(upsert("a1", occurred_at=at(0)))
    feed(upsert("a1", type="stopped", occurred_at=at(10)))
    feed(upsert("a1", occurred_at=at(9), is_online=True))
    ended = chat()
    assert ended.ended_at == NOON + timedelta(seconds=10)
    assert not ended.is_online
    assert not ended.is_live


def test_a_stop_that_comes_first_is_kept() -> None:
    feed(upsert("a1", type="stopped", occurred_at=at(10)))
    feed(upsert("a1", occurred_at=at(0)))
    assert not chat().is_live


def test_a_stop_of_the_same_moment_wins() -> None:
    # Many sites' clocks tick in whole seconds, and number nothing.
    for events in ([0, 1], [1, 0]):
        Interaction.objects.all().delete()
        both = [upsert("a1", occurred_at=at(0)), upsert("a1", type="stopped", occurred_at=at(0))]
        for index in events:
            feed(both[index])
        assert not chat().is_live, events


def test_a_later_upsert_brings_a_chat_back() -> None:
    feed(upsert("a1", type="stopped", occurred_at=at(10)))
    feed(upsert("a1", occurred_at=at(11)))
    assert chat().is_live
    assert chat().is_online


def test_a_stop_needs_nothing_but_the_id() -> None:
    feed(upsert("a1", occurred_at=at(0)))
    feed({"type": "stopped", "occurred_at": at(1), "interaction": {"id": "a1"}})
    ended = chat()
    assert not ended.is_live
    assert ended.user_data["FirstName"] == "Zoë"


# --- What an event does not mention --------------------------------------------------------------


def test_what_an_event_does_not_mention_stays() -> None:
    feed(upsert("a1", occurred_at=at(0)))
    before = state()[0]
    feed({"type": "upsert", "occurred_at": at(1), "interaction": {"id": "a1", "agent": "bob"}})
    after = state()[0]
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"agent", "last_event_at"}


def test_user_data_is_replaced_as_a_whole() -> None:
    feed(upsert("a1", occurred_at=at(0)))
    data = {"InteractionId": "a1", "ChatServerAppName": "chat-west"}
    feed(
        {
            "type": "upsert",
            "occurred_at": at(1),
            "interaction": {"id": "a1", "user_data": data},
        }
    )
    known = chat()
    assert known.user_data == data
    assert (known.chat_server_name, known.customer_name) == ("chat-west", "")


def test_a_fail_over_names_the_new_chat_server() -> None:
    feed(upsert("a1", occurred_at=at(0)))
    feed(upsert("a1", occurred_at=at(1), user_data={"ChatServerAppName": "chat-west"}))
    assert chat().chat_server_name == "chat-west"


def test_the_customers_name_is_where_the_site_keeps_it(settings: Any) -> None:
    settings.CUSTOMER_NAME_KEYS = ["Anrede", "Kunde"]
    feed(upsert("a1", occurred_at=at(0), user_data={"Anrede": " Frau ", "Kunde": "Ö" * 300}))
    name = chat().customer_name
    assert name.startswith("Frau Ö")
    assert len(name) == 255


# --- Teams ---------------------------------------------------------------------------------------


def test_a_queues_team_gets_the_chat(team: Team) -> None:
    feed(upsert("a1", occurred_at=at(0), queue="sales"), upsert("b1", occurred_at=at(0)))
    assert chat("a1").team == team
    assert chat("b1").team is None


def test_a_chat_changes_teams_with_its_queue_and_only_with_it(team: Team) -> None:
    feed(upsert("a1", occurred_at=at(0), queue="sales"))
    feed({"type": "upsert", "occurred_at": at(1), "interaction": {"id": "a1", "agent": "bob"}})
    assert chat().team == team
    feed(upsert("a1", occurred_at=at(2), queue=""))
    assert chat().team is None


# --- Any order -----------------------------------------------------------------------------------

AGENTS = st.sampled_from(["ann", "bob", ""])
QUEUES = st.sampled_from(["sales", "billing", ""])


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of a few chats, each with the whole interaction, no two with the same time and
    sequence."""
    moments = draw(
        st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=8, unique=True
        )
    )
    return [
        upsert(
            draw(st.sampled_from(["a1", "b1"])),
            type=draw(st.sampled_from(["upsert", "upsert", "stopped"])),
            occurred_at=at(seconds),
            sequence=sequence,
            received_at=at(-60),
            agent=draw(AGENTS),
            queue=draw(QUEUES),
            user_data={"IsOnline": draw(st.sampled_from(["0", "1"]))},
        )
        for seconds, sequence in moments
    ]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """A history in its order, and as it arrives: shuffled, some of it twice, in several calls."""
    history = draw(histories())
    again = draw(st.lists(st.sampled_from(history), max_size=4))
    shuffled = draw(st.permutations(history + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    return history, list(_cut(shuffled, cuts))


def _cut(items: Sequence[Any], cuts: list[int]) -> Iterator[list[Any]]:
    for start, end in zip([0, *cuts], [*cuts, len(items)], strict=True):
        yield list(items[start:end])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(arrived=arrivals())
def test_any_order_ends_in_the_same_state(
    team: Team, arrived: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]
) -> None:
    history, calls = arrived
    Interaction.objects.all().delete()
    for event in sorted(history, key=lambda event: (event["occurred_at"], event["sequence"])):
        assert feed(event).accepted == 1
    in_order = state()
    Interaction.objects.all().delete()
    for call in calls:
        feed(*call)
    assert state() == in_order


# --- Limits --------------------------------------------------------------------------------------


def test_too_many_events_are_refused_as_a_whole(settings: Any) -> None:
    settings.FEED_EVENT_LIMIT = 2
    events = [upsert(f"a{number}") for number in range(3)]
    with pytest.raises(InvalidInput) as refused:
        feed(*events)
    assert refused.value.code == "too_many_events"
    assert not Interaction.objects.exists()
    assert feed(*events[:2]).accepted == 2


def test_nothing_is_no_error() -> None:
    assert feed().accepted == 0


def test_only_the_feed_may_feed() -> None:
    nobody = Actor("client:1", "Reader", frozenset({Permission.VIEW_INTERACTIONS}))
    with pytest.raises(PermissionRefused):
        feed_apply(nobody, [upsert("a1")])


def test_the_pages_hear_of_it_and_only_of_news() -> None:
    event = upsert("a1", occurred_at=at(0))
    with published() as topics:
        feed(event)
    assert topics == ["chats a1"]
    with published() as topics:
        feed(event)
    assert topics == []


# --- Forgetting ----------------------------------------------------------------------------------


def test_what_ended_is_forgotten_after_its_time(settings: Any) -> None:
    settings.INTERACTION_RETENTION_DAYS = 30
    now = timezone.now()
    long_ago = (now - timedelta(days=30, seconds=1)).isoformat()
    lately = (now - timedelta(days=30, seconds=-60)).isoformat()
    feed(
        upsert("live", occurred_at=long_ago),
        upsert("old", type="stopped", occurred_at=long_ago),
        upsert("young", type="stopped", occurred_at=lately),
    )
    assert interactions_forget(now=now) == 1
    assert set(Interaction.objects.values_list("pk", flat=True)) == {"live", "young"}
    assert interactions_forget(now=now) == 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_events_that_tell_only_parts_end_in_the_same_facts_in_any_order(
    db: None, data: Any
) -> None:
    """What decides about sending: online or not, and where."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    parts = st.sampled_from(
        [
            {"state": "routing"},
            {"queue": "sales"},
            {"test": True},
            {"test": False},
            {"user_data": {"IsOnline": "0", "ChatServerAppName": "west"}},
            {"user_data": {"IsOnline": "1", "ChatServerAppName": "east"}},
            {"user_data": {"IsOnline": "1", "ChatServerAppName": "north"}},
        ]
    )
    events = [
        {
            "type": "upsert",
            "occurred_at": (start + timedelta(seconds=index)).isoformat(),
            "interaction": {"id": "placeholder", **part},
        }
        for index, part in enumerate(data.draw(st.lists(parts, min_size=1, max_size=6)))
    ]
    shuffled = data.draw(st.permutations(events))

    def known(name: str, given: list[Any], *, at_once: bool) -> dict[str, Any]:
        Interaction.objects.filter(pk=name).delete()
        said = [{**event, "interaction": {**event["interaction"], "id": name}} for event in given]
        for call in [said] if at_once else [[event] for event in said]:
            result = feed(*call)
            assert (result.rejected, result.accepted + result.ignored) == ([], len(call))
        return Interaction.objects.filter(pk=name).values(*FACTS).get()

    in_order = known("in-order", events, at_once=False)
    assert known("shuffled", shuffled, at_once=False) == in_order
    assert known("together", shuffled, at_once=True) == in_order


def test_many_events_of_one_chat_among_others_are_taken_in_one_call() -> None:
    feed(upsert("known", occurred_at=at(-1), agent="ann"))
    events = [upsert("busy", occurred_at=at(number), agent=f"a{number}") for number in range(30)]
    others = [upsert(f"c{number}", occurred_at=at(0)) for number in range(30)]
    late = upsert("known", occurred_at=at(-2), agent="late")
    result = feed(*reversed(events), *others, late, events[3])
    assert (result.accepted, result.ignored) == (60, 2)
    assert (chat("busy").agent, chat("known").agent) == ("a29", "ann")
    assert Interaction.objects.count() == 32


def test_large_user_data_goes_in_several_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BYTES", 1000)
    note = 'Zoë 👋 " \\ ' * 50
    result = feed(*(upsert(f"c{number}", user_data={"Note": note}) for number in range(7)))
    assert result.accepted == 7
    assert all(each.user_data["Note"] == note for each in Interaction.objects.all())


@pytest.mark.django_db(transaction=True)
def test_feeds_with_the_same_chats_do_not_block_each_other() -> None:
    """Half of the chats are new to both, in another order each. The newest event counts."""
    ids = [f"chat{number:03}" for number in range(200)]
    feed(*(upsert(chat, occurred_at=at(0)) for chat in ids[::2]))
    ready = Barrier(4)

    def run(number: int) -> FeedResult:
        try:
            ready.wait()
            given = ids if number % 2 else ids[::-1]
            return feed(
                *(upsert(chat, occurred_at=at(number), agent=f"a{number}") for chat in given)
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(1, 5)))
    assert all(result.accepted + result.ignored == 200 for result in results)
    assert set(Interaction.objects.values_list("agent", flat=True)) == {"a4"}
