"""The search box of the history: what becomes a filter, what stays text, and what is offered."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from console.accounts.models import User
from console.accounts.services import user_create
from console.catalogue.content.notices import notice_create
from console.interactions.services import chat_server_create
from console.sends.asking.periods import Period, days_of, days_written
from console.sends.asking.reading import WORDS_MOST, box_read, box_text, text_offers
from console.sends.asking.words import Word, joined, quoted, words_of
from console.sends.control.naming import chat_server_rename
from console.sends.engine.record import deliveries_expire
from console.sends.history.filling import history_fill
from console.sends.models import Send
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db
MARCH = {"since": "2025-03-01T00:00", "until": "2025-04-01T00:00"}

# What is typed, the filters, and the text that is left.
READ: list[tuple[str, dict[str, str], str]] = [
    ("unknown last week", {"status": "unknown", "period": "last_week"}, ""),
    ("UNKNOWN Last  Week", {"status": "unknown", "period": "last_week"}, ""),
    ("failed 2025-03", {"status": "failed", **MARCH}, ""),
    ("waiting", {"status": "pending"}, ""),
    ("unresolved today", {"resolution": "unresolved", "period": "today"}, ""),
    ("last 7 days zoë", {"period": "last_7_days"}, "zoë"),
    ("March 2025", MARCH, ""),
    ("2025-03-31", {"since": "2025-03-31T00:00", "until": "2025-04-01T00:00"}, ""),
    ("2025-03..2025-04-02", {"since": "2025-03-01T00:00", "until": "2025-04-03T00:00"}, ""),
    ("since 2025-03 zoë", {"since": "2025-03-01T00:00"}, "zoë"),
    ("since 2024-03 before march 2025", {"since": "2024-03-01T00:00", "until": MARCH["since"]}, ""),
    ("parcel-delay", {"notice": "parcel-delay"}, ""),
    ("PARCEL-DELAY skipped", {"notice": "parcel-delay", "status": "skipped"}, ""),
    ("0001ABCD", {"interaction": "0001ABCD"}, ""),
    ("0001abcd", {"interaction": "0001ABCD"}, ""),
    ("chat:0002aBc", {"interaction": "0002aBc"}, ""),
    ("sue", {"actor": "{sue}"}, ""),
    ("by:agent failed", {"actor": "agent", "status": "failed"}, ""),
    ("chat-east", {"chat_server": "chat-east"}, ""),
    ("Chat of the West failed", {"chat_server": "chat of the west", "status": "failed"}, ""),
    ("west-before", {"chat_server": "west-before"}, ""),
    ("send 12", {"send": "12"}, ""),
    ("#12", {"send": "12"}, ""),
    ("Send:12 delivery 7", {"send": "12", "delivery": "7"}, ""),
    ("late zoë unknown martin", {"status": "unknown"}, "late zoë martin"),
    # Not read:
    ("", {}, ""),
    ('"unknown" last', {}, "unknown last"),
    ('"last week"', {}, "last week"),
    ("2025", {}, "2025"),
    ("{number}", {}, "{number}"),
    ("Sue Storm", {}, "Sue Storm"),
    ("Parcel delayed", {}, "Parcel delayed"),
    ("2025-13 2025-02-30 0000-01 9999-01", {}, "2025-13 2025-02-30 0000-01 9999-01"),
    ("2025-04..2025-03", {}, "2025-04..2025-03"),
    ("03/04/2025", {}, "03/04/2025"),
    ("outcome:gone send:x send:1234567890", {}, "outcome:gone send:x send:1234567890"),
    # Two values for one filter:
    ("failed unknown", {}, "failed unknown"),
    ("today zoë 2025-03", {}, "today zoë 2025-03"),
    ("today since 2025-03 failed", {"status": "failed"}, "today since 2025-03"),
    ("failed failed", {"status": "failed"}, ""),
    # A login, a Chat Server and a key of the same name:
    ("twin", {}, "twin"),
    (" ".join(["failed"] * (WORDS_MOST + 1)), {}, " ".join(["failed"] * (WORDS_MOST + 1))),
]


@pytest.fixture
def world(supervisor: User, make_send: Callable[..., Send], make_interaction: Any) -> Send:
    supervisor.first_name, supervisor.last_name = "Sue", "Storm"
    supervisor.save()
    notice_create(ROOT, key="parcel-delay", kind="message", title="Parcel delayed")
    notice_create(ROOT, key="twin", kind="message", title="Zebra")
    user_create(ROOT, username="twin", roles=["editor"], password="a-long-password-1")
    west = chat_server_create(ROOT, name="west-before", url="esp+json://127.0.0.1:9")
    chat_server_rename(ROOT, west, name="chat of the west")
    return make_send([make_interaction("0001ABCD").pk])


def test_what_is_a_filter_and_what_stays_text(world: Send, auditor: User, supervisor: User) -> None:
    wrong = []
    for typed, changes, text in READ:
        names = {"sue": supervisor.ref, "number": str(world.pk)}
        read = box_read(auditor.to_actor(), typed.format(**names))
        wanted = {name: value.format(**names) for name, value in changes.items()}
        if (read.changes, read.text) != (wanted, text.format(**names)):
            wrong.append((typed, read.changes, read.text))
    assert wrong == []


OFFERED = [
    ("2025", {"since": "2025-01-01T00:00", "until": "2026-01-01T00:00"}, ""),
    ("zoë {number}", {"send": "{number}"}, "zoë"),
    ("{delivery} zoë", {"delivery": "{delivery}"}, "zoë"),
    ("Parcel delayed twice", {"notice": "parcel-delay"}, "twice"),
    ("Sue Storm", {"actor": "{sue}"}, ""),
    ("Sue Storm", {"actor": "{sue}"}, "Storm"),  # the login in it
    ("failed unknown", {"status": "failed"}, "unknown"),
    ("failed unknown", {"status": "unknown"}, "failed"),
    ("twin", {"notice": "twin"}, ""),
]


@pytest.mark.parametrize(("typed", "changes", "rest"), OFFERED)
def test_the_other_reading_is_offered(
    typed: str,
    changes: dict[str, str],
    rest: str,
    world: Send,
    auditor: User,
    supervisor: User,
) -> None:
    names = {
        "sue": supervisor.ref,
        "number": str(world.pk),
        "delivery": str(world.deliveries.get().pk),
    }
    deliveries_expire(timezone.now() + timedelta(hours=1))
    assert history_fill() == 1
    read = box_read(auditor.to_actor(), typed.format(**names))
    assert read.changes == {}
    offers = [(dict(each.reading.changes), each.rest) for each in read.offers]
    wanted = {name: value.format(**names) for name, value in changes.items()}
    assert (wanted, rest) in offers
    assert (wanted, rest) in [
        (dict(each.reading.changes), each.rest)
        for each in text_offers(auditor.to_actor(), typed.format(**names))
    ]


def test_nobody_learns_of_what_is_not_theirs(world: Send, outsider: User, editor: User) -> None:
    actor = outsider.to_actor()
    for typed in ("0001ABCD", "sue", "twin", str(world.pk), "Sue Storm"):
        read = box_read(actor, typed)
        known = {name for each in read.offers for name, _value in each.reading.changes}
        assert not {"interaction", "actor", "send"} & (read.changes.keys() | known), typed
    assert box_read(actor, "otto").changes == {"actor": outsider.ref}


def test_words_of_the_readers_language(auditor: User) -> None:
    with translation.override("de"):
        assert box_read(auditor.to_actor(), "März 2025").changes == MARCH
        assert box_read(auditor.to_actor(), "march 2025 unknown").changes == {
            **MARCH,
            "status": "unknown",
        }


def test_many_words_need_no_more_queries(
    world: Send, auditor: User, django_assert_max_num_queries: Any
) -> None:
    actor = auditor.to_actor()
    for typed in ("zebra", " ".join(f"word{number} {number}" for number in range(12))):
        with django_assert_max_num_queries(8):
            box_read(actor, typed)


# --- Words ----------------------------------------------------------------------------------------

PIECES = st.lists(st.sampled_from(['"', '""', " ", "a", "failed", "2025-03", '" ', ' "', "zoë"]))


@given(PIECES.map("".join))
def test_words_are_those_between_blanks_or_in_quotes(typed: str) -> None:
    words = words_of(typed)
    if '"' not in typed:
        assert words == [Word(each) for each in typed.split()]
    letters = typed.replace('"', "").replace(" ", "")
    assert joined(words).replace('"', "").replace(" ", "") == letters
    assert words_of(quoted(typed)) == ([Word(typed, is_quoted=True)] if typed.strip() else [])


def test_the_box_shows_what_is_read_as_the_same(auditor: User) -> None:
    actor = auditor.to_actor()

    @given(PIECES.map("".join))
    def reads_back(text: str) -> None:
        read = box_read(actor, box_text(actor, text))
        assert (read.changes, read.text) == ({}, text if text.strip() else "")

    reads_back()
    assert box_text(actor, "zoë martin") == "zoë martin"
    assert box_text(actor, "failed") == '"failed"'


def test_hostile_texts_are_read_in_linear_time() -> None:
    """Characters looked at, not seconds: a text that counts how often it is asked."""

    class Counting(str):
        looked = 0

        def __getitem__(self, key: Any) -> str:
            Counting.looked += len(range(*key.indices(len(self)))) if isinstance(key, slice) else 1
            return super().__getitem__(key)

        def find(self, what: str, at: int = 0) -> int:  # type: ignore[override]
            found = super().find(what, at)
            Counting.looked += (found if found >= 0 else len(self)) - at + 1
            return found

    for piece in ('"', '""', '"a ', ' "', '"" ', '"a" ', 'a"', '" "b', '"""y '):
        looked = []
        for number in (500, 1000):
            Counting.looked = 0
            words_of(Counting(piece * number))
            looked.append(Counting.looked)
        assert looked[1] <= 2.2 * looked[0] + 100, piece


