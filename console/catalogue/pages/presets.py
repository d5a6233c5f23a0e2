"""Pages of visibility presets, and of the review of their proposals."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.accounts.approvals.asking import asks_for_key, confirmation_of
from console.accounts.approvals.grades import approval_grades
from console.accounts.own_work import own_refs
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.catalogue.models import PresetChange, VisibilityPreset
from console.catalogue.pages.forms import PresetForm
from console.catalogue.review.presets import (
    preset_approve,
    preset_create,
    preset_reject,
    preset_state,
    preset_update,
)
from console.catalogue.selectors import preset_change, preset_get, presets
from console.editing.confirmation import posted
from console.editing.saving import form_page, save
from console.errors import ConsoleError, Unconfirmed
from console.site.access import actor_of, require


@require_GET
@require(Permission.VIEW_CATALOGUE)
def preset_list(request: HttpRequest) -> HttpResponse:
    return _list(request)


def _list(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    actor = actor_of(request)
    shown = list(presets(actor))
    grades = approval_grades(Action.PRESET_APPROVED, [preset.pk for preset in shown])
    context = {
        "presets": shown,
        "grades": {int(ref): words for ref, words in grades.items()},
        "own_refs": own_refs(actor),
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "catalogue/preset_list.html", context, status=status)


@require_POST
@require(Permission.REVIEW_CATALOGUE)
@asks_for_key(lambda preset_id: reverse("preset-list"))
def approve_preset(request: HttpRequest, preset_id: int) -> HttpResponse:
    def approve(actor: Actor, change: int) -> object:
        preset = preset_get(actor, preset_id)
        return preset_approve(actor, preset, change=change, confirmation=confirmation_of(request))

    return _decide(request, approve, _("Approved. It holds from now on."))


@require_POST
@require(Permission.REVIEW_CATALOGUE)
def reject_preset(request: HttpRequest, preset_id: int) -> HttpResponse:
    def reject(actor: Actor, change: int) -> object:
        reason = request.POST.get("reason", "")
        return preset_reject(actor, preset_get(actor, preset_id), reason=reason, change=change)

    return _decide(request, reject, _("Rejected. The preset stays as it is."))


def _decide(request: HttpRequest, act: Callable[[Actor, int], object], done: str) -> HttpResponse:
    """Carry out a decision on the proposal that was shown."""
    shown = request.POST.get("change") or request.GET.get("change", "")
    change = int(shown) if shown.isdecimal() and len(shown) < 19 else 0
    try:
        act(actor_of(request), change)
    except Unconfirmed:
        raise
    except ConsoleError as refusal:
        return _list(request, error=refusal.message, status=refusal.status)
    messages.success(request, done)
    return redirect("preset-list")


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def preset_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = PresetForm(posted(request))
    if save(form, lambda values: preset_create(actor, **values)):
        return _proposed(request)
    return form_page(request, "catalogue/preset_form.html", form)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def preset_edit(request: HttpRequest, preset_id: int) -> HttpResponse:
    actor = actor_of(request)
    preset = preset_get(actor, preset_id)
    form = PresetForm(posted(request), proposed=_to_change(actor, preset))
    if save(
        form,
        lambda values: preset_update(actor, preset, **values),
        saved_now=lambda: preset_state(_saved_now(preset_get(actor, preset_id))),
    ):
        return _proposed(request)
    return form_page(request, "catalogue/preset_form.html", form, known=form.initial)


def _to_change(actor: Actor, preset: VisibilityPreset) -> VisibilityPreset | PresetChange:
    """Return the actor's own open proposal, else the preset."""
    waiting = preset_change(preset)
    return waiting if waiting is not None and waiting.author_ref == actor.ref else preset


def _saved_now(preset: VisibilityPreset) -> VisibilityPreset | PresetChange:
    """Return the open proposal, whoever made it, else the preset."""
    return preset_change(preset) or preset


def _proposed(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("Proposed. An approver who is not you decides on it."))
    return redirect("preset-list")
