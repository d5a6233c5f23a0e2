"""What is wrong by now with the notices' versions that playbooks' versions are pinned to."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from console.actors import Actor
from console.catalogue.models import NoticeVersion
from console.catalogue.selectors import notices
from console.catalogue.states import VersionStatus
from console.incidents.models import PlaybookVersion
from console.incidents.playbook_content import StageContent, stage_contents

ENDS_WITHIN = timedelta(days=1)


class Pins:
    """The notices' versions that some playbooks' versions send, as far as the actor sees these
    notices: two queries, however many they are."""

    def __init__(self, actor: Actor, versions: Sequence[PlaybookVersion]) -> None:
        stages = [stage for version in versions for stage in stage_contents(version)]
        keys = {stage.notice for stage in stages}
        self._seen = set(notices(actor).filter(key__in=keys).values_list("key", flat=True))
        numbers = {stage.version for stage in stages if stage.version is not None}
        found = NoticeVersion.objects.select_related("notice", "preset").filter(
            Q(number__in=numbers) | Q(status=VersionStatus.PUBLISHED), notice__key__in=self._seen
        )
        self._by_number = {(each.notice.key, each.number): each for each in found}
        self._published = {
            each.notice.key: each for each in found if each.status == VersionStatus.PUBLISHED
        }

    def of(self, version: PlaybookVersion) -> list[NoticeVersion | None]:
        """Return what each stage sends: the pinned version, or in a draft the published one. None
        if there is none that the actor sees."""
        return [self._of_stage(stage) for stage in stage_contents(version)]

    def _of_stage(self, stage: StageContent) -> NoticeVersion | None:
        if stage.version is None:
            return self._published.get(stage.notice)
        return self._by_number.get((stage.notice, stage.version))

    def warnings(self, stage: StageContent, now: datetime) -> list[str]:
        """Return what somebody should know before this stage is started; nothing if all is well."""
        names = {"notice": stage.notice}
        pinned = self._of_stage(stage)
        if stage.notice not in self._seen:
            return [_("You do not see the notice %(notice)s, so you can't start this.") % names]
        if pinned is None:
            return [_("The notice %(notice)s has no published version.") % names]
        if pinned.notice.retired_at is not None:
            return [_("The notice %(notice)s is retired, so this stage can't be started.") % names]
        return [*self._newer(pinned, names), *_ending(pinned, names, now)]

    def _newer(self, pinned: NoticeVersion, names: dict[str, str]) -> list[str]:
        newest = self._published.get(pinned.notice.key)
        if newest is None or newest.number == pinned.number:
            return []
        words = _(
            "This sends version %(pinned)s of %(notice)s, which was reviewed with the playbook. "
            "Version %(newest)s is published by now."
        )
        return [words % {**names, "pinned": pinned.number, "newest": newest.number}]

    def version_warnings(self, version: PlaybookVersion, now: datetime) -> list[str]:
        """Return the warnings of all stages, each with the stage's name."""
        return [
            f"{stage.name}: {words}"
            for stage in stage_contents(version)
            for words in self.warnings(stage, now)
        ]


def _ending(pinned: NoticeVersion, names: dict[str, str], now: datetime) -> list[str]:
    until = pinned.valid_until
    if until is None or until > now + ENDS_WITHIN:
        return []
    if until <= now:
        return [_("The notice %(notice)s has ended, so this stage can't be started.") % names]
    return [_("The notice %(notice)s ends within a day.") % names]
