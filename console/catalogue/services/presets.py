"""Visibility presets."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from console.accounts.models import Role
from console.actors import Actor, Permission
from console.audit import services as audit
from console.catalogue.models import Visibility, VisibilityPreset
from console.errors import Conflict, InvalidInput


def preset_create(
    actor: Actor, *, name: str, visibility: str, nickname: str = "", roles: Sequence[str] = ()
) -> VisibilityPreset:
    """Create a visibility preset. Raises InvalidInput, or Conflict for a name in use."""
    actor.require(Permission.EDIT_CATALOGUE)
    preset = VisibilityPreset()
    return _save_preset(
        actor,
        preset,
        "preset.created",
        {"name": name, "visibility": visibility, "nickname": nickname, "roles": list(roles)},
    )


def preset_update(actor: Actor, preset: VisibilityPreset, **changes: Any) -> VisibilityPreset:
    """Change a preset. Versions that were made with it keep what they have."""
    actor.require(Permission.EDIT_CATALOGUE)
    return _save_preset(actor, preset, "preset.changed", changes)


def _save_preset(
    actor: Actor, preset: VisibilityPreset, action: str, values: dict[str, Any]
) -> VisibilityPreset:
    for name, value in values.items():
        setattr(preset, name, value)
    preset.name = preset.name.strip()
    if not preset.name:
        raise InvalidInput("name_missing", "Give the preset a name.")
    known_visibility(preset.visibility)
    unknown = [role for role in preset.roles if role not in Role.values]
    if unknown:
        raise InvalidInput("unknown_role", f"{', '.join(unknown)}: no such role.")
    try:
        with transaction.atomic():
            preset.save()
            audit.record(
                actor, action, target=("preset", preset.pk, preset.name), data=dict(values)
            )
    except IntegrityError as error:
        raise Conflict(
            "name_taken", f"There is a preset named {preset.name} already. Choose another name."
        ) from error
    return preset


def known_visibility(visibility: str) -> str:
    """`visibility` where it is one, or InvalidInput."""
    if visibility not in Visibility.values:
        raise InvalidInput(
            "unknown_visibility",
            f"{visibility!r} is no visibility: choose {', '.join(Visibility.values)}.",
        )
    return visibility
