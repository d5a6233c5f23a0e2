"""What is wrong by now with the notices' versions that a playbook's version is pinned to."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.states import VersionStatus
from console.incidents.models import PlaybookVersion
from console.incidents.playbook_content import StageContent, stage_contents

ENDS_WITHIN = timedelta(days=1)


def pinned_versions(version: PlaybookVersion) -> list[NoticeVersion | None]:
    """Return the version that each stage sends: the pinned one, or in a draft the published one."""
    return [_pinned(stage) for stage in stage_contents(version)]


def _pinned(stage: StageContent) -> NoticeVersion | None:
    found = NoticeVersion.objects.select_related("notice", "preset")
    found = found.filter(notice__key=stage.notice)
    if stage.version is None:
        return found.filter(status=VersionStatus.PUBLISHED).first()
    return found.filter(number=stage.version).first()


def stage_warnings(stage: StageContent, pinned: NoticeVersion | None, now: datetime) -> list[str]:
    """Return what somebody should know before this stage is started; nothing if all is well."""
    names = {"notice": stage.notice}
    if pinned is None:
        return [_("The notice %(notice)s has no published version.") % names]
    if pinned.notice.retired_at is not None:
        return [_("The notice %(notice)s is retired, so this stage can't be started.") % names]
    found = []
    newest = _published(pinned.notice)
    if newest is not None and newest != pinned.number:
        words = _(
            "This sends version %(pinned)s of %(notice)s, which was reviewed with the playbook. "
            "Version %(newest)s is published by now."
        )
        found.append(words % {**names, "pinned": pinned.number, "newest": newest})
    until = pinned.valid_until
    if until is not None and until <= now:
        found.append(_("The notice %(notice)s has ended, so this stage can't be started.") % names)
    elif until is not None and until <= now + ENDS_WITHIN:
        found.append(_("The notice %(notice)s ends within a day.") % names)
    return found


def version_warnings(version: PlaybookVersion, now: datetime) -> list[str]:
    """Return the warnings of all stages, each with the stage's name."""
    pairs = zip(stage_contents(version), pinned_versions(version), strict=True)
    return [
        f"{stage.name}: {words}"
        for stage, pinned in pairs
        for words in stage_warnings(stage, pinned, now)
    ]


def _published(notice: CannedNotice) -> int | None:
    found = notice.versions.filter(status=VersionStatus.PUBLISHED)
    return found.values_list("number", flat=True).first()
