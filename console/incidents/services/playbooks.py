"""Writes playbooks and their versions: one person writes, another approves."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from console.accounts.approvals.stating import Confirmation
from console.accounts.approvals.writing import approval_record
from console.accounts.models import Team
from console.accounts.own_work import is_own
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.catalogue.states import VersionStatus
from console.database.clock import database_now
from console.editing.revision import State, require_unchanged, revision
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.incidents.models import Playbook, PlaybookVersion
from console.incidents.playbook_content import PlaybookContent, notice_versions
from console.incidents.told import PLAYBOOK, PLAYBOOK_VERSION
from console.text.inputs import read_name
from console.text.sentences import term
from console.text.visible import is_blank
from console.text.wording import term_of

OPEN = (VersionStatus.DRAFT, VersionStatus.IN_REVIEW)


def playbook_create(
    actor: Actor, *, key: str, title: str, content: PlaybookContent, team: Team | None = None
) -> PlaybookVersion:
    """Write a new playbook with its first version as the actor's draft.

    Raises InvalidInput for a key, a title or a content that can't be used, PermissionRefused for a
    team of others, and Conflict for a key in use.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    if team is not None and not actor.sees_team(team.pk):
        raise PermissionRefused(
            "not_own_team",
            "You are not in the team {team}, and would not see this playbook. Choose one of your "
            "teams, or none.",
            {"field": "team"},
            team=team.name,
        )
    playbook = Playbook(key=_read_key(key), title=read_name(title, term("a playbook")), team=team)
    normal = content.normal_form(actor)
    try:
        with transaction.atomic():
            playbook.save()
            return _draft(actor, playbook, normal, Action.PLAYBOOK_CREATED)
    except IntegrityError as error:
        raise Conflict(
            "key_taken",
            "There is a playbook with the key {key} already. Choose another key.",
            {"field": "key"},
            key=playbook.key,
        ) from error


# Pages have these addresses.
RESERVED_KEYS = frozenset({"new", "matching"})
KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?", re.ASCII)


def _read_key(key: str) -> str:
    if not KEY.fullmatch(key) or key in RESERVED_KEYS:
        raise InvalidInput(
            "invalid_key",
            "A key has small letters, digits and hyphens, at most 100: for example payments-down.",
            {"field": "key"},
        )
    return key


def playbook_state(version: PlaybookVersion) -> State:
    """Return what can be edited, as plain data."""
    return PlaybookContent.of(version).ledger_data()


def version_write(
    actor: Actor, playbook: Playbook, content: PlaybookContent, *, expected: str | None = None
) -> PlaybookVersion:
    """Change one's own draft, or begin the next version as one's draft.

    `expected` is the revision of the newest version's `playbook_state` that the author has seen.
    Raises Conflict if it is another by now, or while somebody else's version is open.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    normal = content.normal_form(actor)
    with transaction.atomic():
        _hold(playbook)
        newest = playbook.versions.order_by("-number").first()
        if newest is not None:
            require_unchanged(playbook_state(newest), expected, term("this playbook"))
        if newest is None or newest.status not in OPEN:
            return _draft(actor, playbook, normal, Action.PLAYBOOK_CHANGED)
        if newest.status != VersionStatus.DRAFT or newest.author_ref != actor.ref:
            raise Conflict(
                "version_open",
                "Version {number} by {author} is not decided yet. Finish that one first.",
                number=newest.number,
                author=newest.author_name,
            )
        normal.set_on(newest)
        newest.save()
        _record(actor, Action.PLAYBOOK_CHANGED, newest)
        return newest


def _draft(
    actor: Actor, playbook: Playbook, content: PlaybookContent, action: Action
) -> PlaybookVersion:
    newest = playbook.versions.order_by("-number").first()
    version = PlaybookVersion(
        playbook=playbook,
        number=newest.number + 1 if newest else 1,
        author_ref=actor.ref,
        author_name=actor.name,
    )
    content.set_on(version)
    version.save(force_insert=True)
    _record(actor, action, version)
    return version


def version_submit(actor: Actor, version: PlaybookVersion) -> PlaybookVersion:
    """Submit one's draft for review. From now on it is fixed, with the versions of its notices that
    are in effect now. Raises InvalidInput for a notice without one."""
    actor.require(Permission.EDIT_CATALOGUE)
    if version.author_ref != actor.ref:
        raise PermissionRefused(
            "not_author",
            "Only {author}, who wrote this version, may do this.",
            author=version.author_name,
        )
    with transaction.atomic():
        locked = _lock(version, VersionStatus.DRAFT, term("submitted"))
        content = PlaybookContent.of(locked).normal_form(actor).pinned(actor)
        content.set_on(locked)
        locked.status, locked.submitted_at = VersionStatus.IN_REVIEW, database_now()
        locked.save()
        _record(actor, Action.PLAYBOOK_SUBMITTED, locked)
    return locked


def version_approve(
    actor: Actor, version: PlaybookVersion, *, confirmation: Confirmation | None = None
) -> PlaybookVersion:
    """Publish somebody else's version in place of the published one. Raises PermissionRefused for
    one's own, Unprocessable if one of its notices is retired by now, Unavailable if the witnesses'
    quorum is late, and what `approval_record` raises."""
    with transaction.atomic():
        locked = _lock_for_review(actor, version, term("approved"))
        notice_versions(actor, locked)
        before = locked.playbook.versions.filter(status=VersionStatus.PUBLISHED)
        superseded = list(before.values_list("pk", flat=True))
        before.update(status=VersionStatus.SUPERSEDED)
        _decide(actor, locked, VersionStatus.PUBLISHED)
        entry = _entry(Action.PLAYBOOK_APPROVED, locked, superseded)
        entry = approval_record(actor, entry, confirmation=confirmation)
        audit.record_many(actor, [entry])
    return locked


def version_reject(actor: Actor, version: PlaybookVersion, *, reason: str) -> PlaybookVersion:
    """Reject somebody else's version, with a reason for its author."""
    if is_blank(reason):
        raise InvalidInput(
            "reason_missing", "Say why, so that the author can mend it.", {"field": "reason"}
        )
    with transaction.atomic():
        locked = _lock_for_review(actor, version, term("rejected"))
        locked.reject_reason = reason.strip()
        _decide(actor, locked, VersionStatus.REJECTED)
        _record(actor, Action.PLAYBOOK_REJECTED, locked)
    return locked


