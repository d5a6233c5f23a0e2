"""What the board's list shows: the rows of a page, its heads, and the saved views above it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page
from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.actors import Actor
from console.editing.paging import numbered_page
from console.interactions.saved_views import Counted, may_change, saved_views, views_counted
from console.interactions.selectors import interactions_visible
from console.web.board import columns
from console.web.board.chosen import AUDIENCE, VIEW, Chosen, read_chosen
from console.web.board.rows import rows_elsewhere, rows_of, shown_ids

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view above the list. `is_changed`: it was opened, and the list shows other chats or
    another order by now. `edit_url` is "" if the person may not change it."""

    counted: Counted
    url: str
    rows_url: str
    is_open: bool
    is_changed: bool
    edit_url: str


def rows_context(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    chosen = read_chosen(actor, request.GET)
    sort = columns.known_sort(request.GET.get("sort", ""))
    chats = columns.sorted_chats(interactions_visible(actor, chosen), sort)
    page = numbered_page(request, chats, PAGE_SIZE)
    rows = rows_of(actor, page.object_list)
    here = list_query(chosen, sort, page.number)
    return {
        "rows": rows,
        "elsewhere": rows_elsewhere(actor, chosen, shown_ids(request), rows),
        "chosen": chosen,
        "filter": chosen.filter,
        "filter_words": filter_words(chosen),
        "sort": sort,
        "heads": columns.heads(sort, chosen.here),
        "rows_query": urlencode(here),
        "rows_url": columns.board_url(here, "board-rows"),
        "board_url": columns.board_url(here),
        **selection_context(chosen, sort, page),
        **_tabs(actor, chosen, sort),
    }


def list_query(chosen: Chosen, sort: str, page: int = 1) -> dict[str, Any]:
    """Return what the list shows, as parameters of the board's address."""
    query = chosen.here
    here = {**query, "sort": sort} if sort != columns.DEFAULT_SORT else query
    return _with_page(here, page)


def selection_context(chosen: Chosen, sort: str, page: Page[Any]) -> dict[str, Any]:
    """Return what the bar below the list says: how many chats there are, and other pages."""
    return {
        "page": page,
        "filtered": bool(chosen.query),
        "is_everyone": chosen.whole is not None and chosen.whole.is_everyone,
        **_page_urls(page, list_query(chosen, sort)),
    }


def _tabs(actor: Actor, chosen: Chosen, sort: str) -> dict[str, Any]:
    """Return the saved views with the numbers of their chats, and what "save" leads to."""
    total, found = views_counted(actor, list(saved_views(actor)))
    tabs = [_tab(actor, each, chosen, sort) for each in found]
    return {"live_total": total, "tabs": tabs, "new_view_url": _new_view_url(chosen, sort)}


def _tab(actor: Actor, each: Counted, chosen: Chosen, sort: str) -> Tab:
    view = each.view
    query: dict[str, Any] = {AUDIENCE: each.text, VIEW: view.pk}
    if view.sort != columns.DEFAULT_SORT:
        query["sort"] = view.sort
    is_open = chosen.view == view.pk
    is_changed = is_open and (_is_other(chosen, each.text) or view.sort != sort)
    edit_url = ""
    if may_change(actor, view):
        edit_url = columns.board_url(
            _saved(chosen, sort) if is_changed else {}, "saved-view-edit", view.pk
        )
    # What can't even be read is opened where it can be changed.
    if not each.text:
        return Tab(each, edit_url, "", is_open, is_changed, edit_url)
    rows_url = columns.board_url({**query, "tab": 1}, "board-rows")
    return Tab(each, columns.board_url(query), rows_url, is_open, is_changed, edit_url)


def _is_other(chosen: Chosen, text: str) -> bool:
    """Return whether the list shows other chats than those of this audience."""
    whole = chosen.whole
    return chosen.text != text if whole is None else whole.to_text() != text


def _saved(chosen: Chosen, sort: str) -> dict[str, Any]:
    """Return what is saved of the list, as parameters of the page that saves it."""
    whole = chosen.whole
    text = whole.to_text() if whole else chosen.text
    return {**({AUDIENCE: text} if text else {}), "sort": sort}


def _new_view_url(chosen: Chosen, sort: str) -> str:
    return columns.board_url(_saved(chosen, sort), "saved-view-create")


def _with_page(query: dict[str, Any], number: int) -> dict[str, Any]:
    return {**query, "page": number} if number > 1 else query


def _page_urls(page: Page[Any], query: dict[str, Any]) -> dict[str, str]:
    """Return the addresses of the neighbouring pages, both whole and only their rows."""
    urls = {}
    if page.has_previous():
        previous = _with_page(query, page.previous_page_number())
        urls["previous_query"] = columns.board_url(previous)
        urls["previous_rows"] = columns.board_url(previous, "board-rows")
    if page.has_next():
        following = _with_page(query, page.next_page_number())
        urls["next_query"] = columns.board_url(following)
        urls["next_rows"] = columns.board_url(following, "board-rows")
    return urls


def filter_words(chosen: Chosen) -> str:
    """Return the filters as text, for an empty result."""
    names = {
        "q": _("text"),
        "queue": _("queue"),
        "agent": _("agent"),
        "chat_server": _("Chat Server"),
        "locale": _("language"),
        "team": _("team"),
        "online": _("online"),
        "waiting_longer_than": _("waiting longer than (seconds)"),
        AUDIENCE: _("conditions"),
    }
    return ", ".join(f"{names[name]} {value}" for name, value in chosen.query.items())
