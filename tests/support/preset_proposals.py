"""What waits to be decided on of a preset, for tests that look at it and decide at once."""

from console.actors import Actor
from console.catalogue.models import ChangeStatus, VisibilityPreset
from console.catalogue.review.presets import preset_approve, preset_reject


def waiting(preset: VisibilityPreset) -> int:
    """The id of the proposal; 0, which is none, where nothing waits."""
    found = preset.changes.filter(status=ChangeStatus.IN_REVIEW).values_list("pk", flat=True)
    return found.first() or 0


def approve_seen(actor: Actor, preset: VisibilityPreset) -> VisibilityPreset:
    return preset_approve(actor, preset, change=waiting(preset))


def reject_seen(actor: Actor, preset: VisibilityPreset, *, reason: str) -> VisibilityPreset:
    return preset_reject(actor, preset, reason=reason, change=waiting(preset))
