"""Who sees which chats, and what the filters let through."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import team_create
from console.actors import system_actor
from console.errors import InvalidInput, NotFound, PermissionRefused
from console.interactions import selectors
from console.interactions.audience.simple_filter import InteractionFilter
from console.interactions.models import ChatServer, Interaction

Make = Callable[..., Interaction]


def seen(actor: Any, filter: InteractionFilter | None = None, **options: Any) -> list[str]:
    return [chat.pk for chat in selectors.interactions_visible(actor, filter, **options)]


def ago(seconds: float) -> str:
    return (timezone.now() - timedelta(seconds=seconds)).isoformat()


# --- Who sees what -------------------------------------------------------------------------------


def test_teams_decide_who_sees_a_chat(
    supervisor: User, outsider: User, make_user: Callable[..., User], make_interaction: Make
) -> None:
    support = team_create(system_actor("tests"), name="Support", queues=["support"])
    colleague = make_user("carl", Role.SUPERVISOR, teams=[support])
    make_interaction("everybodys", queue="billing")
    make_interaction("of-sales", queue="sales")
    make_interaction("of-support", queue="support")
    assert set(seen(supervisor.to_actor())) == {"everybodys", "of-sales"}
    assert set(seen(colleague.to_actor())) == {"everybodys", "of-support"}
    assert set(seen(outsider.to_actor())) == {"everybodys"}
    assert len(seen(system_actor("tests"))) == 3


def test_a_chat_of_another_team_does_not_exist(
    supervisor: User, outsider: User, make_interaction: Make
) -> None:
    make_interaction("of-sales", queue="sales")
    assert selectors.interaction_get(supervisor.to_actor(), "of-sales").pk == "of-sales"
    with pytest.raises(NotFound) as hidden:
        selectors.interaction_get(outsider.to_actor(), "of-sales")
    with pytest.raises(NotFound) as missing:
        selectors.interaction_get(outsider.to_actor(), "of-nobody")
    # Not a word more for what is there than for what is not.
    assert hidden.value.message.replace("of-sales", "of-nobody") == missing.value.message


@pytest.mark.parametrize("person", ["auditor", "editor", "approver", "administrator"])
def test_others_see_no_chats(person: str, request: pytest.FixtureRequest) -> None:
    actor = request.getfixturevalue(person).to_actor()
    for read in (
        lambda: selectors.interactions_visible(actor),
        lambda: selectors.interaction_get(actor, "a1"),
        lambda: selectors.filter_choices(actor),
    ):
        with pytest.raises(PermissionRefused):
            read()


def test_ended_chats_are_there_when_asked_for(supervisor: User, make_interaction: Make) -> None:
    make_interaction("live")
    make_interaction("ended", type="stopped")
    actor = supervisor.to_actor()
    assert seen(actor) == ["live"]
    assert set(seen(actor, live_only=False)) == {"live", "ended"}
    assert selectors.interaction_get(actor, "ended").pk == "ended"


def test_the_longest_waiting_comes_first(supervisor: User, make_interaction: Make) -> None:
    make_interaction("b", received_at=ago(10))
    make_interaction("c", received_at=ago(30))
    make_interaction("a", received_at=ago(20))
    assert seen(supervisor.to_actor()) == ["c", "a", "b"]


def test_reading_chats_takes_one_query(
    supervisor: User, make_interaction: Make, django_assert_num_queries: Any
) -> None:
    for _ in range(5):
        make_interaction(queue="sales")
    actor = supervisor.to_actor()
    with django_assert_num_queries(1):
        assert all(chat.team.name for chat in selectors.interactions_visible(actor) if chat.team)


# --- Filters -------------------------------------------------------------------------------------


@pytest.fixture
def crowd(make_interaction: Make, team: Team) -> None:
    make_interaction("one", queue="billing", agent="ann", locale="en", received_at=ago(100))
    make_interaction(
        "two",
        queue="sales",
        agent="bob",
        locale="de",
        received_at=ago(50),
        user_data={"FirstName": "Émile", "LastName": "O_Neil", "ChatServerAppName": "chat-west"},
    )
    make_interaction(
        "three", queue="sales", agent="", locale="", is_online=False, received_at=ago(10)
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, {"one", "two", "three"}),
        ({"queue": "sales"}, {"two", "three"}),
        ({"queue": " sales "}, {"two", "three"}),
        ({"queue": "sale"}, set()),
        ({"agent": "ann"}, {"one"}),
        ({"chat_server": "chat-west"}, {"two"}),
        ({"locale": "de"}, {"two"}),
        ({"team": "Sales"}, {"two", "three"}),
        ({"online": "true"}, {"one", "two"}),
        ({"online": True}, {"one", "two"}),
        ({"online": "0"}, {"three"}),
        ({"online": False}, {"three"}),
        ({"q": "émile"}, {"two"}),
        ({"q": "TWO"}, {"two"}),
        ({"q": "bil"}, {"one"}),
        ({"q": "bob"}, {"two"}),
        # Wildcards of SQL are plain characters here.
        ({"q": "%"}, set()),
        ({"q": "o_n"}, {"two"}),
        ({"q": "e_"}, set()),
        ({"waiting_longer_than": "75"}, {"one"}),
        ({"waiting_longer_than": 40}, {"one", "two"}),
        ({"waiting_longer_than": 0}, {"one", "two", "three"}),
        ({"queue": "sales", "online": "yes"}, {"two"}),
    ],
)
def test_a_filter_lets_through_what_it_says(
    crowd: None, raw: dict[str, Any], expected: set[str]
) -> None:
    filter = InteractionFilter.from_mapping(raw)
    assert set(seen(system_actor("tests"), filter)) == expected


def test_a_filter_shows_nobody_more_than_they_see(crowd: None, outsider: User) -> None:
    everyone = InteractionFilter.from_mapping({"all": True})
    assert seen(outsider.to_actor(), everyone) == ["one"]
    # For them there is no such team, and nobody knows who is in a team that is not there.
    for name in ("Sales", "Nobody"):
        with pytest.raises(InvalidInput):
            seen(outsider.to_actor(), InteractionFilter.from_mapping({"team": name}))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"queues": "sales"}, "unknown_filter"),
        ({"online": "perhaps"}, "invalid_filter"),
        ({"online": 2}, "invalid_filter"),
        ({"online": []}, "invalid_filter"),
        ({"waiting_longer_than": "long"}, "invalid_filter"),
        ({"waiting_longer_than": -1}, "invalid_filter"),
        ({"waiting_longer_than": 1.5}, "invalid_filter"),
        ({"waiting_longer_than": True}, "invalid_filter"),
        ({"waiting_longer_than": 10**10}, "invalid_filter"),
        ({"waiting_longer_than": "1" * 5000}, "invalid_filter"),
        ({"queue": 7}, "invalid_filter"),
        ({"queue": ["sales"]}, "invalid_filter"),
        ({"q": "x" * 256}, "invalid_filter"),
        ({"q": "a\0b"}, "invalid_filter"),
    ],
)
def test_a_wrong_filter_is_refused_and_never_passed_over(raw: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        InteractionFilter.from_mapping(raw)
    assert refused.value.code == code
    assert refused.value.message


def test_a_filter_survives_being_written_down() -> None:
    raw = {"queue": "sales", "online": False, "waiting_longer_than": 0}
    filter = InteractionFilter.from_mapping(raw)
    assert filter.to_mapping() == raw
    assert InteractionFilter.from_mapping(filter.to_mapping()) == filter


def test_choices_are_those_of_the_chats_that_one_sees(
    crowd: None, outsider: User, supervisor: User
) -> None:
    assert selectors.filter_choices(outsider.to_actor()) == {
        "queue": ["billing"],
        "agent": ["ann"],
        "chat_server": ["chat-east"],
        "locale": ["en"],
    }
    assert selectors.filter_choices(supervisor.to_actor())["queue"] == ["billing", "sales"]


# --- Chat Servers --------------------------------------------------------------------------------


def test_chat_servers_count_their_live_chats(
    chat_server: ChatServer, make_interaction: Make, administrator: User
) -> None:
    make_interaction()
    make_interaction()
    make_interaction(type="stopped")
    make_interaction(user_data={"ChatServerAppName": "chat-west"})
    actor = administrator.to_actor()
    assert [(s.name, s.live_count) for s in selectors.chat_servers(actor)] == [("chat-east", 2)]  # type: ignore[attr-defined]
    assert selectors.unregistered_chat_servers(actor) == ["chat-west"]


def test_a_chat_without_a_chat_server_is_not_missing_one(
    make_interaction: Make, administrator: User
) -> None:
    make_interaction(user_data={"ChatServerAppName": ""})
    make_interaction(type="stopped", user_data={"ChatServerAppName": "chat-gone"})
    assert selectors.unregistered_chat_servers(administrator.to_actor()) == []


def test_who_may_see_chat_servers(
    chat_server: ChatServer, supervisor: User, auditor: User, editor: User
) -> None:
    for person in (supervisor, auditor):
        assert selectors.chat_server_get(person.to_actor(), "chat-east") == chat_server
    for read in (
        lambda: selectors.chat_servers(editor.to_actor()),
        lambda: selectors.chat_server_get(editor.to_actor(), "chat-east"),
        lambda: selectors.unregistered_chat_servers(editor.to_actor()),
    ):
        with pytest.raises(PermissionRefused):
            read()
    with pytest.raises(NotFound):
        selectors.chat_server_get(auditor.to_actor(), "chat-west")


# --- The model's own words -----------------------------------------------------------------------


def test_waiting_ends_with_the_chat(make_interaction: Make) -> None:
    now = timezone.now()
    received = (now - timedelta(seconds=90)).isoformat()
    live = make_interaction(received_at=received)
    ended = make_interaction(type="stopped", received_at=received, occurred_at=now.isoformat())
    future = make_interaction(received_at=(now + timedelta(hours=1)).isoformat())
    assert live.waiting_seconds >= 90
    assert ended.waiting_seconds == 90
    assert future.waiting_seconds == 0


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("no", {"no", "nb"}),
        ("nb", {"no", "nb"}),
        ("iw", {"he"}),
        ("zh-TW", {"zh-Hant-TW"}),
        ("pt-br", {"pt_BR"}),
        ("pt", set()),  # nothing wider than what was asked for
        ("Englisch", {"Englisch"}),
        ("x" * 200, set()),
    ],
)
def test_a_language_is_found_by_all_of_its_tags(
    supervisor: User, make_interaction: Make, locale: str, expected: set[str]
) -> None:
    for tag in ("no", "nb", "nn", "he", "zh-Hant-TW", "zh-Hans", "pt_BR", "Englisch", ""):
        make_interaction(tag or "none", locale=tag)
    chosen = InteractionFilter.from_mapping({"locale": locale})
    assert set(seen(supervisor.to_actor(), chosen)) == expected


def test_a_language_stands_once_among_the_filters(supervisor: User, make_interaction: Make) -> None:
    for tag in ("he", "iw", "pt-BR", "pt_BR", "pt"):
        make_interaction(locale=tag)
    assert selectors.filter_choices(supervisor.to_actor())["locale"] == ["he", "pt", "pt-BR"]
