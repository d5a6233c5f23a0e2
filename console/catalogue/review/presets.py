"""Writes visibility presets: one person proposes, another approves."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.approvals.stating import Confirmation
from console.accounts.approvals.writing import approval_record
from console.accounts.own_work import is_own
from console.accounts.roles import Role
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.catalogue.models import (
    ChangeStatus,
    PresetChange,
    Visibility,
    VisibilityPreset,
)
from console.catalogue.told import PRESET, PRESET_CHANGE
from console.editing.revision import State, require_unchanged
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.security.lookalikes import require_plain
from console.text.inputs import read_line, require_all
from console.text.naming import folded
from console.text.sentences import term
from console.text.visible import is_blank

CONTENT = ("name", "visibility", "nickname", "roles")


def preset_create(
    actor: Actor,
    *,
    name: str,
    visibility: str,
    nickname: str = "",
    roles: Sequence[str] | None = None,
) -> VisibilityPreset:
    """Propose a new visibility preset, which nobody can use before somebody else approves it.

    Without `roles`, everybody may use it then. Raises InvalidInput, also for a name or nickname
    that looks like another preset's, and Conflict for a name in use.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    content = _checked(
        {"name": name, "visibility": visibility, "nickname": nickname, "roles": roles}
    )
    _require_unlike(content, None)
    preset = VisibilityPreset(**content)
    try:
        with transaction.atomic():
            preset.save()
            change = _propose(actor, preset, content)
            _record(actor, Action.PRESET_CREATED, change)
    except IntegrityError as error:
        raise _name_taken(preset.name) from error
    return preset


def preset_content(preset: VisibilityPreset) -> dict[str, Any]:
    """Return the content of a preset as `preset_create` takes it."""
    content = {name: getattr(preset, name) for name in CONTENT}
    return content | {"roles": content["roles"] or None}


def preset_state(proposed: VisibilityPreset | PresetChange) -> State:
    """What a preset says, or would say, as plain data."""
    return {name: getattr(proposed, name) for name in CONTENT} | {"roles": sorted(proposed.roles)}


