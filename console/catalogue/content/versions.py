"""Writes versions of a notice: drafts, submissions and reviewers' decisions."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from console.accounts.approvals.stating import Confirmation
from console.accounts.approvals.writing import approval_record
from console.accounts.own_work import is_own
from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.services import Record
from console.audit.state.kinds import told
from console.catalogue.content import snippets
from console.catalogue.content.notices import (
    notice_rename,
    require_not_retired,
    require_shortcut_free,
)
from console.catalogue.content.search_index import words_keep
from console.catalogue.content.version_content import VersionContent, revision
from console.catalogue.models import (
    CannedNotice,
    NoticeVersion,
    VersionStatus,
    VisibilityPreset,
)
from console.catalogue.told import NOTICE, VERSION
from console.database.clock import near_now
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.security.lookalikes import require_plain
from console.text.sentences import term
from console.text.visible import is_blank
from console.text.wording import term_of

SCHEDULE = system_actor("schedule")
logger = structlog.get_logger("console.catalogue")


def version_create(
    actor: Actor, notice: CannedNotice, content: VersionContent, *, expected: str | None = None
) -> NoticeVersion:
    """Start the next version of a notice as the actor's draft.

    `expected` is the revision of the newest version that the author has seen. Raises what
    `VersionContent.normal_form` raises, and Conflict while another version is open or if the newest
    version no longer matches `expected`.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    require_not_retired(notice)
    version = NoticeVersion(notice=notice, author_ref=actor.ref, author_name=actor.name)
    content.normal_form(notice).set_on(version)
    with transaction.atomic():
        CannedNotice.objects.select_for_update().get(pk=notice.pk)
        _require_none_open(notice)
        newest = notice.versions.order_by("-number").first()
        _require_expected(newest, expected)
        version.number = newest.number + 1 if newest else 1
        version.save()
        words_keep(notice)
        _record_version(actor, Action.VERSION_CREATED, version)
    return version


