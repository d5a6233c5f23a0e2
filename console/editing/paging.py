"""Pages of lists: numbered, or by a cursor without counting for lists that only grow."""

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
class OlderPage:
    """A part of a list, and the query strings of its neighbours ("" for none)."""

    rows: list[Any]
    older: str
    newest: str


def older_page(found: QuerySet[Any, Any], query: QueryDict, size: int) -> OlderPage:
    """Return `size` rows older than the query's `before`, the newest first.

    A cursor, unlike a page number, is not shifted by new rows, and every page costs the same.
    """
    before = query.get("before", "")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    else:
        before = ""
    rows: list[Model] = list(found.order_by("-pk")[: size + 1])
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
