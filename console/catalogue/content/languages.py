"""Languages of a notice: their direction, and which translations are outdated or missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count

from console.catalogue.models import NoticeVersion, VersionStatus
from console.interactions.models import Interaction
from console.text import language_tags

PASSED = (VersionStatus.PUBLISHED, VersionStatus.SUPERSEDED)


def direction(locale: str) -> str:
    """Return the writing direction of a locale's script: rtl or ltr."""
    return "rtl" if language_tags.is_right_to_left(locale) else "ltr"


@dataclass(frozen=True, slots=True)
class Stale:
    """An outdated translation.

    It last changed in version `since`; the default language's text changed later, in version
    `changed`.
    """

    locale: str
    since: int
    changed: int


def stale_locales(version: NoticeVersion, all_versions: Iterable[NoticeVersion]) -> list[Stale]:
    """Return the translations of `version` that are older than the default language's text.

    This follows from the versions published before, and this one. `all_versions` are the notice's,
    in any order.
    """
    before = sorted(
        (one for one in all_versions if one.number < version.number and one.status in PASSED),
        key=lambda one: -one.number,
    )
    changed = _last_changed(version, before, version.default_locale)
    since = {
        locale: _last_changed(version, before, locale)
        for locale in version.bodies
        if locale != version.default_locale
    }
    return [Stale(locale, number, changed) for locale, number in since.items() if number < changed]


def _last_changed(version: NoticeVersion, before: Sequence[NoticeVersion], locale: str) -> int:
    """Return the number of the version in which this language's text got its present content."""
    number = version.number
    for older in before:
        spelled = language_tags.spelled_as(locale, older.bodies)
        if older.bodies.get(spelled) != version.bodies[locale]:
            break
        number = older.number
    return number


@dataclass(frozen=True, slots=True)
class Missing:
    """A language of live chats that get the default language instead; `percent` is of all chats."""

    locale: str
    percent: int


def live_locales() -> dict[str, int]:
    """Return the number of live chats by locale, over all teams. It discloses no single chat."""
    live = Interaction.objects.filter(ended_at=None, is_test=False)
    rows = live.exclude(locale="").order_by()
    return dict(rows.values_list("locale").annotate(n=Count("pk")))


def missing_locales(version: NoticeVersion, live: dict[str, int]) -> list[Missing]:
    """Return the languages of live chats that get the default one instead, the most frequent first.

    Another region of a language is not missing: en-GB gets en. Another script is.
    """
    whole = sum(live.values())
    numbers: dict[str, int] = {}
    for locale, number in live.items():
        tag = language_tags.read(locale)
        if tag is not None and not version.match_for(locale).is_own:
            numbers[tag.spoken] = numbers.get(tag.spoken, 0) + number
    ordered = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Missing(locale, round(100 * number / whole)) for locale, number in ordered]