def preset_update(
    actor: Actor, preset: VisibilityPreset, *, expected: str | None = None, **changes: Any
) -> VisibilityPreset:
    """Propose that a preset says something else. It stays as it is until somebody else approves;
    another proposal of the actor's own is superseded. `expected` is the revision of the
    preset_state that was changed: of the actor's own proposal, where one waits.

    Raises Conflict while somebody else's waits, where it is not what was expected any more, or for
    a name in use. Versions that were made with the preset keep what they have, whatever becomes of
    it.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    content = _checked(preset_content(preset) | changes)
    _require_unlike(content, preset)
    with transaction.atomic():
        held = VisibilityPreset.objects.select_for_update().get(pk=preset.pk)
        waiting = preset.changes.filter(status=ChangeStatus.IN_REVIEW).first()
        if waiting is not None and waiting.author_ref != actor.ref:
            raise Conflict(
                "change_open",
                "A change by {author} waits for review. That one first.",
                author=waiting.author_name,
            )
        require_unchanged(preset_state(waiting or held), expected, term("this preset"))
        preset.changes.filter(status=ChangeStatus.IN_REVIEW).update(status=ChangeStatus.SUPERSEDED)
        superseded = [waiting.pk] if waiting else []
        _record(actor, Action.PRESET_CHANGED, _propose(actor, preset, content), superseded)
    return preset


def preset_approve(
    actor: Actor,
    preset: VisibilityPreset,
    *,
    change: int,
    confirmation: Confirmation | None = None,
) -> VisibilityPreset:
    """Approve a proposal, so that it takes effect now. `change` is the one that the reviewer saw.

    Raises PermissionRefused (own_work) for its author, Conflict if no proposal or a different one
    is open, InvalidInput if another preset has taken a similar name since, Unavailable if the
    witnesses' quorum is late, and what `approval_record` raises.
    """
    actor.require(Permission.REVIEW_CATALOGUE)
    try:
        with transaction.atomic():
            proposed = _decide(actor, preset, change, ChangeStatus.APPROVED)
            _require_unlike({name: getattr(proposed, name) for name in CONTENT}, preset)
            for name in CONTENT:
                setattr(preset, name, getattr(proposed, name))
            preset.is_approved = True
            preset.save()
            entry = _entry(Action.PRESET_APPROVED, proposed)
            entry = approval_record(actor, entry, confirmation=confirmation)
            audit.record_many(actor, [entry])
    except IntegrityError as error:
        raise _name_taken(preset.name) from error
    return preset


def preset_reject(
    actor: Actor, preset: VisibilityPreset, *, reason: str, change: int
) -> VisibilityPreset:
    """Reject a proposal with a reason; the preset stays unchanged. `change` is as for approval."""
    actor.require(Permission.REVIEW_CATALOGUE)
    if is_blank(reason):
        raise InvalidInput("reason_missing", "Say why, so that the author can mend it.")
    with transaction.atomic():
        proposed = _decide(actor, preset, change, ChangeStatus.REJECTED, reason.strip())
        _record(actor, Action.PRESET_REJECTED, proposed)
    return preset


def _checked(content: dict[str, Any]) -> dict[str, Any]:
    name = read_line(content["name"], what=term("A preset's name"), field="name")
    if not name:
        raise InvalidInput("name_missing", "Give the preset a name.", {"field": "name"})
    nickname = read_line(content["nickname"], what=term("A nickname"), field="nickname")
    roles = content["roles"]
    if roles is not None and not roles:
        raise InvalidInput(
            "roles_missing",
            "Say who may use it: some roles, or null for everybody.",
            {"field": "roles"},
        )
    roles = list(roles or ())
    known_visibility(content["visibility"])
    unknown = [role for role in roles if role not in Role.values]
    if unknown:
        raise InvalidInput("unknown_role", "{unknown}: no such role.", unknown=unknown)
    return {**content, "name": name, "nickname": nickname, "roles": roles}


def _require_unlike(content: dict[str, Any], preset: VisibilityPreset | None) -> None:
    """Raise Conflict for another preset's name, and InvalidInput for a look-alike name or nickname.

    Both are reported at once. The preset's present name and nickname are always accepted.
    """
    others = VisibilityPreset.objects.all()
    if preset is not None:
        others = others.exclude(pk=preset.pk)

    def require_free() -> None:
        is_own_name = preset is not None and folded(content["name"]) == folded(preset.name)
        names = others.values_list("name", flat=True)
        if not is_own_name and folded(content["name"]) in map(folded, names):
            raise _name_taken(content["name"])

    def require_unlike(name: str, what: str) -> None:
        text = content[name]
        if text and (preset is None or text != getattr(preset, name)):
            known = others.exclude(**{name: ""}).values_list(name, flat=True)
            require_plain(
                text,
                what=what,
                field=name,
                others=known,
                of_others=term("which another preset has"),
            )

    require_all(
        require_free,
        lambda: require_unlike("name", term("The name")),
        lambda: require_unlike("nickname", term("The nickname")),
    )


def _propose(actor: Actor, preset: VisibilityPreset, content: dict[str, Any]) -> PresetChange:
    return PresetChange.objects.create(
        preset=preset, author_ref=actor.ref, author_name=actor.name, **content
    )


def _decide(
    actor: Actor,
    preset: VisibilityPreset,
    change: int,
    status: ChangeStatus,
    reason: str = "",
) -> PresetChange:
    VisibilityPreset.objects.select_for_update().get(pk=preset.pk)
    proposed = preset.changes.filter(status=ChangeStatus.IN_REVIEW).first()
    if proposed is None or change != proposed.pk:
        raise Conflict(
            "wrong_status",
            "The preset {preset} has no such change to decide on any more. Load the page again to "
            "see its state.",
            preset=preset.name,
        )
    if is_own(actor, proposed.author_ref):
        raise PermissionRefused(
            "own_work", "Nobody decides on their own change. Ask another approver."
        )
    proposed.status = status
    proposed.reviewer_ref, proposed.reviewer_name = actor.ref, actor.name
    proposed.reviewed_at, proposed.reject_reason = timezone.now(), reason
    proposed.save()
    return proposed


def _record(
    actor: Actor, action: Action, change: PresetChange, superseded: Sequence[int] = ()
) -> None:
    audit.record_many(actor, [_entry(action, change, superseded)])


def _entry(action: Action, change: PresetChange, superseded: Sequence[int] = ()) -> audit.Record:
    data: dict[str, Any] = {name: getattr(change, name) for name in CONTENT}
    if change.reject_reason:
        data["reject_reason"] = change.reject_reason
    rows = told((PRESET, change.preset_id), (PRESET_CHANGE, [change.pk, *superseded]))
    target = ("preset", change.preset_id, change.name)
    return audit.Record(action, target, {**data, "change": change.pk, **rows})


def _name_taken(name: str) -> Conflict:
    return Conflict(
        "name_taken",
        "There is a preset named {name} already. Choose another name.",
        {"field": "name"},
        name=name,
    )


def known_visibility(visibility: str) -> str:
    """Return `visibility` if it is known. Raises InvalidInput."""
    if visibility not in Visibility.values:
        raise InvalidInput(
            "unknown_visibility",
            "{visibility!r} is no visibility: choose {known}.",
            visibility=visibility,
            known=Visibility.values,
        )
    return visibility
