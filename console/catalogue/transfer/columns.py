"""The columns of a catalogue file, and what their cells contain.

A row is one version of a notice. Each row of a notice repeats the notice's own columns; a notice
without a version has one row. Presets and categories have rows of their own. A cell is always text;
an empty cell means an empty value.
"""

from collections.abc import Sequence

from console.catalogue.content import version_content as content
from console.catalogue.content.version_content import BODY
from console.catalogue.models import NoticeVersion

PRESET, CATEGORY, NOTICE = "preset", "category", "notice"

NOTICE_FACTS = ("kind", "title", "category", "team", "tags", "shortcut", "retired_at")
# Columns that only a restore reads: who wrote a version, and who decided on it, when and how.
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
_READ_OTHERWISE = {"visibility", "new_shortcut", "notice_class"}


def _longest_of_a_version() -> dict[str, int]:
    columns = [NoticeVersion._meta.get_field(name) for name in content.TEXTS]
    lengths = {column.name: getattr(column, "max_length", None) for column in columns}
    return {name: it for name, it in lengths.items() if it and name not in _READ_OTHERWISE}


# The longest text that the database stores in each column, in characters.
LONGEST = {
    **_longest_of_a_version(),
    **dict.fromkeys(("key", "preset", "team"), 100),
    **dict.fromkeys(("title", "author_name", "reviewer_name"), 200),
    **dict.fromkeys(("author", "reviewer"), 55),
    "category": 600,
}


def body_columns(locales: Sequence[str]) -> list[str]:
    return [f"{BODY}{locale}" for locale in sorted(locales)]
