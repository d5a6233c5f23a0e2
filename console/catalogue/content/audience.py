"""The audience of a version, as its editor chooses it: everyone, a preset, or the present one.

A version may have an audience that no preset has: from the API, from an import, or from a preset
that has changed since. The page offers that as a choice of its own and selects it, so that nobody
shows a staff text to customers by opening a page and saving it.
"""

import re
from typing import Any

from django.utils.translation import gettext as _

from console.catalogue.models import NoticeVersion, Visibility, VisibilityPreset

# A preset as it is now, or a version's own visibility with the preset that it came from.
EVERYONE = f"{Visibility.ALL}:"
CHOICE = re.compile(r"(?:(ALL|INT|VIP):)?([0-9]{0,9})")


def kept_choice(version: NoticeVersion) -> str:
    """Return the version's own audience as a choice, regardless of its preset's present content."""
    if version.preset_id is None and version.visibility == Visibility.ALL:
        return ""
    return f"{version.visibility}:{version.preset_id or ''}"


def audience_choices(kept: str) -> list[tuple[str, str]]:
    """Return the choices of a page that was opened with the choice `kept`."""
    visibility, preset_id = _read(kept)
    found: dict[str, str] = {EVERYONE: _("Everyone (ALL)")}
    presets = list(VisibilityPreset.objects.all())
    if visibility and preset_id in (None, *(preset.pk for preset in presets)):
        label = Visibility(visibility).label
        found[kept] = _("As it is: %(who)s (%(word)s)") % {"who": label, "word": visibility}
    for preset in (each for each in presets if each.is_approved):
        is_kept = (preset.pk, preset.visibility) == (preset_id, visibility)
        found[kept if is_kept else str(preset.pk)] = preset.name
    return list(found.items())


def audience(choice: str) -> dict[str, Any]:
    """Return the `version_create` arguments for a choice that was offered."""
    visibility, preset_id = _read(choice)
    if preset_id is None:
        return {"preset": None, "visibility": visibility or Visibility.ALL}
    return {"preset": VisibilityPreset.objects.get(pk=preset_id), "visibility": visibility}


def preset_of(choice: str) -> VisibilityPreset | None:
    _visibility, preset_id = _read(choice)
    return VisibilityPreset.objects.filter(pk=preset_id).first() if preset_id else None


def _read(choice: str) -> tuple[str | None, int | None]:
    """Return a choice's visibility and preset, or (None, None) if it is not valid."""
    found = CHOICE.fullmatch(choice)
    if found is None:
        return None, None
    visibility, preset_id = found.groups()
    return visibility, int(preset_id) if preset_id else None
