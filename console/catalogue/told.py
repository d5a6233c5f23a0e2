"""What the ledger tells of the catalogue (console.audit.state.kinds)."""

from console.audit.actions import Action
from console.audit.state.kinds import Kind, Older, Row, declare, pass_over
from console.catalogue.models import (
    CannedNotice,
    Category,
    NoticeVersion,
    PresetChange,
    VisibilityPreset,
)

CREATED = "the entry of the creation has its own time"
# Migration 0002_presets makes these.
FIRST_PRESETS = {"Everyone": "ALL", "Staff only": "INT", "Supervisors only": "VIP"}


def _is_first_preset(row: Row) -> bool:
    is_known = FIRST_PRESETS.get(row["name"]) == row["visibility"]
    return is_known and not row["nickname"] and not row["roles"]


def _older_change(change: PresetChange) -> list[Older]:
    """An import from a file that was approved elsewhere did not number the change."""
    is_imported = change.author_ref.startswith("imported:")
    said = {"name": change.name} if is_imported else {"change": change.pk}
    return [("preset", str(change.preset_id), {"data__contains": said})]


def _older_version(version: NoticeVersion) -> list[Older]:
    of_import: dict[str, dict[str, dict[str, str]]] = {"versions": {str(version.number): {}}}
    return [
        ("version", f"{version.notice.key}/{version.number}", {}),
        ("notice", version.notice.key, {"data__contains": of_import}),
    ]


CATEGORY = declare(
    Kind(
        name="category",
        label="category",
        model=Category,
        made_by=frozenset({Action.CATEGORY_CREATED}),
        fields=("name", "parent_id", "team_id", "path", "depth"),
        passed_over={},
        older=lambda category: [("category", str(category.pk), {})],
    )
)
PRESET = declare(
    Kind(
        name="preset",
        label="preset",
        model=VisibilityPreset,
        made_by=frozenset({Action.PRESET_CREATED}),
        fields=("name", "visibility", "nickname", "roles", "is_approved"),
        passed_over={},
        older=lambda preset: [("preset", str(preset.pk), {})],
        is_first=_is_first_preset,
    )
)
PRESET_CHANGE = declare(
    Kind(
        name="preset_change",
        label="change of a preset",
        model=PresetChange,
        made_by=frozenset({Action.PRESET_CREATED}),
        fields=(
            *("preset_id", "status", "name", "visibility", "nickname", "roles"),
            *("author_ref", "author_name", "reviewer_ref", "reviewer_name", "reviewed_at"),
            "reject_reason",
        ),
        passed_over={"created_at": CREATED},
        older=_older_change,
    )
)
NOTICE = declare(
    Kind(
        name="notice",
        label="notice",
        model=CannedNotice,
        made_by=frozenset({Action.NOTICE_CREATED}),
        fields=("key", "kind", "title", "category_id", "team_id", "tags", "shortcut", "retired_at"),
        passed_over={"created_at": CREATED},
        older=lambda notice: [("notice", notice.key, {})],
    )
)
VERSION = declare(
    Kind(
        name="version",
        label="version of a notice",
        model=NoticeVersion,
        made_by=frozenset({Action.VERSION_CREATED}),
        fields=(
            *("notice_id", "number", "status", "default_locale", "bodies", "fields", "snippets"),
            *("new_title", "new_shortcut", "message_type", "nickname", "preset_id", "visibility"),
            *("notice_class", "valid_from", "valid_until", "change_note", "author_ref"),
            *("author_name", "submitted_at", "reviewer_ref", "reviewer_name", "reviewed_at"),
            "reject_reason",
        ),
        passed_over={"created_at": CREATED},
        older=_older_version,
    )
)

pass_over(
    {
        "catalogue.Favourite": "what a person has at hand, which nobody else sees",
        "catalogue.ImportJob": "temporary: the ledger has what was imported",
        "catalogue.NoticeWords": "derived: what the search reads, made of notices and versions",
    }
)
