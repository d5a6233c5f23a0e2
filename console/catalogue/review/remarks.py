"""Remarks on a version for editors and approvers, besides its texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone

from console.catalogue.content.languages import (
    Missing,
    Stale,
    live_locales,
    missing_locales,
    stale_locales,
)
from console.catalogue.content.snippets import Foreign, Outdated, foreign, loaded, outdated
from console.catalogue.content.versions import has_ended
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus
from console.catalogue.review.forecast import Forecast, forecasts, forecasts_by_id

CHECKED = (
    VersionStatus.PUBLISHED,
    VersionStatus.SCHEDULED,
    VersionStatus.IN_REVIEW,
    VersionStatus.DRAFT,
)
OPEN = (VersionStatus.IN_REVIEW, VersionStatus.DRAFT)


@dataclass(frozen=True, slots=True)
class Checks:
    """The result of checking a version.

    `stale` and `missing` are languages; `outdated` and `foreign` are snippets. `has_ended` means
    that the version can no longer be published.
    """

    has_ended: bool
    forecast: Forecast
    stale: list[Stale]
    missing: list[Missing]
    outdated: list[Outdated]
    foreign: list[Foreign]

    @property
    def are_good(self) -> bool:
        lists = (self.stale, self.missing, self.outdated, self.foreign)
        return not (self.has_ended or self.forecast.is_bad or any(lists))


def version_checks(versions: Sequence[NoticeVersion]) -> dict[int, Checks]:
    """Return the checks of one notice's open, scheduled and published versions, by version id."""
    checked = [version for version in versions if version.status in CHECKED]
    expected, late, live = forecasts(checked), outdated(checked), live_locales()
    among = loaded(version.snippets for version in checked)
    return {
        version.pk: Checks(
            has_ended=version.status in OPEN and has_ended(version),
            forecast=expected.get(version.pk, Forecast()),
            stale=stale_locales(version, versions),
            missing=missing_locales(version, live),
            outdated=late.get(version.pk, []),
            foreign=foreign(version, among),
        )
        for version in checked
    }


def failing_notices(notices: Iterable[CannedNotice]) -> dict[int, Forecast]:
    """Return the forecasts of the notices that would fail too often, by notice id."""
    versions = NoticeVersion.objects.in_effect(timezone.now())
    found = versions.filter(notice__in=[notice.pk for notice in notices])
    of_version = dict(found.values_list("pk", "notice_id"))
    expected = forecasts_by_id(of_version)
    return {of_version[pk]: each for pk, each in expected.items() if each.is_bad}
