"""What the columns of a catalogue's file are called, and what stands in their cells.

A row is a version of a notice with the notice's own facts, which each of its rows repeats; a
notice without words has one row without a version. Presets and categories are rows of their own. A
cell is always a text; an empty one says that there is nothing.
"""

from collections.abc import Sequence

from console.catalogue.content import version_content as content
from console.catalogue.content.version_content import BODY

PRESET, CATEGORY, NOTICE = "preset", "category", "notice"

NOTICE_FACTS = ("kind", "title", "category", "team", "tags", "shortcut", "retired_at")
# What only a restored version has: who wrote it and who decided on it, when and how.
PROVENANCE = (
    *("author", "author_name", "created_at", "submitted_at", "snippets"),
    *("reviewer", "reviewer_name", "reviewed_at", "reject_reason"),
)
COLUMNS = (
    "record",
    "key",
    *NOTICE_FACTS,
    "version",
    "status",
    *content.COLUMNS,
    *PROVENANCE,
    "roles",
)
MOMENTS = frozenset({"retired_at", "created_at", "submitted_at", "reviewed_at", *content.MOMENTS})
# The most that the database keeps of each, in characters.
LONGEST = {
    **dict.fromkeys(("key", "message_type", "nickname", "preset"), 100),
    **dict.fromkeys(("title", "new_title", "author_name", "reviewer_name"), 200),
    **dict.fromkeys(("author", "reviewer"), 55),
    "default_locale": 35,
    "category": 600,
    "team": 100,
}


def body_columns(locales: Sequence[str]) -> list[str]:
    return [f"{BODY}{locale}" for locale in sorted(locales)]
