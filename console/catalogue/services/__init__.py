"""Writes of the catalogue: notices, their versions through review, and presets.

Every function takes the actor first and writes its audit entry in the same transaction.
"""

from console.catalogue.services.notices import notice_create, notice_retire, notice_update
from console.catalogue.services.presets import preset_create, preset_update
from console.catalogue.services.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
    version_update,
)

__all__ = [
    "notice_create",
    "notice_retire",
    "notice_update",
    "preset_create",
    "preset_update",
    "version_approve",
    "version_create",
    "version_reject",
    "version_submit",
    "version_update",
]
