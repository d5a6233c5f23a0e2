"""Which words an editor had before them: so that nobody writes over what they have not seen."""

import hashlib
import json
from datetime import UTC, datetime

from console.catalogue.models import NoticeVersion

NOTHING = "none"
CONTENT = (
    "number",
    "default_locale",
    "bodies",
    "fields",
    "new_title",
    "new_shortcut",
    "message_type",
    "nickname",
    "preset_id",
    "visibility",
    "valid_from",
    "valid_until",
    "change_note",
)


def mark_of(version: NoticeVersion | None) -> str:
    """The same for the same version with the same content, else another."""
    if version is None:
        return NOTHING
    content = [getattr(version, name) for name in CONTENT]
    text = json.dumps(content, sort_keys=True, default=_in_utc)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