def version_update(
    actor: Actor,
    version: NoticeVersion,
    changes: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> NoticeVersion:
    """Change a draft; only its author may. `changes` are fields of VersionContent.

    `expected` is the draft's revision that the author has seen. Raises Conflict if the draft
    differs from it, unless the draft has the new content already: saving again after a lost answer
    is no conflict. Nothing is written if nothing changes.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    _require_author(actor, version)
    with transaction.atomic():
        _lock(version, VersionStatus.DRAFT, term("changed"))
        before = copy(version)
        content = VersionContent.of(version).changed(changes)
        content.normal_form(version.notice).set_on(version)
        if revision(version) == revision(before):
            return version
        _require_expected(before, expected)
        version.save()
        words_keep(version.notice)
        _record_version(actor, Action.VERSION_CHANGED, version)
    return version


def version_submit(actor: Actor, version: NoticeVersion) -> NoticeVersion:
    """Submit a draft for review. From now on its content and its snippets' versions are fixed.

    Raises InvalidInput for a version that has ended, and what `snippets.settle` raises.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    _require_author(actor, version)
    with transaction.atomic():
        _lock(version, VersionStatus.DRAFT, term("submitted"))
        require_not_retired(version.notice)
        if has_ended(version):
            raise InvalidInput(
                "version_ended",
                "Nobody could send this version: its time of validity has ended. Choose a later "
                "“valid until”, or leave it empty, and submit again.",
                {"field": "valid_until"},
            )
        require_plain(
            version.nickname,
            what=term("The nickname"),
            field="nickname",
            others=VisibilityPreset.objects.exclude(nickname="").values_list("nickname", flat=True),
            of_others=term("which a preset has"),
        )
        version.status = VersionStatus.IN_REVIEW
        version.submitted_at = timezone.now()
        version.snippets = snippets.settle(version)
        version.save(update_fields=["status", "submitted_at", "snippets"])
        _record_version(actor, Action.VERSION_SUBMITTED, version)
    return version


def version_approve(
    actor: Actor, version: NoticeVersion, *, confirmation: Confirmation | None = None
) -> NoticeVersion:
    """Publish a submitted version in place of the published one.

    A version whose `valid_from` is in the future is scheduled instead, in place of another
    scheduled one. Raises PermissionRefused (own_work) for the author, whatever else the actor may
    do, InvalidInput for a version that has ended since it was submitted, Unavailable if the
    witnesses' quorum is late, and what `approval_record` raises.
    """
    _require_reviewer(actor, version)
    with transaction.atomic():
        _hold(version.notice)
        _lock(version, VersionStatus.IN_REVIEW, term("approved"))
        require_not_retired(version.notice)
        if has_ended(version):
            raise InvalidInput(
                "version_ended",
                "Nobody could send this version: its time of validity has ended. Reject it, so "
                "that its author can write it anew with a later “valid until”.",
                {"field": "valid_until"},
            )
        now = timezone.now()
        _publish_due(version.notice, now)
        waits = version.valid_from is not None and version.valid_from > now
        status = VersionStatus.SCHEDULED if waits else VersionStatus.PUBLISHED
        superseded = _supersede(version.notice, status)
        if status == VersionStatus.PUBLISHED:
            _rename(version)
        else:
            require_shortcut_free(version.notice, version.new_shortcut)
        _decide(actor, version, status)
        words_keep(version.notice)
        rows = _rows(version, superseded)
        entry = version_record(Action.VERSION_APPROVED, version, rows)
        also = VersionContent.of(version).beside_ledger_data()
        entry = approval_record(actor, entry, also=also, confirmation=confirmation)
        audit.record_many(actor, [entry])
    return version


def has_ended(version: NoticeVersion) -> bool:
    """Return whether the version's validity is over, so that nobody could send it."""
    return version.valid_until is not None and version.valid_until <= near_now()


def versions_publish(now: datetime | None = None) -> int:
    """Publish the scheduled versions that are due, and return how many. Workers do it every minute.

    Sends do not depend on it: they choose the version by the clock.
    """
    now = now or timezone.now()
    due = NoticeVersion.objects.due(now).filter(notice__retired_at=None)
    published = 0
    for notice in CannedNotice.objects.filter(pk__in=due.values("notice")).order_by("pk"):
        with transaction.atomic():
            _hold(notice)
            published += _publish_due(notice, now)
    return published


def _hold(notice: CannedNotice) -> None:
    """Lock the notice, so that nobody else publishes a version of it meanwhile."""
    CannedNotice.objects.select_for_update(no_key=True).get(pk=notice.pk)


def _publish_due(notice: CannedNotice, now: datetime) -> int:
    version = NoticeVersion.objects.due(now).filter(notice=notice).first()
    if version is None:
        return 0
    superseded = _supersede(notice, VersionStatus.PUBLISHED)
    version.status = VersionStatus.PUBLISHED
    version.save(update_fields=["status"])
    try:
        _rename(version)
    except Conflict:
        # Another notice has taken the shortcut since: publish the version and keep the old
        # shortcut.
        logger.warning(
            "shortcut taken", notice=notice.key, version=version.number, kept=notice.shortcut
        )
        _rename(version, with_shortcut=False)
    words_keep(version.notice)
    _record_version(SCHEDULE, Action.VERSION_PUBLISHED, version, superseded)
    return 1


def _rename(version: NoticeVersion, *, with_shortcut: bool = True) -> None:
    """Give the notice its approved names. Raises Conflict for a shortcut in use."""
    notice_rename(
        version.notice,
        title=version.new_title,
        shortcut=version.new_shortcut if with_shortcut else "",
    )


def _supersede(notice: CannedNotice, status: VersionStatus) -> list[int]:
    """Supersede the notice's version with this status, if there is one. Return its primary key."""
    found = list(NoticeVersion.objects.filter(notice=notice, status=status))
    pks = [version.pk for version in found]
    NoticeVersion.objects.filter(pk__in=pks).update(status=VersionStatus.SUPERSEDED)
    return pks


def version_reject(actor: Actor, version: NoticeVersion, *, reason: str) -> NoticeVersion:
    """Reject a submitted version with a reason. Its author can start a new version from it."""
    _require_reviewer(actor, version)
    if is_blank(reason):
        raise InvalidInput("reason_missing", "Say why, so that the author can mend it.")
    with transaction.atomic():
        _lock(version, VersionStatus.IN_REVIEW, term("rejected"))
        version.reject_reason = reason.strip()
        _decide(actor, version, VersionStatus.REJECTED)
        words_keep(version.notice)
        _record_version(actor, Action.VERSION_REJECTED, version)
    return version


def _require_none_open(notice: CannedNotice) -> None:
    opened = notice.versions.filter(
        status__in=[VersionStatus.DRAFT, VersionStatus.IN_REVIEW]
    ).first()
    if opened is not None:
        raise Conflict(
            "version_open",
            "Version {number} by {author} is not decided yet. Finish that one first.",
            number=opened.number,
            author=opened.author_name,
        )


def _require_author(actor: Actor, version: NoticeVersion) -> None:
    if version.author_ref != actor.ref:
        raise PermissionRefused(
            "not_author",
            "Only {author}, who wrote this version, may do this.",
            author=version.author_name,
        )


def _require_reviewer(actor: Actor, version: NoticeVersion) -> None:
    actor.require(Permission.REVIEW_CATALOGUE)
    if is_own(actor, version.author_ref):
        raise PermissionRefused(
            "own_work", "Nobody decides on their own version. Ask another approver."
        )


def _lock(version: NoticeVersion, status: str, verb: str) -> None:
    """Lock the version, reload it and check that it still has `status`.

    So what is decided and recorded is the stored content, even if others change it at the same
    time.
    """
    version.refresh_from_db(from_queryset=NoticeVersion.objects.select_for_update())
    if version.status != status:
        raise Conflict(
            "wrong_status",
            "Version {number} is {status:lower} and can't be {verb}. Load the page again to see "
            "its state.",
            number=version.number,
            status=term_of(VersionStatus(version.status).label),
            verb=verb,
        )


def _require_expected(current: NoticeVersion | None, expected: str | None) -> None:
    """Raise Conflict unless `current` has the revision `expected`."""
    if expected is None or expected == revision(current):
        return
    number = current.number if current else 0
    name = current.author_name if current else ""
    raise Conflict(
        "changed_meanwhile",
        term(
            "Not saved: {name} has written version {number} since you began. Compare both, then "
            "save again.",
            name=name,
            number=number,
        )
        if current
        else term("Not saved: this notice has no version yet. Load the page again."),
        {"version": number, "mark": revision(current)},
    )


def _decide(actor: Actor, version: NoticeVersion, status: VersionStatus) -> None:
    version.status = status
    version.reviewer_ref = actor.ref
    version.reviewer_name = actor.name
    version.reviewed_at = timezone.now()
    version.save(
        update_fields=["status", "reviewer_ref", "reviewer_name", "reviewed_at", "reject_reason"]
    )


def version_record(action: Action, version: NoticeVersion, rows: Mapping[str, Any]) -> Record:
    """Return the ledger entry for a version, the same for every way of writing it. `rows` is what
    the database has of it by now (console.audit.state.kinds.told)."""
    data = {
        **VersionContent.of(version).ledger_data(),
        "reject_reason": version.reject_reason,
        "status": version.status,
        **({"snippets": version.snippets} if version.snippets else {}),
        **rows,
    }
    target = ("version", f"{version.notice.key}/{version.number}", version.notice.title)
    return Record(action, target, data)


def _record_version(
    actor: Actor, action: Action, version: NoticeVersion, superseded: Sequence[int] = ()
) -> None:
    audit.record_many(actor, [version_record(action, version, _rows(version, superseded))])


def _rows(version: NoticeVersion, superseded: Sequence[int]) -> dict[str, Any]:
    return told((VERSION, [version.pk, *superseded]), (NOTICE, version.notice_id))
