"""Who sees a version, as its editor chooses it: everyone, a preset, or what the version has now.

A version may have what no preset says: given by API or import, or by a preset that says something
else by now. That is a choice of its own on the page, and the chosen one: so nobody shows customers
what was for the staff by opening a page and saving it.
"""

import re
from typing import Any

from django.utils.translation import gettext as _

from console.catalogue.models import NoticeVersion, Visibility, VisibilityPreset

# A preset as it is now; or a visibility as a version has it, with the preset that it came from.
EVERYONE = f"{Visibility.ALL}:"
CHOICE = re.compile(r"(?:(ALL|INT|VIP):)?([0-9]{0,9})")


def kept_choice(version: NoticeVersion) -> str:
    """What the version has, whatever its preset says by now."""
    if version.preset_id is None and version.visibility == Visibility.ALL:
        return ""
    return f"{version.visibility}:{version.preset_id or ''}"


def audience_choices(kept: str) -> list[tuple[str, str]]:
    """The choices of a page that began with `kept`."""
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
    """What `version_create` takes of a choice that was offered."""
    visibility, preset_id = _read(choice)
    if preset_id is None:
        return {"preset": None, "visibility": visibility or Visibility.ALL}
    return {"preset": VisibilityPreset.objects.get(pk=preset_id), "visibility": visibility}


def preset_of(choice: str) -> VisibilityPreset | None:
    _visibility, preset_id = _read(choice)
    return VisibilityPreset.objects.filter(pk=preset_id).first() if preset_id else None


def _read(choice: str) -> tuple[str | None, int | None]:
    """A choice's visibility and preset; of one that is none, nothing."""
    found = CHOICE.fullmatch(choice)
    if found is None:
        return None, None
    visibility, preset_id = found.groups()
    return visibility, int(preset_id) if preset_id else None
