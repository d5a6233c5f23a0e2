"""How languages are written, and which translations are behind or missing."""

from collections.abc import Callable
from typing import Any

import pytest

from console.actors import Actor, Permission
from console.catalogue.content.languages import (
    direction,
    live_locales,
    missing_locales,
    stale_locales,
)
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
)
from console.catalogue.models import NoticeVersion, VersionStatus

EVERYTHING = frozenset(Permission)
AUTHOR = Actor("user:1", "Ada Author", EVERYTHING, sees_all_teams=True)
REVIEWER = Actor("user:2", "Rita Reviewer", EVERYTHING, sees_all_teams=True)


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("ar", "rtl"),
        ("AR_eg", "rtl"),
        ("he-IL", "rtl"),
        ("fa", "rtl"),
        ("ur-PK", "rtl"),
        ("az-Arab", "rtl"),
        ("pa-Arab-PK", "rtl"),
        ("pa-PK", "rtl"),
        ("az-IR", "rtl"),
        ("iw", "rtl"),
        ("prs", "rtl"),
        ("pa", "ltr"),
        ("ar-Latn", "ltr"),
        ("en", "ltr"),
        ("pt-BR", "ltr"),
        ("zh-Hant-TW", "ltr"),
        ("", "ltr"),
        ("?", "ltr"),
    ],
)
def test_a_locale_is_written_from_one_side(locale: str, expected: str) -> None:
    assert direction(locale) == expected


# --- Stale ---------------------------------------------------------------------------------------


def a_version(number: int, status: str = "superseded", **bodies: str) -> NoticeVersion:
    return NoticeVersion(number=number, status=status, default_locale="en", bodies=bodies)


def stale(*all_versions: NoticeVersion) -> list[tuple[str, int, int]]:
    """Of the last one."""
    found = stale_locales(all_versions[-1], all_versions)
    return [(one.locale, one.since, one.changed) for one in found]


def test_a_translation_is_behind_when_only_the_default_language_changed() -> None:
    first = a_version(1, en="a", de="A", pt="A")
    assert stale(first) == []
    second = a_version(2, en="b", de="A", pt="B")
    assert stale(first, second) == [("de", 1, 2)]
    assert stale(first, second, a_version(3, en="b", de="B", pt="B")) == []
    assert stale(first, second, a_version(3, en="c", de="A", pt="B")) == [
        ("de", 1, 3),
        ("pt", 2, 3),
    ]


def test_a_translation_that_changed_alone_is_not_behind() -> None:
    assert stale(a_version(1, en="a", de="A"), a_version(2, en="a", de="B")) == []


def test_a_new_language_is_as_new_as_its_version() -> None:
    assert stale(a_version(1, en="a"), a_version(2, en="a", de="A")) == []


def test_a_locale_that_is_written_otherwise_is_the_same() -> None:
    assert stale(a_version(1, en="a", pt_BR="A"), a_version(2, en="b", **{"pt-br": "A"})) == [
        ("pt-br", 1, 2)
    ]


def test_back_to_an_older_text_is_a_change() -> None:
    """German was written for "a": that is what the default language says again."""
    first, second = a_version(1, en="a", de="A"), a_version(2, en="b", de="B")
    assert stale(first, second, a_version(3, en="a", de="B")) == [("de", 2, 3)]


@pytest.mark.django_db
def test_what_was_rejected_does_not_count() -> None:
    notice = notice_create(AUTHOR, key="hello", kind="message", title="Hello")

    def submitted(**bodies: str) -> NoticeVersion:
        draft = version_create(AUTHOR, notice, VersionContent(default_locale="en", bodies=bodies))
        return version_submit(AUTHOR, draft)

    version_approve(REVIEWER, submitted(en="a", de="A"))
    version_reject(REVIEWER, submitted(en="b", de="A"), reason="No German")
    third = submitted(en="b", de="B")
    assert stale_locales(third, list(notice.versions.all())) == []
    assert third.status == VersionStatus.IN_REVIEW


# --- Missing -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_languages_of_live_chats_that_get_the_default(
    make_interaction: Callable[..., Any],
) -> None:
    for locale in ("en-GB", "pt-BR", "pt-PT", "pt", "ja", "de-AT", "", "ja_JP", "fr"):
        make_interaction(locale=locale)
    make_interaction("gone", locale="ko")
    make_interaction("gone", type="stopped")

    version = a_version(1, en="Hello", de="Hallo", **{"pt-BR": "Olá"})
    found = [(one.locale, one.percent) for one in missing_locales(version, live_locales())]
    assert found == [("ja", 25), ("fr", 12)]


def test_without_live_chats_nothing_is_missing() -> None:
    assert missing_locales(a_version(1, en="Hello"), {}) == []
