"""Pages of lists that only grow, without counting the rows."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from django.http import QueryDict


@dataclass(frozen=True, slots=True)
class OlderPage:
    """A part of a list, and the query strings of its neighbours ("" for none)."""

    rows: list[Any]
    older: str
    newest: str


def older_page(
    found: QuerySet[Any, Any], query: QueryDict, size: int, key: str = "pk"
) -> OlderPage:
    """Return `size` rows older than the query's `before`, the newest first.

    A cursor, unlike a page number, is not shifted by new rows, and every page costs the same.
    """
    before = query.get("before", "")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(**{f"{key}__lt": int(before)})
    else:
        before = ""
    rows: list[Model] = list(found.order_by(f"-{key}")[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    return OlderPage(
        rows=rows,
        older=_query(query, str(rows[-1].pk)) if more else "",
        newest=_query(query, None) if before else "",
    )


def _query(query: QueryDict, before: str | None) -> str:
    changed = query.copy()
    changed.pop("before", None)
    if before is not None:
        changed["before"] = before
    return f"?{changed.urlencode()}"
