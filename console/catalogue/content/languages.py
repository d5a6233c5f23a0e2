"""Languages of a notice: how each is written, and which translations are behind or missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count

from console.catalogue.models import NoticeVersion, VersionStatus
from console.interactions.models import Interaction
from console.text import language_tags

PASSED = (VersionStatus.PUBLISHED, VersionStatus.SUPERSEDED)


def direction(locale: str) -> str:
    """How a locale is written: rtl or ltr, by its script."""
    return "rtl" if language_tags.is_right_to_left(locale) else "ltr"


@dataclass(frozen=True, slots=True)
class Stale:
    """A translation that was last changed in version `since`, the default language's text later, in
    version `changed`."""

    locale: str
    since: int
    changed: int


def stale_locales(version: NoticeVersion, all_versions: Iterable[NoticeVersion]) -> list[Stale]:
    """The translations of `version` that say what the default language's text said before.

    Follows from the versions: those that were published before, and this one. `all_versions` are
    the notice's, in any order.
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
    """The number of the version in which this language's text became what it is."""
    number = version.number
    for older in before:
        spelled = language_tags.spelled_as(locale, older.bodies)
        if older.bodies.get(spelled) != version.bodies[locale]:
            break
        number = older.number
    return number


@dataclass(frozen=True, slots=True)
class Missing:
    """A language of live chats that have to make do with the default one. `percent` of all."""

    locale: str
    percent: int


def live_locales() -> dict[str, int]:
    """How many live chats have which language, over all teams; no chat is told of."""
    rows = Interaction.objects.filter(ended_at=None).exclude(locale="").order_by()
    return dict(rows.values_list("locale").annotate(n=Count("pk")))


def missing_locales(version: NoticeVersion, live: dict[str, int]) -> list[Missing]:
    """The languages of live chats that get the default one instead, the most frequent first.

    Another region of a language is not missing: en-GB reads en. Another script is.
    """
    whole = sum(live.values())
    numbers: dict[str, int] = {}
    for locale, number in live.items():
        tag = language_tags.read(locale)
        if tag is not None and not version.match_for(locale).is_own:
            numbers[tag.spoken] = numbers.get(tag.spoken, 0) + number
    ordered = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Missing(locale, round(100 * number / whole)) for locale, number in ordered]
