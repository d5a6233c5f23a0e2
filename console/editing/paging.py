"""Pages of lists: numbered, or by keys without counting for lists that only grow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from console.actors import Actor
from console.site.access import actor_of
from console.text.form_fields import FilterForm


def numbered_page(request: HttpRequest, found: Any, size: int) -> Page[Any]:
    """Return the page with the number in the address, or the nearest that exists."""
    return Paginator(found, size).get_page(request.GET.get("page"))


def filtered_list(
    request: HttpRequest,
    template: str,
    form: FilterForm,
    find: Callable[..., QuerySet[Any, Any]],
    size: int,
) -> HttpResponse:
    """Show a page of a list: `size` rows of what `find` returns for the actor and the filters."""
    actor: Actor = actor_of(request)
    found = form.only(find(actor, **form.chosen))
    context = {
        "page": numbered_page(request, found, size),
        "form": form,
        "filtered": form.is_filled,
    }
    return render(request, template, context, status=form.http_status)


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """A part of a list, newest first, and the query strings of other parts ("" for none)."""

    rows: list[Any]
    newest: str
    newer: str
    older: str
    oldest: str


def keyset_page(found: Any, query: QueryDict, size: int) -> KeysetPage:
    """Return `size` rows: those `before` a primary key of the query, those `after` one, the
    `oldest`, or else the newest.

    A key, unlike a page number, is not shifted by new rows, and every page costs the same.
    """
    before, after = _key(query, "before"), _key(query, "after")
    is_oldest = before is None and after is None and "oldest" in query
    newest_first = found.order_by("-pk")
    if before is not None:
        newest_first = newest_first.filter(pk__lt=before)
    if after is None and not is_oldest:
        rows: list[Model] = list(newest_first[: size + 1])
        has_older, has_newer = len(rows) > size, before is not None
        rows = rows[:size]
    else:
        oldest_first = found.order_by("pk")
        if after is not None:
            oldest_first = oldest_first.filter(pk__gt=after)
        rows = list(oldest_first[: size + 1])
        has_newer, has_older = len(rows) > size, after is not None
        rows = rows[:size][::-1]
    return KeysetPage(
        rows=rows,
        newest=_query(query) if has_newer or (after is not None and not rows) else "",
        newer=_query(query, after=str(rows[0].pk)) if has_newer and rows else "",
        older=_query(query, before=str(rows[-1].pk)) if has_older and rows else "",
        oldest=_query(query, oldest="1") if has_older else "",
    )


def _key(query: QueryDict, name: str) -> int | None:
    given = query.get(name, "")
    # Longer numbers are no keys.
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None


def _query(query: QueryDict, **place: str) -> str:
    changed = query.copy()
    for name in ("before", "after", "oldest"):
        changed.pop(name, None)
    for name, value in place.items():
        changed[name] = value
    return f"?{changed.urlencode()}"
