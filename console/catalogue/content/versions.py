"""Writes versions of a notice: drafts, submissions, and decisions by somebody else."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from console.accounts.own_work import is_own
from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.catalogue.content import snippets
from console.catalogue.content.bodies import check_bodies, check_fields
from console.catalogue.content.notices import (
    new_names,
    notice_rename,
    read_new_names,
    require_not_retired,
    require_shortcut_free,
)
from console.catalogue.content.questions import declared
from console.catalogue.content.revision import mark_of
from console.catalogue.content.search_index import words_keep
from console.catalogue.models import (
    CannedNotice,
    NoticeKind,
    NoticeVersion,
    VersionStatus,
    Visibility,
    VisibilityPreset,
)
from console.catalogue.review.presets import known_visibility
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from console.security.lookalikes import require_plain
from console.text.inputs import read_line
from console.text.visible import is_blank

SCHEDULE = system_actor("schedule")
logger = structlog.get_logger("console.catalogue")
CONTENT = (
    *("default_locale", "bodies", "fields", "message_type", "nickname", "preset", "visibility"),
    *("valid_from", "valid_until", "change_note", "new_title", "new_shortcut"),
)


def version_create(
    actor: Actor,
    notice: CannedNotice,
    *,
    default_locale: str,
    bodies: Mapping[str, str],
    fields: Sequence[Mapping[str, Any]] = (),
    message_type: str = "",
    nickname: str = "",
    preset: VisibilityPreset | None = None,
    visibility: str | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    change_note: str = "",
    new_title: str = "",
    new_shortcut: str = "",
    expected: str | None = None,
) -> NoticeVersion:
    """Start the next version of a notice, as a draft of the actor's.

    `visibility` and `nickname` given here come before the preset's; `fields` are what its senders
    are asked for (console.catalogue.content.questions). The notice takes `new_title` and
    `new_shortcut` once the version is published. `expected` is the mark of the newest version that
    the author knows. Raises InvalidInput for what can't be sent as it stands, and Conflict while
    another version is open or where the newest is not that one any more.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    require_not_retired(notice)
    version = NoticeVersion(notice=notice, author_ref=actor.ref, author_name=actor.name)
    version_fill(
        version,
        default_locale=default_locale,
        bodies=bodies,
        fields=fields,
        message_type=message_type,
        nickname=nickname,
        preset=preset,
        visibility=visibility,
        valid_from=valid_from,
        valid_until=valid_until,
        change_note=change_note,
        new_title=new_title,
        new_shortcut=new_shortcut,
    )
    with transaction.atomic():
        CannedNotice.objects.select_for_update().get(pk=notice.pk)
        _require_none_open(notice)
        newest = notice.versions.order_by("-number").first()
        _require_expected(newest, expected)
        version.number = newest.number + 1 if newest else 1
        version.save()
        words_keep(notice)
        _record_version(actor, "version.created", version)
    return version


def version_update(
    actor: Actor, version: NoticeVersion, *, expected: str | None = None, **content: Any
) -> NoticeVersion:
    """Change a draft, which only its author may. Takes what `version_create` takes; `expected` is
    the mark of the draft as the author knows it. Raises Conflict where it has become another,
    unless that has this very content already: whoever saves again, since the answer was lost, is
    not at odds with themselves. Where nothing changes, nothing is written."""
    actor.require(Permission.EDIT_CATALOGUE)
    _require_author(actor, version)
    with transaction.atomic():
        _lock(version, VersionStatus.DRAFT, "changed")
        before = copy(version)
        kept = {name: getattr(version, name) for name in CONTENT}
        if content.get("preset") is not None and "visibility" not in content:
            kept["visibility"] = None
        version_fill(version, **{**kept, **content})
        if mark_of(version) == mark_of(before):
            return version
        _require_expected(before, expected)
        version.save()
        words_keep(version.notice)
        _record_version(actor, "version.changed", version)
    return version


def version_submit(actor: Actor, version: NoticeVersion) -> NoticeVersion:
    """Hand a draft over to the reviewers; from now on neither it can be changed, nor which version
    of each snippet it has. Raises what `snippets.settle` raises."""
    actor.require(Permission.EDIT_CATALOGUE)
    _require_author(actor, version)
    with transaction.atomic():
        _lock(version, VersionStatus.DRAFT, "submitted")
        require_not_retired(version.notice)
        require_plain(
            version.nickname,
            what="The nickname",
            field="nickname",
            others=VisibilityPreset.objects.exclude(nickname="").values_list("nickname", flat=True),
            of_others="which a preset has",
        )
        version.status = VersionStatus.IN_REVIEW
        version.submitted_at = timezone.now()
        version.snippets = snippets.settle(version)
        version.save(update_fields=["status", "submitted_at", "snippets"])
        _record_version(actor, "version.submitted", version)
    return version


