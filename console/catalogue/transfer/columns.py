"""What the columns of a catalogue's file are called, and what stands in their cells.

A row is a version of a notice with the notice's own facts, which each of its rows repeats; a
notice without words has one row without a version. Presets and categories are rows of their own. A
cell is always a text; an empty one says that there is nothing.
"""

from collections.abc import Sequence

from console.catalogue.content import version_content as content
from console.catalogue.content.version_content import BODY
from console.catalogue.models import NoticeVersion

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
# These are read in ways of their own, which say what is too long.
_READ_OTHERWISE = {"visibility", "new_shortcut"}


def _longest_of_a_version() -> dict[str, int]:
    columns = [NoticeVersion._meta.get_field(name) for name in content.TEXTS]
    lengths = {column.name: getattr(column, "max_length", None) for column in columns}
    return {name: it for name, it in lengths.items() if it and name not in _READ_OTHERWISE}


# The most that the database keeps of each, in characters.
LONGEST = {
    **_longest_of_a_version(),
    **dict.fromkeys(("key", "preset", "team"), 100),
    **dict.fromkeys(("title", "author_name", "reviewer_name"), 200),
    **dict.fromkeys(("author", "reviewer"), 55),
    "category": 600,
}


def body_columns(locales: Sequence[str]) -> list[str]:
    return [f"{BODY}{locale}" for locale in sorted(locales)]
