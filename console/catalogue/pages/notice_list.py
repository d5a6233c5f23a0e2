"""The list of notices, with filters, search and usage."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.actors import Actor, Permission
from console.catalogue import usage
from console.catalogue.pages.forms import NoticeFilterForm
from console.catalogue.review.remarks import failing_notices
from console.catalogue.selectors import categories, in_tree_order, notices
from console.editing.paging import numbered_page
from console.site.access import actor_of, require

NOTICES_A_PAGE = 50


@require_GET
@require(Permission.VIEW_CATALOGUE)
def notice_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = NoticeFilterForm(request.GET)
    chosen = form.chosen
    show, days = chosen.pop("show", ""), chosen.pop("days", "") or 30
    found = form.only(usage.shown(actor, notices(actor, **chosen), show, days=days))
    page = numbered_page(request, found, NOTICES_A_PAGE)
    page.object_list = list(page.object_list)
    context = {
        "page": page,
        "form": form,
        "show": show,
        "days": days,
        "filtered": form.is_filled,
        "categories": in_tree_order(categories(actor)),
        "favourites": set(usage.favourite_ids(actor)),
        "failing": failing_notices(page.object_list),
        "uses": _uses(actor, page.object_list, show, days),
    }
    return render(request, "catalogue/notice_list.html", context, status=form.http_status)


def _uses(actor: Actor, shown: list[Any], show: str, days: int) -> dict[int, usage.Use]:
    """Return the uses of the notices on the page, if the list is the most used ones; else
    nothing."""
    if show != "most_used":
        return {}
    return usage.notice_uses(actor, [notice.pk for notice in shown], days=days)