def version_approve(actor: Actor, version: NoticeVersion) -> NoticeVersion:
    """Publish a submitted version, in place of the one published before; one that is valid from a
    later time on waits for that, in place of another that waits.

    Raises PermissionRefused (own_work) for the author, whatever else the actor may do.
    """
    _require_reviewer(actor, version)
    with transaction.atomic():
        _hold(version.notice)
        _lock(version, VersionStatus.IN_REVIEW, "approved")
        require_not_retired(version.notice)
        now = timezone.now()
        _publish_due(version.notice, now)
        waits = version.valid_from is not None and version.valid_from > now
        status = VersionStatus.SCHEDULED if waits else VersionStatus.PUBLISHED
        _supersede(version.notice, status)
        if status == VersionStatus.PUBLISHED:
            _rename(version)
        else:
            require_shortcut_free(version.notice, version.new_shortcut)
        _decide(actor, version, status)
        words_keep(version.notice)
        _record_version(actor, "version.approved", version)
    return version


def versions_publish(now: datetime | None = None) -> int:
    """Publish the scheduled versions whose time has come, and say how many these were. A worker's,
    every minute: what is sent meanwhile is by the clock the same."""
    now = now or timezone.now()
    due = NoticeVersion.objects.due(now).filter(notice__retired_at=None)
    published = 0
    for notice in CannedNotice.objects.filter(pk__in=due.values("notice")).order_by("pk"):
        with transaction.atomic():
            _hold(notice)
            published += _publish_due(notice, now)
    return published


def _hold(notice: CannedNotice) -> None:
    """Nobody else publishes a version of this notice meanwhile."""
    CannedNotice.objects.select_for_update(no_key=True).get(pk=notice.pk)


def _publish_due(notice: CannedNotice, now: datetime) -> int:
    version = NoticeVersion.objects.due(now).filter(notice=notice).first()
    if version is None:
        return 0
    _supersede(notice, VersionStatus.PUBLISHED)
    version.status = VersionStatus.PUBLISHED
    version.save(update_fields=["status"])
    try:
        _rename(version)
    except Conflict:
        # Another notice has got the shortcut since: the words hold, by the shortcut of before.
        logger.warning(
            "shortcut taken", notice=notice.key, version=version.number, kept=notice.shortcut
        )
        _rename(version, with_shortcut=False)
    words_keep(version.notice)
    _record_version(SCHEDULE, "version.published", version)
    return 1


def _rename(version: NoticeVersion, *, with_shortcut: bool = True) -> None:
    """The notice is called from now on as was approved. Raises Conflict for a shortcut in use."""
    notice_rename(
        version.notice,
        title=version.new_title,
        shortcut=version.new_shortcut if with_shortcut else "",
    )


def _supersede(notice: CannedNotice, status: VersionStatus) -> None:
    NoticeVersion.objects.filter(notice=notice, status=status).update(
        status=VersionStatus.SUPERSEDED
    )


def version_reject(actor: Actor, version: NoticeVersion, *, reason: str) -> NoticeVersion:
    """Send a submitted version back with a reason; its author starts a new version from it."""
    _require_reviewer(actor, version)
    if is_blank(reason):
        raise InvalidInput("reason_missing", "Say why, so that the author can mend it.")
    with transaction.atomic():
        _lock(version, VersionStatus.IN_REVIEW, "rejected")
        version.reject_reason = reason.strip()
        _decide(actor, version, VersionStatus.REJECTED)
        words_keep(version.notice)
        _record_version(actor, "version.rejected", version)
    return version


