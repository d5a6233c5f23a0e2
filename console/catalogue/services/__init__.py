"""Writes of the catalogue: notices, their versions through review, categories and presets.

Every function takes the actor first and writes its audit entry in the same transaction.
"""

from console.catalogue.services.categories import (
    category_create,
    category_delete,
    category_update,
)
from console.catalogue.services.favourites import favourite_set
from console.catalogue.services.notices import (
    notice_create,
    notice_restore,
    notice_retire,
    notice_update,
)
from console.catalogue.services.presets import (
    preset_approve,
    preset_create,
    preset_reject,
    preset_update,
)
from console.catalogue.services.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
    version_update,
    versions_publish,
)

__all__ = [
    "category_create",
    "category_delete",
    "category_update",
    "favourite_set",
    "notice_create",
    "notice_restore",
    "notice_retire",
    "notice_update",
    "preset_approve",
    "preset_create",
    "preset_reject",
    "preset_update",
    "version_approve",
    "version_create",
    "version_reject",
    "version_submit",
    "version_update",
    "versions_publish",
]