# --- Days -----------------------------------------------------------------------------------------

MONDAY = date(2026, 3, 2)
DAYS = [
    (Period.TODAY, MONDAY, MONDAY, MONDAY),
    (Period.YESTERDAY, MONDAY, date(2026, 3, 1), date(2026, 3, 1)),
    (Period.LAST_7_DAYS, MONDAY, date(2026, 2, 24), MONDAY),
    (Period.LAST_WEEK, MONDAY, date(2026, 2, 23), date(2026, 3, 1)),
    (Period.LAST_WEEK, date(2026, 3, 1), date(2026, 2, 16), date(2026, 2, 22)),
    (Period.LAST_MONTH, MONDAY, date(2026, 2, 1), date(2026, 2, 28)),
    (Period.LAST_MONTH, date(2026, 1, 31), date(2025, 12, 1), date(2025, 12, 31)),
    (Period.THIS_YEAR, MONDAY, date(2026, 1, 1), date(2026, 12, 31)),
]


@pytest.mark.parametrize(("period", "day", "first", "last"), DAYS)
def test_a_period_is_of_whole_days(period: str, day: date, first: date, last: date) -> None:
    days = days_of(period, day)
    assert (days.first, days.last) == (first, last)


def test_days_begin_on_the_sites_clocks(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"  # an hour is left out on this day
    days = days_written("2026-03-29")
    assert days is not None
    zone = ZoneInfo("Europe/Berlin")
    assert days.moments == (
        datetime(2026, 3, 29, tzinfo=zone),
        datetime(2026, 3, 30, tzinfo=zone),
    )
    assert (days.moments[1].timestamp() - days.moments[0].timestamp()) == 23 * 3600