def version_fill(
    version: NoticeVersion,
    *,
    default_locale: str,
    bodies: Mapping[str, str],
    fields: Sequence[Mapping[str, Any]],
    message_type: str,
    nickname: str,
    preset: VisibilityPreset | None,
    visibility: str | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
    change_note: str,
    new_title: str,
    new_shortcut: str,
    is_restored: bool = False,
) -> None:
    """Check a version's content and set it. What is restored from an export may have a language
    under two of its tags, as versions once could."""
    kind = version.notice.kind
    check_bodies(kind, default_locale, bodies, is_restored=is_restored)
    asked = declared(fields)
    check_fields(kind, bodies, asked)
    if message_type and kind != NoticeKind.MESSAGE:
        raise InvalidInput(
            "message_type_without_message",
            "Only a message has a message type; leave it empty for this kind of notice.",
        )
    if kind == NoticeKind.SNIPPET and (
        _seen_by(preset, visibility) != Visibility.ALL or valid_from or valid_until
    ):
        raise InvalidInput(
            "snippet_not_by_itself",
            "A snippet has no visibility and no times of its own: it is seen, and lasts, as the "
            "texts in which it stands. Let everyone see it (ALL), and take the times out.",
        )
    if valid_from and valid_until and valid_from >= valid_until:
        raise InvalidInput(
            "validity_reversed", "The notice would end before it starts: swap the two times."
        )
    if preset is not None and not preset.is_approved:
        raise Unprocessable(
            "preset_not_approved",
            f"The preset {preset.name} is not approved yet. Choose another, or wait for that.",
            {"field": "preset"},
        )
    version.default_locale = default_locale
    version.bodies = dict(bodies)
    version.fields = asked
    version.message_type = read_line(message_type, what="A message type", field="message_type")
    version.preset = preset
    version.visibility = known_visibility(_seen_by(preset, visibility))
    own = read_line(nickname, what="A nickname", field="nickname")
    require_plain(own, what="The nickname", field="nickname")
    version.nickname = own or (preset.nickname if preset else "")
    version.valid_from = valid_from
    version.valid_until = valid_until
    version.change_note = "" if is_blank(change_note) else change_note
    version.new_title, version.new_shortcut = read_new_names(
        version.notice, new_title, new_shortcut
    )


def _seen_by(preset: VisibilityPreset | None, visibility: str | None) -> str:
    if visibility is not None:  # an empty one is none, and never everyone
        return visibility
    return preset.visibility if preset else Visibility.ALL


def _require_none_open(notice: CannedNotice) -> None:
    opened = notice.versions.filter(
        status__in=[VersionStatus.DRAFT, VersionStatus.IN_REVIEW]
    ).first()
    if opened is not None:
        raise Conflict(
            "version_open",
            f"Version {opened.number} by {opened.author_name} is not decided yet. "
            "Finish that one first.",
        )


def _require_author(actor: Actor, version: NoticeVersion) -> None:
    if version.author_ref != actor.ref:
        raise PermissionRefused(
            "not_author", f"Only {version.author_name}, who wrote this version, may do this."
        )


def _require_reviewer(actor: Actor, version: NoticeVersion) -> None:
    actor.require(Permission.REVIEW_CATALOGUE)
    if is_own(actor, version.author_ref):
        raise PermissionRefused(
            "own_work", "Nobody decides on their own version. Ask another approver."
        )


def _lock(version: NoticeVersion, status: str, verb: str) -> None:
    """Lock the version, read it as it is by now, and check that it still has `status`: whoever else
    is at it, what is decided and recorded are the words that are there."""
    version.refresh_from_db(from_queryset=NoticeVersion.objects.select_for_update())
    if version.status != status:
        raise Conflict(
            "wrong_status",
            f"Version {version.number} is {VersionStatus(version.status).label.lower()} "
            f"and can't be {verb}. Load the page again to see its state.",
        )


def _require_expected(current: NoticeVersion | None, expected: str | None) -> None:
    """Raise Conflict unless `current` is still what its author last saw of it."""
    if expected is None or expected == mark_of(current):
        return
    number = current.number if current else 0
    name = current.author_name if current else ""
    raise Conflict(
        "changed_meanwhile",
        f"Not saved: {name} has written version {number} since you began. Compare both, then save "
        "again."
        if current
        else "Not saved: this notice has no version yet. Load the page again.",
        {"version": number, "mark": mark_of(current)},
    )


def _decide(actor: Actor, version: NoticeVersion, status: VersionStatus) -> None:
    version.status = status
    version.reviewer_ref = actor.ref
    version.reviewer_name = actor.name
    version.reviewed_at = timezone.now()
    version.save(
        update_fields=["status", "reviewer_ref", "reviewer_name", "reviewed_at", "reject_reason"]
    )


def _record_version(actor: Actor, action: str, version: NoticeVersion) -> None:
    audit.record(
        actor,
        action,
        target=("version", f"{version.notice.key}/{version.number}", version.notice.title),
        data={
            "visibility": version.visibility,
            "default_locale": version.default_locale,
            "bodies": version.bodies,
            "change_note": version.change_note,
            "reject_reason": version.reject_reason,
            "status": version.status,
            **({"fields": version.fields} if version.fields else {}),
            **({"snippets": version.snippets} if version.snippets else {}),
            **new_names(version),
        },
    )
