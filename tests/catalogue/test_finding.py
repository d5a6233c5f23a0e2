"""Tags, shortcuts, full-text search, favourites, and how much notices are used."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from console.accounts.models import User
from console.catalogue import selectors, usage
from console.catalogue.content.favourites import favourite_set
from console.catalogue.content.notices import (
    notice_create,
    notice_restore,
    notice_retire,
    notice_update,
)
from console.catalogue.content.search_words import as_query, as_vector, words_in
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_create,
    version_reject,
    version_submit,
    version_update,
)
from console.catalogue.models import CannedNotice, NoticeVersion
from console.errors import Conflict, InvalidInput
from console.sends.models import Send, SendOutcome, VersionUse
from tests.support.factories import REVIEWER, ROOT

pytestmark = pytest.mark.django_db


def notice(key: str, title: str = "", **fields: Any) -> CannedNotice:
    return notice_create(ROOT, key=key, kind="message", title=title or key, **fields)


def found(q: str, **filters: str) -> list[str]:
    return [each.key for each in selectors.notices(ROOT, q=q, **filters)]


# --- Tags and shortcuts --------------------------------------------------------------------------


def test_tags_have_one_form() -> None:
    tagged = notice("a", tags=[" Winter,  Late  Parcel ", "WINTER", ""])
    assert tagged.tags == ["winter", "late parcel"]
    assert [each.key for each in selectors.notices(ROOT, tag=" Winter ")] == ["a"]
    assert not selectors.notices(ROOT, tag="late").exists()
    assert notice_update(ROOT, tagged, tags=[]).tags == []


@pytest.mark.parametrize("tags", [[str(number) for number in range(21)], ["x" * 41]])
def test_too_many_tags_or_too_long(tags: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        notice("a", tags=tags)
    assert refused.value.code == "invalid_tags"


def test_a_shortcut_is_one_notices_while_that_is_in_use() -> None:
    first = notice("first", shortcut="/Late")
    assert first.shortcut == "late"
    with pytest.raises(Conflict) as refused:
        notice("second", shortcut="late")
    assert refused.value.code == "shortcut_taken"
    notice_retire(ROOT, first)
    second = notice("second", shortcut="late")
    with pytest.raises(Conflict, match="Another notice has the shortcut late"):
        notice_restore(ROOT, first)
    notice_update(ROOT, second, shortcut="")
    notice_restore(ROOT, first)
    with pytest.raises(IntegrityError, match="shortcut_unique_in_use"), transaction.atomic():
        CannedNotice.objects.update(shortcut="late")


@pytest.mark.parametrize("shortcut", ["two words", "-late", "späte", "a_b", "//x", "x" * 41])
def test_a_shortcut_that_can_not_be(shortcut: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        notice("a", shortcut=shortcut)
    assert refused.value.code == "invalid_shortcut"


# --- Search --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "q",
    ["Verspätung", "verspatung", "VERSP", "bestellung verspä", "retraso", "Коли", "配達", "遅れ"],
)
def test_words_of_any_language_are_found(q: str, make_notice: Callable[..., Any]) -> None:
    bodies = {
        "en": "Late",
        "de": "Ihre Bestellung hat Verspätung.",
        "es": "Un retraso.",
        "uk": "Коли прийде?",
        "ja": "配達が遅れています。",
    }
    make_notice(key="late", bodies=bodies)
    make_notice(key="other")
    assert found(q) == ["late"]


@pytest.mark.parametrize("q", ["pätung", "Bestellung zebra", "!!!", "達遅"])
def test_other_words_are_not(q: str, make_notice: Callable[..., Any]) -> None:
    bodies = {"en": "x", "de": "Ihre Bestellung hat Verspätung.", "ja": "配達が"}
    make_notice(key="late", bodies=bodies)
    assert found(q) == []


def test_names_come_before_texts(make_notice: Callable[..., Any]) -> None:
    make_notice("Your parcel, the parcel, is a parcel.", key="a")
    notice("b", title="Where the parcel is")
    notice("c", shortcut="parcel")
    notice("d", tags=["parcel"])
    assert found("parcel")[0] == "c"
    assert found("parcel")[-1] == "a"
    assert set(found("parcel")) == {"a", "b", "c", "d"}
    assert found("parcel", status="published") == ["a"]


def test_the_newest_words_and_those_in_use_are_found(make_notice: Callable[..., Any]) -> None:
    published = make_notice("Zebra", key="animals")
    draft = version_create(
        ROOT, published.notice, VersionContent(default_locale="en", bodies={"en": "Lion"})
    )
    assert (found("zebra"), found("lion")) == (["animals"], ["animals"])
    version_update(ROOT, draft, {"bodies": {"en": "Tiger"}})
    assert (found("lion"), found("tiger")) == ([], ["animals"])
    version_reject(REVIEWER, version_submit(ROOT, draft), reason="No.")
    version_create(
        ROOT, published.notice, VersionContent(default_locale="en", bodies={"en": "Bear"})
    )
    assert (found("zebra"), found("tiger"), found("bear")) == (["animals"], [], ["animals"])
    notice_update(ROOT, published.notice, title="Beasts")
    assert found("beasts bear") == ["animals"]


def test_what_is_everywhere_is_ranked_no_further_than_it_helps(
    monkeypatch: pytest.MonkeyPatch, make_notice: Callable[..., Any]
) -> None:
    monkeypatch.setattr(selectors, "SEARCHED", 2)
    for number in range(5):
        make_notice("the word", key=f"text-{number}")
    notice("named", title="The word")
    assert len(found("word")) == 3
    assert found("word")[0] == "named"


def test_a_supervisor_searches_what_can_be_sent(
    supervisor: User, make_notice: Callable[..., Any]
) -> None:
    late = make_notice("Verspätet", key="late")
    notice_update(ROOT, late.notice, shortcut="delay")
    make_notice(key="other")

    def sendable(q: str) -> list[str]:
        return [v.notice.key for v in selectors.sendable_versions(supervisor.to_actor(), q)]

    assert sendable("verspatet") == ["late"]
    assert sendable("/de") == ["late"]
    assert sendable("/") == sendable("/late") == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_postgresql_takes_whatever_is_written(text: str) -> None:
    vector, asked = as_vector([("A", text), ("D", text)]), as_query(text)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::tsvector @@ %s::tsquery", [vector, asked])
        assert cursor.fetchone() == (bool(asked),)


def test_very_long_texts_stay_within_postgresqls_bounds() -> None:
    many = " ".join(f"w{number}" for number in range(20_000)) + " again" * 1000 + " " + "x" * 5000
    with connection.cursor() as cursor:
        cursor.execute("SELECT length(%s::tsvector)", [as_vector([("D", many)])])
        assert cursor.fetchone() == (20_002,)
    assert max(map(len, words_in("x" * 5000))) == 100


def test_texts_of_more_words_than_postgresql_keeps_are_saved_and_found() -> None:
    # Of languages without blanks each pair of letters is a word: these are nearly all different.
    letters, any_of = list(map(chr, range(0x4E00, 0x9F00))), Random(1).choices
    bodies = {
        f"{first}{second}": "".join(any_of(letters, k=4096))
        for first, second in product("abcde", "uvwxyz")
    }
    huge = notice("huge", "Everything")
    made = version_create(ROOT, huge, VersionContent(default_locale="au", bodies=bodies))
    assert found("everything") == ["huge"]
    assert found(bodies["au"][:2]) == ["huge"]
    version_update(ROOT, made, {"bodies": {"au": "Short words"}})
    assert found("short") == ["huge"]


# --- Favourites and use --------------------------------------------------------------------------


def test_favourites_are_each_persons_own(supervisor: User, outsider: User) -> None:
    notices = [notice("b"), notice("a")]
    for each in [*notices, notices[0]]:
        favourite_set(supervisor.to_actor(), each, wanted=True)
    assert usage.favourite_ids(supervisor.to_actor()) == [notices[1].pk, notices[0].pk]
    assert usage.favourite_ids(outsider.to_actor()) == []
    favourite_set(supervisor.to_actor(), notices[1], wanted=False)
    assert usage.favourite_ids(supervisor.to_actor()) == [notices[0].pk]


def sent(
    version: NoticeVersion, actor: Any = ROOT, *, days_ago: int = 0, delivered: int = 0
) -> None:
    then = timezone.now() - timedelta(days=days_ago)
    send = Send.objects.create(
        version=version,
        actor_ref=actor.ref,
        actor_name="x",
        status="finished",
        visibility="ALL",
        target={},
        created_at=then,
        release_at=then,
    )
    for status, number in {"delivered": delivered, "failed": 7}.items():
        SendOutcome.objects.create(send=send, status=status, number=number)
    use, _ = VersionUse.objects.get_or_create(version=version)
    VersionUse.objects.filter(pk=use.pk).update(
        sends=use.sends + 1, delivered=use.delivered + delivered
    )


def test_what_is_used_most_and_never(supervisor: User, make_notice: Callable[..., Any]) -> None:
    often, once, long_ago, never = (make_notice(key=key) for key in "abcd")
    for _ in range(2):
        sent(often, delivered=3)
    sent(once, supervisor.to_actor(), delivered=100)
    sent(long_ago, days_ago=40, delivered=5)
    notice("draft")

    def used(days: int) -> list[str]:
        return [each.key for each in usage.most_used(selectors.notices(ROOT), days=days)]

    def unused(days: int) -> list[str]:
        return [each.key for each in usage.never_used(selectors.notices(ROOT), days=days)]

    assert used(30) == ["a", "b"]
    assert used(90) == ["a", "b", "c"]
    assert unused(30) == ["c", "d"]
    assert unused(90) == [never.notice.key]
    ids = [often.notice_id, long_ago.notice_id]
    assert usage.notice_uses(ROOT, ids, days=30) == {often.notice_id: usage.Use(2, 6)}
    assert usage.version_uses(ROOT, once.notice) == {1: usage.Use(1, 100)}
    assert usage.version_uses(ROOT, never.notice) == {1: usage.Use(0, 0)}


def test_what_arrived_of_many_sends_is_estimated(
    make_notice: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what arrived of all sends of the version, and only where reading it would take long."""
    often, few, new = (make_notice(key=key) for key in "abc")
    for _ in range(3):
        sent(often, delivered=4)
    sent(often, days_ago=40, delivered=8)
    sent(few, delivered=2)
    sent(few, days_ago=40, delivered=9)
    for _ in range(5):
        sent(new, delivered=1)
    ids = [version.notice_id for version in (often, few, new)]
    exact = {ids[0]: usage.Use(3, 12), ids[1]: usage.Use(1, 2), ids[2]: usage.Use(5, 5)}
    assert usage.notice_uses(ROOT, ids, days=30) == exact
    monkeypatch.setattr(usage, "READ_MOST", 1)
    about = {**exact, ids[0]: usage.Use(3, 15, is_estimate=True)}
    assert usage.notice_uses(ROOT, ids, days=30) == about


def test_recently_used_is_by_ones_own_sends(
    supervisor: User, make_notice: Callable[..., Any]
) -> None:
    first, second, other = (make_notice() for _ in range(3))
    for version in (second, first, second):
        sent(version, supervisor.to_actor())
    sent(other)
    assert usage.recent_ids(supervisor.to_actor()) == [second.notice_id, first.notice_id]


def test_what_ends_soon_comes_by_its_end(make_notice: Callable[..., Any]) -> None:
    now = timezone.now()
    for key, days in {"later": 10, "soon": 1, "far": 20}.items():
        make_notice(key=key, valid_until=now + timedelta(days=days))
    make_notice(key="ever")
    ending = usage.ending_soon(selectors.notices(ROOT))
    assert [each.key for each in ending] == ["soon", "later"]
    assert [each.published_until for each in ending] == [  # type: ignore[attr-defined]
        now + timedelta(days=1),
        now + timedelta(days=10),
    ]
