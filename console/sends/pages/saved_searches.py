"""Pages that save, rename and delete searches of the history, and choose its columns."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from console.actors import Permission
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.forms import EditForm
from console.editing.revision import State
from console.editing.saving import form_page, save
from console.sends.asking.columns import columns_set
from console.sends.asking.own import COLUMNS, columns_of, saved_search_get
from console.sends.asking.saved_searches import (
    saved_search_create,
    saved_search_delete,
    saved_search_rename,
    saved_search_state,
)
from console.sends.models import SavedSearch
from console.sends.pages.forms import HistoryForm
from console.sends.pages.history_asked import address, chips, query_of, saved_query
from console.site.access import actor_of, require
from console.text.form_fields import LineField

NAMED, CHOSEN = "sends/saved_search.html", "sends/history_columns.html"


class SavedSearchForm(EditForm):
    """A search's name."""

    name = LineField(
        label=gettext_lazy("Name"),
        max_length=100,
        error_messages={"required": gettext_lazy("Give the search a name.")},
    )

    def typed_state(self) -> State:
        return {"name": self.cleaned_data.get("name", "")}


class ColumnsForm(forms.Form):
    """A box for each column."""

    def __init__(self, data: QueryDict | None, *, chosen: list[str]) -> None:
        super().__init__(data)
        for name, label in COLUMNS.items():
            self.fields[name] = forms.BooleanField(
                label=label, required=False, initial=name in chosen
            )

    @property
    def chosen(self) -> list[str]:
        return [name for name in COLUMNS if self.cleaned_data[name]]


@require_http_methods(["GET", "POST"])
@require(Permission.SEND, Permission.VIEW_HISTORY)
def saved_search_new(request: HttpRequest) -> HttpResponse:
    """Save what the address searches for."""
    actor = actor_of(request)
    form = SavedSearchForm(posted(request))
    query = query_of(request.GET)
    search = save(form, lambda values: saved_search_create(actor, query=query, **values))
    if search is not None:
        messages.success(request, _("Saved. It stands above the history."))
        return redirect(_history_with(search))
    return form_page(request, NAMED, form, **_shown(request, request.GET))


@require_http_methods(["GET", "POST"])
@require(Permission.SEND, Permission.VIEW_HISTORY)
def saved_search_edit(request: HttpRequest, search_id: int) -> HttpResponse:
    actor = actor_of(request)
    search = saved_search_get(actor, search_id)
    form = SavedSearchForm(posted(request), state=saved_search_state(search))
    renamed = save(
        form,
        lambda values: saved_search_rename(actor, search, **values),
        saved_now=lambda: saved_search_state(saved_search_get(actor, search_id)),
    )
    if renamed is not None:
        messages.success(request, _("Saved."))
        return redirect(_history_with(renamed))
    search = saved_search_get(actor, search_id)  # again: a refused name is not its name
    return form_page(request, NAMED, form, search=search, **_shown(request, saved_query(search)))


@asks
@require(Permission.SEND, Permission.VIEW_HISTORY)
def saved_search_remove(request: HttpRequest, search_id: int) -> HttpResponse:
    actor = actor_of(request)
    search = saved_search_get(actor, search_id)
    step = Step(
        title=_("Delete the search %(name)s?"),
        text=_("Its name and its filters go. The history stays as it is."),
        button=_("Delete it"),
        done=_("The search %(name)s is deleted."),
    )
    return take_step(
        request,
        step,
        lambda: saved_search_delete(actor, search),
        name=search.name,
        page=reverse("saved-search-edit", args=[search.pk]),
        leads_to=reverse("history"),
    )


@require_http_methods(["GET", "POST"])
@require(Permission.SEND, Permission.VIEW_HISTORY)
def history_columns(request: HttpRequest) -> HttpResponse:
    """Choose the columns of the history, for oneself."""
    actor = actor_of(request)
    form = ColumnsForm(posted(request), chosen=columns_of(actor))
    back = address(request.GET, {})
    if form.is_valid():
        columns_set(actor, form.chosen)
        messages.success(request, _("Saved. The history shows these columns to you."))
        return redirect(back)
    return form_page(request, CHOSEN, form, back=back)


def _history_with(search: SavedSearch) -> str:
    return address(saved_query(search), {})


def _shown(request: HttpRequest, query: QueryDict) -> dict[str, Any]:
    """Return what the page says of the filters."""
    form = HistoryForm(query)
    return {
        "chips": chips(actor_of(request), form, query),
        "unread": form.error,
        "back": address(query, {}),
    }
