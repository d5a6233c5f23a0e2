"""Pages that save, change, move and delete the board's views."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from console.actors import Actor, Permission
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.saving import form_page, save
from console.errors import ConsoleError, PermissionRefused
from console.interactions.audience.audience import Audience
from console.interactions.models import SavedView
from console.interactions.pages.saved_view_forms import SavedViewForm, text_of
from console.interactions.saved_views import may_change, saved_view_get, saved_views, teams_of_views
from console.interactions.services import (
    saved_view_create,
    saved_view_delete,
    saved_view_state,
    saved_view_update,
)
from console.site.access import actor_of, require

PAGE = "interactions/saved_view_form.html"


def _board_with(view: SavedView) -> str:
    query = {"audience": text_of(view.audience), "view": view.pk, "sort": view.sort}
    return f"{reverse('board')}?{urlencode(query)}"


def _proposed(request: HttpRequest) -> dict[str, str]:
    """Return what the board's list shows, as its address says."""
    return {name: request.GET[name] for name in ("audience", "sort") if name in request.GET}


def _changeable(actor: Actor, view_id: int) -> SavedView:
    view = saved_view_get(actor, view_id)
    if not may_change(actor, view):
        raise PermissionRefused(
            "not_own_view",
            "A team's views are for its supervisors to change. Save one of your own.",
        )
    return view


@require_http_methods(["GET", "POST"])
@require(Permission.VIEW_INTERACTIONS)
def saved_view_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = SavedViewForm(posted(request), teams=teams_of_views(actor), proposed=_proposed(request))
    view = save(form, lambda values: saved_view_create(actor, **values))
    if view is not None:
        messages.success(request, _("Saved. It stands above the list."))
        return redirect(_board_with(view))
    return form_page(request, PAGE, form)


@require_http_methods(["GET", "POST"])
@require(Permission.VIEW_INTERACTIONS)
def saved_view_edit(request: HttpRequest, view_id: int) -> HttpResponse:
    actor = actor_of(request)
    view = _changeable(actor, view_id)
    form = SavedViewForm(posted(request), view=view, proposed=_proposed(request))
    if save(
        form,
        lambda values: saved_view_update(actor, view, **values),
        saved_now=lambda: saved_view_state(saved_view_get(actor, view_id)),
    ):
        messages.success(request, _("Saved."))
        return redirect(_board_with(saved_view_get(actor, view_id)))
    view = saved_view_get(actor, view_id)  # again: a refused name must not be shown as its name
    beside = _beside(actor, view)
    return form_page(
        request,
        PAGE,
        form,
        view=view,
        refusal=_refusal(actor, view),
        is_first=beside[0] == view,
        is_last=beside[-1] == view,
    )


@require_POST
@require(Permission.VIEW_INTERACTIONS)
def saved_view_shift(request: HttpRequest, view_id: int) -> HttpResponse:
    """Move a view by one place to the left or to the right."""
    actor = actor_of(request)
    view = _changeable(actor, view_id)
    beside = _beside(actor, view)
    step = -1 if request.POST.get("to") == "left" else 1
    saved_view_update(actor, view, position=beside.index(view) + 1 + step)
    messages.success(request, _("Moved."))
    return redirect("saved-view-edit", view.pk)


@asks
@require(Permission.VIEW_INTERACTIONS)
def saved_view_remove(request: HttpRequest, view_id: int) -> HttpResponse:
    actor = actor_of(request)
    view = _changeable(actor, view_id)
    step = Step(
        title=_("Delete the view %(name)s?"),
        text=_("Its tab goes. No chat and no send changes. It can't be taken back."),
        button=_("Delete it"),
        done=_("The view %(name)s is deleted."),
    )
    return take_step(
        request,
        step,
        lambda: saved_view_delete(actor, view),
        name=view.name,
        page=reverse("saved-view-edit", args=[view.pk]),
        leads_to=reverse("board"),
    )


def _refusal(actor: Actor, view: SavedView) -> str:
    """Return why the saved conditions can't be used any more; "" if they can."""
    try:
        Audience.from_mapping(view.audience).to_condition(actor)
    except ConsoleError as refusal:
        return refusal.message
    return ""


def _beside(actor: Actor, view: SavedView) -> list[SavedView]:
    mine = saved_views(actor).filter(owner_ref=view.owner_ref, team=view.team)
    return list(mine.order_by("position", "pk"))