def playbook_retire(actor: Actor, playbook: Playbook) -> Playbook:
    """Retire a playbook: nobody can start it any more. Incidents that run go on."""
    actor.require(Permission.REVIEW_CATALOGUE)
    with transaction.atomic():
        held = _hold(playbook)
        if held.retired_at is None:
            held.retired_at = database_now()
            held.save(update_fields=["retired_at"])
            data = told((PLAYBOOK, held.pk))
            audit.record(actor, Action.PLAYBOOK_RETIRED, target=_target(held), data=data)
    return held


def playbook_revision(version: PlaybookVersion) -> str:
    """Return the revision that a form sends back as `expected`."""
    return revision(playbook_state(version))


def _hold(playbook: Playbook) -> Playbook:
    return Playbook.objects.select_for_update(no_key=True).get(pk=playbook.pk)


def _lock(version: PlaybookVersion, status: VersionStatus, verb: str) -> PlaybookVersion:
    """Return the version as it is now, locked. Raises Conflict unless it has this status."""
    _hold(version.playbook)
    locked = PlaybookVersion.objects.select_for_update().get(pk=version.pk)
    if locked.status != status:
        raise Conflict(
            "wrong_status",
            "Version {number} is {status:lower} and can't be {verb}. Load the page again to see "
            "its state.",
            number=locked.number,
            status=term_of(VersionStatus(locked.status).label),
            verb=verb,
        )
    return locked


def _lock_for_review(actor: Actor, version: PlaybookVersion, verb: str) -> PlaybookVersion:
    actor.require(Permission.REVIEW_CATALOGUE)
    if is_own(actor, version.author_ref):
        raise PermissionRefused(
            "own_work", "Nobody decides on their own version. Ask another approver."
        )
    return _lock(version, VersionStatus.IN_REVIEW, verb)


def _decide(actor: Actor, version: PlaybookVersion, status: VersionStatus) -> None:
    version.status = status
    version.reviewer_ref, version.reviewer_name = actor.ref, actor.name
    version.reviewed_at = database_now()
    version.save()


def _target(playbook: Playbook) -> audit.Target:
    return ("playbook", playbook.key, playbook.title)


def _record(
    actor: Actor, action: Action, version: PlaybookVersion, superseded: Sequence[int] = ()
) -> None:
    audit.record_many(actor, [_entry(action, version, superseded)])


def _entry(
    action: Action, version: PlaybookVersion, superseded: Sequence[int] = ()
) -> audit.Record:
    data: dict[str, Any] = {
        "version": version.number,
        "status": str(version.status),
        **PlaybookContent.of(version).ledger_data(),
        **told((PLAYBOOK, version.playbook_id), (PLAYBOOK_VERSION, [version.pk, *superseded])),
    }
    if version.reject_reason:
        data["reject_reason"] = version.reject_reason
    if version.playbook.team is not None:
        data["team"] = version.playbook.team.name
    return audit.Record(action, _target(version.playbook), data)
