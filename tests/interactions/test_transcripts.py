"""The last lines of live chats: which are kept, and who sees them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.accounts.models import Scope, Team, User
from console.actors import Actor, Permission
from console.errors import NotFound
from console.interactions.models import Interaction, TranscriptLine
from console.interactions.selectors import transcript_seen
from console.interactions.services import feed_apply, interactions_forget
from tests.support.factories import ROOT, upsert
from tests.support.topics import published

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _kept(settings: Any) -> None:
    settings.TRANSCRIPT_LINES = 3


def line(second: int, text: str, **line: Any) -> dict[str, Any]:
    at = (START + timedelta(seconds=second)).isoformat()
    return {
        "at": at,
        "party": "customer",
        "nickname": "Zoë",
        "text": text,
        "visibility": "ALL",
    } | line


def lines_of(chat: str, *lines: dict[str, Any], **event: Any) -> dict[str, Any]:
    return {
        "type": "transcript",
        "occurred_at": START.isoformat(),
        "interaction": {"id": chat},
        "lines": list(lines),
        **event,
    }


def texts() -> list[str]:
    return list(TranscriptLine.objects.order_by("at", "pk").values_list("text", flat=True))


def test_the_last_ones_are_kept_in_whatever_order_they_come(make_interaction: Any) -> None:
    make_interaction("c1")
    result = feed_apply(ROOT, [lines_of("c1", line(5, "e"), line(2, "b"))])
    assert (result.accepted, result.ignored) == (1, 0)
    feed_apply(ROOT, [lines_of("c1", line(1, "a"), line(4, "d")), lines_of("c1", line(3, "c"))])
    assert texts() == ["c", "d", "e"]


def test_a_line_twice_is_one(make_interaction: Any) -> None:
    make_interaction("c1")
    for _time in range(2):
        feed_apply(ROOT, [lines_of("c1", line(1, "a"), line(1, "a"))])
    assert texts() == ["a"]


def test_by_default_none_is_kept(make_interaction: Any, settings: Any) -> None:
    settings.TRANSCRIPT_LINES = 0
    make_interaction("c1")
    result = feed_apply(ROOT, [lines_of("c1", line(1, "a"))])
    assert (result.accepted, result.ignored, result.rejected) == (0, 1, [])
    assert texts() == []


def test_none_is_kept_of_chats_that_are_unknown_or_over(make_interaction: Any) -> None:
    make_interaction("c1", type="stopped")
    assert (
        feed_apply(ROOT, [lines_of("c1", line(1, "a")), lines_of("c2", line(1, "a"))]).ignored == 2
    )
    assert texts() == []


def test_they_go_with_the_chat(make_interaction: Any) -> None:
    make_interaction("c1")
    make_interaction("c2")
    feed_apply(ROOT, [lines_of("c1", line(1, "a")), lines_of("c2", line(1, "b"))])
    # In one call with its last lines: whichever stands first in it.
    feed_apply(ROOT, [upsert("c1", type="stopped"), lines_of("c1", line(2, "c"))])
    feed_apply(ROOT, [lines_of("c1", line(3, "d"))])
    assert texts() == ["b"]


def test_an_older_stop_that_ends_nothing_erases_nothing(make_interaction: Any) -> None:
    make_interaction("c1")
    feed_apply(ROOT, [lines_of("c1", line(1, "a"))])
    feed_apply(ROOT, [upsert("c1", type="stopped", occurred_at="2020-01-01T00:00:00Z")])
    assert texts() == ["a"]


def test_a_smaller_setting_erases_in_the_night(make_interaction: Any, settings: Any) -> None:
    make_interaction("c1")
    feed_apply(ROOT, [lines_of("c1", line(1, "a"), line(2, "b"))])
    settings.TRANSCRIPT_LINES = 1
    interactions_forget()
    assert texts() == ["b"]
    settings.TRANSCRIPT_LINES = 0
    assert transcript_seen(ROOT, Interaction.objects.get()) == []
    interactions_forget()
    assert texts() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"visibility": None},
        {"visibility": "all"},
        {"party": "ghost"},
        {"at": "today"},
        {"at": "2026-01-31T12:00:00"},
        {"text": "  "},
        {"text": "x" * 10_001},
        {"text": "a\0b"},
        {"nickname": "x" * 256},
        {"nickname": 7},
        {"colour": "red"},
    ],
)
def test_a_line_that_is_not_clear_is_refused_with_its_event(
    wrong: dict[str, Any], make_interaction: Any
) -> None:
    """One of which nobody knows who may see it above all."""
    make_interaction("c1")
    bad = lines_of("c1", line(1, "a"), line(2, "b") | wrong)
    result = feed_apply(ROOT, [bad, upsert("c2")])
    assert [each["index"] for each in result.rejected] == [0]
    assert "lines[1]" in result.rejected[0]["message"]
    assert result.accepted == 1
    assert texts() == []


@pytest.mark.parametrize("lines", [None, [], "a", [line(1, "a")] * 201])
def test_lines_are_a_list_that_is_not_too_long(lines: Any, make_interaction: Any) -> None:
    make_interaction("c1")
    (rejected,) = feed_apply(ROOT, [lines_of("c1") | {"lines": lines}]).rejected
    assert rejected["code"] == "invalid_event"


def test_a_refusal_repeats_no_text(make_interaction: Any) -> None:
    make_interaction("c1")
    (rejected,) = feed_apply(ROOT, [lines_of("c1", line(1, "secret", party="x"))]).rejected
    assert "secret" not in str(rejected)


# --- Who sees them -------------------------------------------------------------------------------


@pytest.fixture
def three(team: Team, make_interaction: Any) -> Interaction:
    chat: Interaction = make_interaction("c1", queue="sales")
    feed_apply(
        ROOT,
        [
            lines_of(
                "c1",
                line(1, "for all"),
                line(2, "for staff", visibility="INT"),
                line(3, "for supervisors", visibility="VIP"),
            )
        ],
    )
    return chat


def seen(actor: Actor, chat: Interaction) -> list[str]:
    return [each.text for each in transcript_seen(actor, chat)]


def test_supervisors_of_the_team_see_all(three: Interaction, supervisor: User) -> None:
    assert seen(supervisor.to_actor(), three) == ["for all", "for staff", "for supervisors"]


def test_whoever_sees_chats_and_is_no_supervisor_sees_what_customers_see(
    three: Interaction,
) -> None:
    """There is no such role yet."""
    clerk = Actor(
        "user:1",
        "Clerk",
        frozenset({Permission.VIEW_INTERACTIONS, Permission.VIEW_HISTORY}),
        roles=frozenset({"auditor"}),
        sees_all_teams=True,
    )
    assert seen(clerk, three) == ["for all"]
    assert seen(Actor("user:1", "Nobody", clerk.permissions, sees_all_teams=True), three) == []


def test_programs_see_none(three: Interaction, make_client: Any) -> None:
    client, _token = make_client(Scope.READ, Scope.SEND)
    assert seen(client.to_actor(), three) == []
    assert seen(ROOT, three) == []


def test_other_teams_see_no_chat(three: Interaction, outsider: User) -> None:
    with pytest.raises(NotFound):
        transcript_seen(outsider.to_actor(), three)


def test_open_pages_hear_of_lines_by_the_chats_own_topic(
    make_interaction: Any, django_capture_on_commit_callbacks: Any
) -> None:
    make_interaction("c1")
    with published() as topics:
        feed_apply(ROOT, [lines_of("c1", line(1, "a"))])
    assert topics == ["of-chat-c1"]
